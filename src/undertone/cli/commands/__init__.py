"""One file a command, each with the click command under the name ``command``."""
