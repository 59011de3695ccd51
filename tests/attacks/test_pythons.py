"""labelonce starts on every Python that it says it runs on, as far as this machine has them."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from pythons import FURTHER, VERSIONS, found

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugin" / "labelonce"
PURE = ("test_words", "test_stamps", "test_periods", "test_clustering", "test_matching")  # quick, without a server
# imports every module that may be imported with what is there, and asks every command for its help
LOOK = """
import importlib, json, pkgutil, sys
missing, helped = set(), []
try:
    import labelonce
    from click.testing import CliRunner
except ModuleNotFoundError as error:
    sys.exit(print(json.dumps({"missing": [error.name], "helped": []})))
for module in pkgutil.walk_packages(labelonce.__path__, "labelonce."):
    try:
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name.startswith("labelonce"):
            raise
        missing.add(error.name)

def walk(command, path):
    done = CliRunner().invoke(cli, [*path, "--help"])
    assert done.exit_code == 0 and "Usage:" in done.output, (path, done.output, done.exc_info)
    helped.append(" ".join(path))
    for name, one in getattr(command, "commands", {}).items():
        walk(one, [*path, name])

cli = getattr(sys.modules.get("labelonce.cli"), "cli", None)
if cli:
    walk(cli, [])
print(json.dumps({"missing": sorted(missing), "helped": helped}))
"""


@pytest.fixture(scope="module")
def pythons() -> dict[str, list[Path]]:
    """The Pythons of this machine by version."""
    return found()


def on(python: Path, *arguments: object, isolated: bool = False) -> subprocess.CompletedProcess[str]:
    """Run one of them; its own packages only, and this labelonce."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABELONCE_"))}
    places = os.pathsep.join(map(str, (PACKAGE.parent, ROOT / "tests", ROOT / "examples")))
    return subprocess.run(
        [python, *(["-I"] if isolated else []), *map(str, arguments)],
        cwd=ROOT, env={**kept, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def present(pythons: dict[str, list[Path]], version: str) -> list[Path]:
    """The interpreters of a version; without one the test is skipped."""
    if not pythons[version]:
        pytest.skip(f"there is no Python {version} on the path, in pyenv or in uv; {FURTHER} may name one")
    return pythons[version]


def test_the_versions_that_are_looked_at_are_those_that_are_promised() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert tuple(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)) == VERSIONS
    assert 'requires-python = ">=3.10,<3.14"' in project


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standard_library_has_what_is_asked_of_it(pythons: dict[str, list[Path]], version: str) -> None:
    python = present(pythons, version)[0]
    done = on(python, ROOT / "tests" / "pythons.py", PACKAGE, isolated=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_that_look_finds_what_is_missing(pythons: dict[str, list[Path]], version: str, tmp_path: Path) -> None:
    package = tmp_path / "made"
    package.mkdir()
    (package / "one.py").write_text(
        "import logging\nimport os\nfrom typing import TextIO, Nowhere\nimport enum\n"
        "class Colour(enum.Enum):\n    RED = 1\n"
        "class A(logging.Handler[TextIO]): pass\nx: os.PathLike[str] = os.nothing\n",
        encoding="utf-8",
    )
    (package / "two.py").write_text("def broken(:\n", encoding="utf-8")
    done = on(present(pythons, version)[0], ROOT / "tests" / "pythons.py", package, isolated=True)
    told = json.loads(done.stdout)
    assert told[:3] == [
        "made/one.py: logging.Handler is no generic",
        "made/one.py: no os.nothing",
        "made/one.py: no typing Nowhere",
    ]
    assert len(told) == 4
    assert told[3].startswith("made/two.py: ")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_command_gives_help(pythons: dict[str, list[Path]], version: str) -> None:
    missing: set[str] = set()
    for python in present(pythons, version):
        done = on(python, "-c", LOOK)
        assert done.returncode == 0, done.stderr
        look = json.loads(done.stdout)
        missing.update(look["missing"])
        if look["helped"]:
            assert {"run", "dedupe", "webhook status"} <= set(look["helped"])
            return
    pytest.skip(f"Python {version} lacks {', '.join(sorted(missing))}; {FURTHER} may name one that has them")


@pytest.mark.parametrize("version", VERSIONS)
def test_pure_tests_pass(pythons: dict[str, list[Path]], version: str) -> None:
    for python in present(pythons, version):
        begun = on(python, "-c", "import pytest, hypothesis, labelonce.pipeline, labelonce.cli")
        assert begun.returncode == 0 or "ModuleNotFoundError" in begun.stderr, begun.stderr
        if begun.returncode == 0:
            done = on(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}.py" for name in PURE))
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr
            return
    pytest.skip(f"Python {version} lacks what labelonce or its tests need; {FURTHER} may name one that has it")
