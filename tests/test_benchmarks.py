"""The pure parts of the comparison with the peers: decisions, the best threshold, the table."""

import csv
import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"


def by_path(path):
    spec = spec_from_file_location(f"benchmark_{path.stem}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = by_path(BENCHMARKS / "peers.py")
common = by_path(BENCHMARKS / "peers_adapters" / "common.py")


def test_pairs_make_components_and_the_first_of_each_is_kept():
    pairs = [("d", "c"), ("f", "e"), ("b", "d"), ("c", "d")]
    assert common.components(pairs) == [["b", "c", "d"], ["e", "f"]]
    assert common.keep_first(common.components(pairs)) == {"c": "b", "d": "b", "f": "e"}
    assert common.components([]) == []


def test_a_long_chain_is_one_component():
    names = [f"{number:04}" for number in range(3000)]
    links = list(pairwise(names))
    assert common.components(reversed(links)) == [names]


def test_groups_keep_what_the_peer_names_first():
    assert common.keep_first([["z", "a"], ["m"]]) == {"a": "z"}


def test_neighbours_of_a_skipped_image_stay_unless_a_kept_one_claims_them():
    chain = {"a": ["b"], "b": ["a", "c"], "c": ["b", "d"], "d": ["c"], "e": []}
    assert common.keep_unclaimed(chain) == {"b": "a", "d": "c"}


def test_every_image_of_the_truth_gets_a_decision(tmp_path):
    peers.write_decisions(["a", "b", "c, d"], {"b": "a"}, tmp_path / "decisions.csv")
    with (tmp_path / "decisions.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))
    assert rows == [["file", "representative"], ["a", "a"], ["b", "a"], ["c, d", "c, d"]]


def figures(f1, precision=1.0):
    return {"f1": f1, "precision": precision, "recall": 0.5, "wrong": 3, "lost": 2}


def test_the_best_threshold_has_the_highest_f1_then_the_highest_precision():
    runs = [("1", figures(0.5)), ("2", figures(0.8, 0.7)), ("3", figures(0.8, 0.9)), ("4", figures(0.8, 0.9))]
    assert peers.best(runs)[0] == "3"


def test_the_table_has_quality_and_cost_and_says_what_did_not_run():
    rows = [
        peers.Row("one", "1.0", "default", 200, figures(0.75), peers.Cost(3.0, 99.6)),
        peers.Row("two", "2.0", "best: 0.9", 200, figures(0.5)),
        peers.Row("three", "3.0", "default", 200, reason="no wheel"),
    ]
    *drawn, blank, reason = peers.table(rows).splitlines()
    assert (blank, reason) == ("", "- three, default: not run: no wheel")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in drawn]
    assert tuple(lines[0]) == peers.COLUMNS
    assert set("".join(lines[1])) == {"-", ":"}
    assert lines[2] == ["one", "1.0", "default", "1.0000", "0.5000", "0.7500", "3", "2", "3.0", "15.0", "100"]
    assert lines[3] == ["two", "2.0", "best: 0.9", "1.0000", "0.5000", "0.5000", "3", "2", "", "", ""]
    assert lines[4] == ["three", "3.0", "default: not run", *[""] * 8]
    assert len({len(line) for line in drawn}) == 1


def test_peers_are_chosen_by_package():
    assert {peer.package for peer in peers.chosen(None)} == {peer.package for peer in peers.PEERS}
    assert {peer.package for peer in peers.chosen("imagededup,imgcheck")} == {"imagededup", "imgcheck"}
    with pytest.raises(peers.argparse.ArgumentTypeError, match="no peer imagededupe"):
        peers.chosen("imagededupe")


def test_every_adapter_is_there():
    assert all((peers.ADAPTERS / peer.adapter).is_file() for peer in peers.PEERS)
    assert all(peer.version for peer in peers.PEERS)


def test_the_reason_is_the_last_line_that_says_something():
    assert peers.last_line("Traceback\n  10%\r 100%\rValueError: no\n\n") == "ValueError: no"
    assert peers.last_line("\n") == "it said nothing"


def test_a_measured_command_tells_its_cost_or_its_last_words(tmp_path):
    cost = peers.measured([sys.executable, "-c", "b'1' * 300_000_000"], tmp_path, {})
    assert cost.cpu_seconds > 0
    assert cost.peak_megabytes > 280
    with pytest.raises(peers.ToolError, match=r"^no such image$"):
        peers.measured([sys.executable, "-c", "raise SystemExit('no such image')"], tmp_path, {})


def test_a_command_that_takes_too_long_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "TIMEOUT", 0.2)
    with pytest.raises(peers.ToolError, match="longer than"):
        peers.measured(["sleep", "60"], tmp_path, {"PATH": peers.os.environ["PATH"]})


def test_measured_tools_get_an_empty_home_and_no_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELONCE_EPS", "99%")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "secret")
    found = peers.surroundings(tmp_path / "home", tmp_path)
    assert found["HOME"] == str(tmp_path / "home")
    assert not [key for key in found if key.startswith("LABEL")]
    assert found["SENTRY_OPT_OUT"]
