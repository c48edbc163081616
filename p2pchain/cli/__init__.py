"""The command line: one file a group of verbs, loaded when it is used.

It turns words into calls and answers into words; what a chain, a node or a key is, is decided elsewhere.  Exit status:
0 done, 1 failed, 2 wrong use (a broken configuration or genesis included).  An error is told on standard error, and a
traceback never.  The names of verbs and options are promises; see the README.
"""

from p2pchain.cli.program import main, program

__all__ = ["main", "program"]
