"""The parts of the benchmark of webhooks that need no Label Studio."""

import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from label_studio_server import LabelStudioServer
from web import Web, reply

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
benchmark = import_module("webhook_latency")


def test_figures_are_those_of_all_answers():
    answers = [(200, number / 1000) for number in range(1, 101)]
    assert benchmark.latency("x", [*answers[:-1], (503, 0.5)]) == benchmark.Latency("x", 100, 1, 50.5, 500.0, 500.0)
    assert benchmark.latency("x", [(200, 0.002)]) == benchmark.Latency("x", 1, 0, 2.0, 2.0, 2.0)
    thousand = [(200, number / 1000) for number in range(1, 1001)]
    assert benchmark.latency("x", thousand).p99 == pytest.approx(991.0)


def test_the_table_has_a_line_for_each_situation():
    head, line = benchmark.table([benchmark.Latency("in a run", 500, 0, 2.04, 11.06, 22.0)]).splitlines()
    assert head.split() == ["webhooks", "not", "200", "median", "ms", "99", "%", "ms", "longest", "ms"]
    assert line.split() == ["in", "a", "run", "500", "0", "2.0", "11.1", "22.0"]


def test_every_webhook_is_sent_whole(monkeypatch):
    monkeypatch.setattr(benchmark, "GAP", 0.0)
    web = Web()
    web.answer = lambda asked: reply(asked, b"{}", 200 if len(web.seen) < 3 else 401)
    try:
        answers = benchmark.send(f"{web.url}/webhooks/3", benchmark.WAKES, 3)
    finally:
        web.close()
    assert [status for status, _ in answers] == [200, 200, 401]
    assert web.bodies == [benchmark.WAKES] * 3
    assert {path for path, _ in web.seen} == {"/webhooks/3"}


def test_a_third_of_the_photos_are_copies():
    made = benchmark.photos(6)
    assert list(made) == [f"{number}.jpg" for number in range(6)]
    assert len(set(made.values())) == 6


def test_a_run_that_is_over_too_soon_is_told(server: LabelStudioServer, tmp_path, monkeypatch):
    send, runs = benchmark.send, benchmark.runs

    def slowly(url, body, _count):
        address, _, project = url.rpartition("/webhooks/")
        answers = send(url, body, 1)
        while body == benchmark.WAKES and runs(address, project) < 2:
            time.sleep(0.1)
        return answers

    monkeypatch.setattr(benchmark, "send", slowly)
    with pytest.raises(RuntimeError, match="give more --images"):
        benchmark.measure(server, tmp_path, images=3, webhooks=1, model="dct")
