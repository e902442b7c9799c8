"""`python -m blipkit`."""

from blipkit.cli import entry

if __name__ == "__main__":
    entry()
