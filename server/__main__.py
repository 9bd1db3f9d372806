"""`python -m server` is the `presentity` command."""

from server.cli import main

main()
