"""The Pythons of this machine, and what labelonce's code asks of each. Run by any of them: standard library only.

    python3.10 tests/pythons.py plugin/labelonce

prints, as JSON, what the code names of the standard library and is not there, or is no generic and used as one.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
FURTHER = "LABELONCE_PYTHONS"  # more of them, such as those of virtual environments
# of any version: what is new in one is a fault in those before
STANDARD = frozenset(sys.stdlib_module_names) | {"tomllib"}
TELL = "import sys; print('.'.join(map(str, sys.version_info[:2])))"


def found() -> dict[str, list[Path]]:
    """The interpreters of this machine by version: those named, of the path, of pyenv and of uv."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python")
    candidates = [Path(sys.executable), *map(Path, filter(None, os.environ.get(FURTHER, "").split(os.pathsep)))]
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        candidates += [Path(on_path)] if on_path else []
        candidates += sorted([*pyenv.glob(f"{version}*/bin/python"), *uv.glob(f"*-{version}*/bin/python")])
    known: dict[str, list[Path]] = {version: [] for version in VERSIONS}
    for one in dict.fromkeys(candidates):
        try:
            told = subprocess.run([one, "-I", "-c", TELL], capture_output=True, text=True, timeout=30, check=False)
        except OSError:
            continue
        if told.returncode == 0 and told.stdout.strip() in known:  # pyenv's shims answer for what is switched on only
            known[told.stdout.strip()].append(one)
    return known


def faults(package: Path) -> list[str]:
    """What the code of a package asks of this Python's standard library in vain."""
    return sorted({fault for path in sorted(package.rglob("*.py")) for fault in _faults(path, package.parent)})


def _faults(path: Path, root: Path) -> Iterator[str]:
    place = path.relative_to(root)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        yield f"{place}: {error.msg}: {(error.text or '').strip()}"
        return
    known: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _import(known, name.asname or name.name.partition(".")[0], name.name, place)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield from _import(known, name.asname or name.name, node.module, place, name.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript):
            yield from (f"{place}: {fault}" for fault in _asked(node, known))


def _asked(node: ast.Attribute | ast.Subscript, known: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one name with a dot, or with square brackets behind one."""
    try:
        if isinstance(node, ast.Attribute):
            _value(node, known)
            return
        made = _value(node.value, known)
        # the class of an enumeration has the brackets itself
        if isinstance(made, type) and not any(map(hasattr, (made, type(made)), ("__class_getitem__", "__getitem__"))):
            yield f"{ast.unparse(node.value)} is no generic"
    except AttributeError:
        if isinstance(node, ast.Attribute):
            yield f"no {ast.unparse(node)}"


def _import(known: dict[str, Any], name: str, module: str, place: Path, member: str = "") -> Iterator[str]:
    if module.partition(".")[0] not in STANDARD:
        return
    try:
        made = import_module(module)
        known[name] = getattr(made, member) if member else made
    except (ImportError, AttributeError):
        yield f"{place}: no {module} {member}".rstrip()


def _value(node: ast.AST, known: dict[str, Any]) -> Any:
    """What a name with dots stands for; None where it is nothing of the standard library's."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, known)
        return None if owner is None else getattr(owner, node.attr)
    return None


if __name__ == "__main__":
    print(json.dumps(faults(Path(sys.argv[1]))))
