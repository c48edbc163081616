"""`python -m p2pchain`: the command line."""

from p2pchain.cli import main

main()
