"""Lets `python -m multillama` be the command itself."""

from multillama.cli.main import main

if __name__ == "__main__":
    main()
