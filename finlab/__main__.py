"""`python -m finlab`: the same as the command `finlab`."""

from finlab.cli import main

main()
