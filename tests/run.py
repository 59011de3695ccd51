"""Runs every check of the project; arguments go to pytest.

    python3 tests/run.py [pytest arguments]

The first start installs both environments and takes some minutes. Standard library only.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))

from environments import SetupError, all_environments  # noqa: E402


def main() -> int:
    """Run the checks in order and return the exit code of the first that fails."""
    try:
        python, _ = all_environments("dev")
    except SetupError as error:
        print(f"tests: {error}", file=sys.stderr)
        return 2
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["pytest", *sys.argv[1:]]):
        print(f"$ {shlex.join(check)}", flush=True)
        code = subprocess.run([str(python), "-m", *check], cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
