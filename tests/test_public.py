"""The public surface cannot grow by accident."""

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

import labelonce


def test_names():
    assert labelonce.__all__ == sorted(labelonce.__all__)
    assert set(labelonce.__all__) == set(labelonce._HOMES)
    for name in labelonce.__all__:
        found = getattr(labelonce, name)
        assert found.__doc__
        assert found.__module__ == f"labelonce.{labelonce._HOMES[name]}"
        assert found is getattr(import_module(found.__module__), name)


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        labelonce.nothing  # noqa: B018


def test_version():
    assert version("labelonce") == labelonce.__version__


def test_a_star_import_in_a_fresh_process():
    code = "from labelonce import *; print(Plan.__name__, make_plan.__name__, Role.UNIQUE.value)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["Plan", "make_plan", "unique"]
