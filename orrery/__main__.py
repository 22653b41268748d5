"""`python -m orrery …` is `orrery …`."""

from orrery.cli import main

if __name__ == "__main__":
    main()
