"""Decisions on images with known truth, by the command line and with its default settings.

The measurement corpus is not part of the project: it lies beside the checkout, or the test is skipped.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"
CORPUS, SCORE = BESIDE / "data" / "dev", BESIDE / "tools" / "score.py"

pytestmark = pytest.mark.skipif(
    not (CORPUS / "truth.csv").is_file() or not SCORE.is_file(),
    reason="the measurement corpus (../shared/data/dev and ../shared/tools/score.py) is not on this machine",
)


def test_decisions_on_the_measurement_corpus(tmp_path):
    truth = CORPUS / "truth.csv"
    with truth.open(newline="") as handle:
        for row in csv.DictReader(handle):
            copy = tmp_path / "images" / row["file"]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CORPUS / row["file"], copy)
    decisions, scores = tmp_path / "decisions.csv", tmp_path / "scores.json"
    command = [sys.executable, "-m", "labelonce", "folder", str(tmp_path / "images"), "--decisions", str(decisions)]
    subprocess.run([*command, "--store", str(tmp_path / "store.sqlite3")], check=True, timeout=600)
    judge = [sys.executable, str(SCORE), str(truth), str(decisions), "--by", "subset", "--json", str(scores)]
    subprocess.run(judge, check=True, timeout=60)
    found = json.loads(scores.read_text())
    assert found["all"]["precision"] >= 0.99
    assert found["all"]["recall"] >= 0.985
    assert found["all"]["lost"] <= 6
    assert found["edits"]["recall"] >= 0.995
    assert found["edits"]["wrong"] == 0
