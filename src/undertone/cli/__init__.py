"""The command line: parse, call one function, print.

Nothing outside this package prints, reads arguments or exits. ``commands/`` holds one file a
command; ``group.py`` lists them and imports a command's file only when it is invoked.
"""

from undertone.cli.entry import main

__all__ = ["main"]
