"""``python -m labelonce``."""

from labelonce.cli import main

if __name__ == "__main__":
    main()
