"""The command; `run` says how it is used."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python put the package here instead of its folder

from families.run import main

if __name__ == "__main__":
    sys.exit(main())
