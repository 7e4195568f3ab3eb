"""`python -m cnncalc`."""

from cnncalc.cli.app import main

if __name__ == "__main__":
    main()
