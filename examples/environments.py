"""Makes the virtual environments: `.venv` for labelonce, `.label-studio/venv` for a private Label Studio.

    from environments import project_environment
    python = project_environment("dev")

A finished environment costs milliseconds: it is remade only when its lock file changes. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    sys.exit("The examples and tests need Linux or macOS: on Windows run them inside WSL.")

import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".label-studio"
LABEL_STUDIO_LOCK = ROOT / "examples" / "label-studio.txt"
PROJECT_LOCK = ROOT / "constraints.txt"

_STAMP = "labelonce-environment.json"
_OLDEST, _NEWEST = (3, 10), (3, 13)
_HEARTBEAT_S = 20.0

# What pip prints when a cause is known, and what the user does next.
_HINTS = (
    (("No space left on device",), "The disk is full: free some space, then run the same command again."),
    (
        ("Failed to establish a new connection", "name resolution", "ConnectTimeout", "from versions: none"),
        "No package index could be reached: check the network or the proxy (`pip config list`), then run it again.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "The package index has a certificate that pip does not trust: set `PIP_CERT` to your company's bundle.",
    ),
    (
        ("No matching distribution found", "Could not find a version"),
        "The package index lacks a pinned release: check `pip config list`; a mirror may be behind.",
    ),
)


class SetupError(Exception):
    """Something on this machine stops the set-up; the message says what to do about it."""


def check_python() -> None:
    """Raise SetupError unless the running Python can hold the environments."""
    version = sys.version_info[:2]
    if not _OLDEST <= version <= _NEWEST:
        word = "old" if version < _OLDEST else "new"
        raise SetupError(
            f"Python {version[0]}.{version[1]} is too {word}: labelonce needs Python 3.10 to 3.13. "
            f"Run the same command with another one, for example `{_other_python()} {' '.join(sys.argv)}`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "This Python cannot make virtual environments. On Debian or Ubuntu: `sudo apt install python3-venv` "
            f"(or `python{version[0]}.{version[1]}-venv`), then run the same command again."
        ) from error


def project_environment(*groups: str) -> Path:
    """Return the Python of `.venv`, which holds labelonce (editable) and the given dependency groups."""
    arguments = ["--constraint", str(PROJECT_LOCK), "--editable", str(ROOT)]
    inputs = (PROJECT_LOCK, ROOT / "pyproject.toml")
    return _environment("labelonce", ROOT / ".venv", inputs, arguments, groups, "2 to 5 minutes, 2.5 GB")


def server_environment() -> Path:
    """Return the Python of `.label-studio/venv`, which holds the pinned Label Studio."""
    arguments = ["--requirement", str(LABEL_STUDIO_LOCK)]
    return _environment("Label Studio", STATE / "venv", (LABEL_STUDIO_LOCK,), arguments, (), "1 to 4 minutes, 1 GB")


def all_environments(*groups: str) -> tuple[Path, Path]:
    """Make both environments side by side and return their Pythons: labelonce's, then Label Studio's."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        project = pool.submit(project_environment, *groups)
        server = pool.submit(server_environment)
        return project.result(), server.result()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, so that two commands do not make the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another command works on {path.stem}; waiting for it.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(*files: Path) -> str:
    """Return one hash of the contents of `files`."""
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _environment(
    name: str, folder: Path, inputs: Sequence[Path], arguments: list[str], groups: Sequence[str], cost: str
) -> Path:
    python = folder / "bin" / "python"
    # The folder is part of the key: scripts and the editable install hold it, so a copied checkout makes its own.
    key = hashlib.sha256(f"{digest(*inputs)} {folder}".encode()).hexdigest()
    if _complete(folder, key, groups):
        return python
    check_python()
    with exclusive(STATE / f"{name.lower().replace(' ', '-')}.lock"):
        if _complete(folder, key, groups):
            return python
        stamp = _read_stamp(folder)
        if folder.exists() and stamp is None:
            raise SetupError(
                f"{folder.relative_to(ROOT)} is there but was not made by this command: delete or move it, "
                "then run the same command again."
            )
        wanted = sorted({*groups, *((stamp or {}).get("groups") or ())})
        usable = bool(stamp and stamp.get("key") and stamp.get("folder") == str(folder) and python.exists())
        print(f"Installing {name} into {folder.relative_to(ROOT)} (the first time: {cost}) ...", flush=True)
        started = time.monotonic()
        # The stamp without a key marks the folder as ours and half-made, until everything below has succeeded.
        if not usable:
            shutil.rmtree(folder, ignore_errors=True)
            _write_stamp(folder, {})
            _run([sys.executable, "-m", "venv", str(folder)], name)
        else:
            _write_stamp(folder, {})
        pip = [str(python), "-m", "pip"]
        install = [*pip, "install", "--prefer-binary", "--progress-bar", "off", "--no-input"]
        if wanted and not _pip_knows_groups(folder):
            _run([*install, "--upgrade", "pip>=25.1"], name)
        for group in wanted:
            arguments = [*arguments, "--group", f"{ROOT / 'pyproject.toml'}:{group}"]
        _run([*install, *arguments], name)
        _run([*pip, "check"], name)
        _write_stamp(folder, {"key": key, "groups": wanted, "folder": str(folder)})
        print(f"{name} is installed ({time.monotonic() - started:.0f} s).", flush=True)
    return python


def _complete(folder: Path, key: str, groups: Sequence[str]) -> bool:
    stamp = _read_stamp(folder)
    return bool(
        stamp
        and stamp.get("key") == key
        and set(groups) <= set(stamp.get("groups") or ())
        and (folder / "bin" / "python").exists()
    )


def _read_stamp(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / _STAMP).read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write_stamp(folder: Path, stamp: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STAMP).write_text(json.dumps(stamp) + "\n")


def _pip_knows_groups(folder: Path) -> bool:
    for found in folder.glob("lib/python*/site-packages/pip-*.dist-info"):
        parts = found.name[len("pip-") : -len(".dist-info")].split(".")
        return tuple(int(part) for part in parts[:2] if part.isdigit()) >= (25, 1)
    return False


def _run(command: list[str], name: str) -> None:
    """Run `command` quietly with a line now and then; on failure show its last lines and the next step."""
    # A user-wide `user = true` would make pip refuse to work inside a virtual environment.
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("PYTHONHOME", None)
    environment.pop("PYTHONPATH", None)
    log = STATE / f"install-{name.lower().replace(' ', '-')}.log"
    started = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
        )
        try:
            while True:
                try:
                    process.wait(timeout=_HEARTBEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    print(f"  {name}: still installing ({time.monotonic() - started:.0f} s)", flush=True)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        text = log.read_text(errors="replace")
        raise SetupError(_failure(name, text, log))


def _failure(name: str, text: str, log: Path) -> str:
    tail = "\n".join(f"    {line}" for line in text.strip().splitlines()[-8:])
    known = (hint for marks, hint in _HINTS if any(mark in text for mark in marks))
    hint = next(known, "Run the same command again; if it fails again, the log has the whole story.")
    return f"Installing {name} failed. The last lines:\n{tail}\n{hint}\nLog: {log.relative_to(ROOT)}"


def _other_python() -> str:
    for minor in range(_NEWEST[1], _OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        # A version manager's shim is found on the PATH without a Python behind it.
        if shutil.which(name) and subprocess.run([name, "--version"], capture_output=True, check=False).returncode == 0:
            return name
    return "python3.12"
