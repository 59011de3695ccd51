"""The command; `run` says how it is used."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the folder of the package instead of the package itself

from families.run import main

if __name__ == "__main__":
    sys.exit(main())
