"""Speed of prediction against the alternatives, each in processes of its own; `make bench`."""
