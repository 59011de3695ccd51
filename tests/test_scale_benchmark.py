"""The pure parts of the benchmark of scale, and a small run."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from labelonce.neighbours import NeighbourSearch, Pairs, link

SCRIPT = Path(__file__).resolve().parent / "benchmarks" / "scale.py"
spec = spec_from_file_location("benchmark_scale", SCRIPT)
scale = module_from_spec(spec)
spec.loader.exec_module(scale)


@pytest.fixture(scope="module")
def vectors():
    made = np.empty((2000, scale.DIMENSION), np.float32)
    scale.generate(made)
    return made


def test_the_vectors_are_what_they_should_be(vectors):
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    _, counts = np.unique(vectors, axis=0, return_counts=True)
    assert counts.max() == 200
    again = np.empty_like(vectors)
    scale.generate(again)
    assert np.array_equal(vectors, again)


def test_recall_counts_what_is_missing(vectors):
    pairs = link(vectors, scale.SIMILARITY, NeighbourSearch(engine="exact"))
    assert scale.recall_of(vectors, pairs, sample=2000) == (1.0, 0)
    half = Pairs(pairs.left[::2], pairs.right[::2], pairs.similarity[::2])
    assert scale.recall_of(vectors, half, sample=2000)[0] == pytest.approx(0.5, abs=0.1)
    nothing = Pairs(pairs.left[:0], pairs.right[:0], pairs.similarity[:0])
    recall, missed = scale.recall_of(vectors, nothing, sample=2000)
    assert recall == 0
    assert missed > 100


def test_growth_is_1_where_time_follows_n_log_n():
    runs = [
        {"rows": rows, "link_cpu": 3 * rows * np.log(rows), "cluster_cpu": rows * np.log(rows)} for rows in (10, 1000)
    ]
    assert scale.growth(runs[:1]) is None
    assert scale.growth(runs) == 1


def test_one_command_prints_a_table_and_writes_json(tmp_path):
    command = [sys.executable, str(SCRIPT), "--rows", "500,1000", "--json", str(tmp_path / "found.json")]
    run = subprocess.run([*command, "--folder", str(tmp_path)], check=True, capture_output=True, text=True)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [one["rows"] for one in found] == [500, 1000]
    assert all(one["recall"] == 1 for one in found)
    assert [line.split("|")[1].strip() for line in run.stdout.splitlines()[2:]] == ["500", "1,000"]
