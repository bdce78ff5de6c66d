"""``python -m tinykd``: the command line, where scripts are not on the path."""

from tinykd.cli import main

if __name__ == "__main__":
    main()
