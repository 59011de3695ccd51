"""The receiver of webhooks, what it believes, and the loop behind it; without Label Studio."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import fields

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from labelonce import cli, logs
from labelonce.errors import ConfigurationError, LabelOnceError
from labelonce.label_studio.webhooks import HEADER
from labelonce.serving import running, watching
from labelonce.serving.figures import Figures
from labelonce.serving.payloads import ANNOTATIONS, OTHERS, TASKS, Refused, read_event
from labelonce.serving.receiving import application
from labelonce.serving.secret import webhook_secret
from labelonce.serving.waking import Wake
from labelonce.settings import OF_A_SYNC, Settings

SECRET = "a-secret-of-webhooks-0123456789"
RIGHT = {HEADER: SECRET, "Content-Type": "application/json"}
CREATED = b'{"action": "TASKS_CREATED"}'
MAX_BYTES = 5000


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Receiver:
    """The application with two projects, and how often each was woken."""

    def __init__(self):
        self.clock = Clock()
        self.wakes = {number: Wake(clock=self.clock) for number in (3, 4)}
        self.figures = Figures()
        self.troubles, self.alive = [], True
        for number, wake in self.wakes.items():
            self.figures.follow(number, wake)
        self.application = application(
            SECRET, self.wakes, self.figures, lambda: self.troubles, lambda: self.alive, max_bytes=MAX_BYTES
        )

    def request(self, method, path, **options):
        """Ask the application itself, without a web server."""

        async def ask():
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path):
        return self.request("GET", path)

    def post(self, body=CREATED, path="/webhooks/3", headers=RIGHT):
        return self.request("POST", path, content=body, headers=headers)

    def figure(self, name, **labels):
        text = self.get("/metrics").text
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        (found,) = [one.value for one in samples if one.name == name and one.labels == labels]
        return found

    @property
    def woken(self):
        self.clock.now += 1
        return sorted(number for number, wake in self.wakes.items() if wake.lag)


@pytest.fixture
def receiver():
    return Receiver()


def payload(**content):
    return json.dumps(content).encode()


def annotation(*, own=False, was_cancelled=True, updated_by=1):
    value = {"representative": 6, "similarity": 97.4, "reason": "a test"}
    result = [{"id": "labelonce", "type": "labelonce", "value": value}] if own else []
    return {"id": 7, "was_cancelled": was_cancelled, "result": result, "completed_by": 1, "updated_by": updated_by}


def test_a_webhook_wakes_its_project_alone(receiver):
    answer = receiver.post()
    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})
    assert receiver.woken == [3]
    assert receiver.figure("labelonce_webhooks_total", result="accepted") == 1
    assert receiver.figure("labelonce_lag_seconds", project="3") == 1
    assert receiver.figure("labelonce_lag_seconds", project="4") == 0


@pytest.mark.parametrize(
    ("content", "wakes"),
    [
        ({"action": "TASKS_CREATED", "tasks": [{"id": 9, "data": {}}], "project": {"id": 3}}, True),
        ({"action": "TASKS_DELETED", "tasks": [{"id": 9}]}, True),
        ({"action": "ANNOTATION_CREATED", "annotation": annotation()}, True),
        ({"action": "ANNOTATION_CREATED", "annotation": annotation(own=True)}, False),
        ({"action": "ANNOTATION_CREATED", "annotation": annotation(was_cancelled=False)}, False),
        ({"action": "ANNOTATION_UPDATED", "annotation": annotation(own=True, updated_by=2)}, True),
        ({"action": "ANNOTATIONS_CREATED", "annotation": [annotation(own=True), annotation(own=True)]}, False),
        ({"action": "ANNOTATIONS_CREATED", "annotation": [annotation(own=True), annotation()]}, True),
        ({"action": "ANNOTATION_CREATED"}, False),
        ({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 7}]}, False),
        ({"action": "PROJECT_UPDATED", "project": {"id": 3}}, False),
    ],
)
def test_what_wakes(receiver, content, wakes):
    answer = receiver.post(payload(**content))
    assert answer.json() == {"result": "accepted" if wakes else "ignored"}
    assert receiver.woken == ([3] if wakes else [])


@pytest.mark.parametrize("given", ["", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "\xe9" * 31, "x" * 9000])
@pytest.mark.parametrize("path", ["/webhooks/3", "/webhooks/9999", "/webhooks/x"])
def test_a_wrong_secret_costs_nothing(receiver, given, path, monkeypatch):
    read = []
    monkeypatch.setattr("labelonce.serving.receiving._body", read.append)
    headers = {**RIGHT, HEADER: given.encode("latin-1")}
    if not given:
        del headers[HEADER]
    answer = receiver.post(path=path, headers=headers)
    assert answer.status_code == 401
    assert not read
    assert receiver.woken == []
    assert receiver.figure("labelonce_webhooks_total", result="refused") == 1


NOT_JSON = [
    b"", b"{", b"\xff\xfe\x00\xd8", b'{"action": "\xe9\xe8"}', b"[" * 4000, b"\x1f\x8b\x08\x00", b"<html>",
    b"action=TASKS_CREATED", b"1" * 4500,
]  # fmt: skip
NOT_A_WEBHOOK = [
    b"null", b"[]", b"3", b'"TASKS_CREATED"', b"{}", b"NaN",
    *(payload(action=action) for action in (None, 3, ["TASKS_CREATED"], "tasks_created", "TASKS_CREATED\n", "DROP")),
    *(
        payload(action="TASKS_CREATED", tasks=tasks)
        for tasks in (3, [3], None, [{}], [{"id": "1"}], [{"id": True}], [{"id": -1}], [{"id": 1.5}])
    ),
    *(payload(action="TASKS_CREATED", project=project) for project in (3, {}, {"id": "3"}, {"id": 4}, {"id": None})),
    *(payload(action="ANNOTATION_CREATED", annotation=one) for one in ("x", None, {"result": 7}, [[]])),
]  # fmt: skip
BAD = [
    *((body, 400) for body in NOT_JSON),
    *((body, 422) for body in NOT_A_WEBHOOK),
    (payload(action="TASKS_CREATED", tasks=[{"id": 1, "data": "x" * MAX_BYTES}]), 413),
]


@pytest.mark.parametrize(("body", "status"), BAD, ids=range(len(BAD)))
def test_payloads_that_are_refused(receiver, body, status, caplog):
    with caplog.at_level(logging.WARNING, "labelonce"):
        answer = receiver.post(body)
    assert answer.status_code == status
    assert receiver.woken == []
    (record,) = [one for one in caplog.records if one.message == "refused"]
    assert record.fields["status"] == status
    assert len(record.fields["why"]) < 60  # nothing of the sender's is logged
    assert receiver.figure("labelonce_webhooks_total", result="refused") == 1


def test_deep_nesting_is_refused(receiver):
    deep = b'{"action": "TASKS_CREATED", "tasks": ' + b"[" * 2000 + b"]" * 2000 + b"}"
    assert receiver.post(deep).status_code in (400, 422)  # Pythons differ in how deep they read
    assert receiver.woken == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "APPLICATION/json; charset=utf-8"}, 200),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "many"}, 400),
        ({"Content-Length": str(MAX_BYTES + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
    ],
)
def test_headers(receiver, headers, status):
    assert receiver.post(headers={**RIGHT, **headers}).status_code == status
    assert receiver.woken == ([3] if status == 200 else [])


def test_a_body_without_a_length_is_counted(receiver):
    async def parts(part, count):
        for _ in range(count):
            yield part

    assert receiver.post(parts(CREATED, 1)).status_code == 200
    assert receiver.post(parts(b" " * 1000, 100)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/5", 404), ("POST", "/webhooks/x", 404), ("POST", "/webhooks/-3", 404),
        ("POST", "/webhooks/%D9%A3", 404), ("POST", f"/webhooks/{'3' * 6000}", 404), ("POST", "/webhooks", 404),
        ("POST", "/webhooks/3/4", 404), ("GET", "/webhooks/3", 405), ("PUT", "/webhooks/3", 405), ("GET", "/", 404),
        ("POST", "/healthz", 405),
    ],
)  # fmt: skip
def test_what_is_not_served(receiver, method, path, status):
    assert receiver.request(method, path, content=CREATED, headers=RIGHT).status_code == status
    assert receiver.woken == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from(sorted(TASKS | ANNOTATIONS | OTHERS)),
    st.sampled_from(["tasks", "annotation", "project", "annotations"]),
)
def test_any_json_is_read_or_refused(value, action, key):
    try:
        event = read_event(json.dumps({"action": action, key: value}).encode())
    except Refused as refused:
        status = refused.status
    else:
        status = 200 if event.action == action else 500
    assert status in (200, 422)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with pytest.raises(Refused):
        read_event(body)


def test_health_and_readiness(receiver):
    assert receiver.get("/healthz").status_code == 200
    assert receiver.get("/readyz").json() == {"ready": True, "troubles": []}
    receiver.troubles.append("project 3: the last run failed")
    answer = receiver.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "troubles": ["project 3: the last run failed"]}
    assert receiver.get("/healthz").status_code == 200
    receiver.alive = False
    assert receiver.get("/healthz").status_code == 503


def waited(wake, seconds=0.0, **options):
    """Whether a wait of no time at all would have been over at once by an event, by the fake clock."""
    done = threading.Event()
    thread = threading.Thread(target=lambda: (wake.wait(seconds, **options), done.set()), daemon=True)
    thread.start()
    thread.join(0.05)
    wake_over = done.is_set()
    wake.stop()
    thread.join()
    return wake_over


@pytest.mark.parametrize(
    ("events", "now", "over"),
    [
        ((), 0, False), ((0,), 0.5, False), ((0,), 1, True), ((0, 0.9), 1.5, False), ((0, 0.9), 1.9, True),
        (tuple(number / 2 for number in range(20)), 9.9, False), (tuple(number / 2 for number in range(21)), 10, True),
        ((), 60, True),
    ],
)  # fmt: skip
def test_events_settle_but_not_for_ever(events, now, over):
    clock = Clock()
    start = clock.now
    wake = Wake(settle=1.0, longest=10.0, clock=clock)
    for moment in events:
        clock.now = start + moment
        wake.call()
    clock.now = start + now
    assert waited(wake, 60 - now) is over


def test_lag_is_that_of_the_oldest_event_that_no_run_handled():
    clock = Clock()
    wake = Wake(clock=clock)
    assert wake.lag == 0
    wake.call()
    clock.now += 5
    wake.call()
    assert wake.lag == 5
    wake.begin()
    clock.now += 1
    wake.call()  # while the run goes on: it may have come too late for it
    wake.end(fine=False)
    assert wake.lag == 6
    wake.begin()
    clock.now += 1
    wake.call()
    clock.now += 1
    wake.end(fine=True)
    assert wake.lag == 1
    assert waited(wake, 60)
    wake.begin()
    wake.end(fine=True)
    assert wake.lag == 0


def follow(outcomes, wake=None, every=60.0, monkeypatch=None):
    """Watch with runs that end as told, and return how long each wait was to be, and whether events were heeded."""
    wake, waits, outcomes = wake or Wake(), [], list(outcomes)

    def run():
        outcome = outcomes.pop(0)
        if not outcomes:
            wake.stop()
        if isinstance(outcome, BaseException):
            raise outcome

    monkeypatch.setattr(Wake, "wait", lambda _self, seconds, heed=True: waits.append((seconds, heed)))
    watching.watch(run, every, wake)
    return waits


def test_a_watch_runs_again_and_waits_longer_after_failures(monkeypatch):
    failed = LabelOnceError("no answer")
    outcomes = [None, failed, OSError(28, "No space left"), failed, failed, failed, failed, None, None]
    waits = follow(outcomes, monkeypatch=monkeypatch)
    assert (
        waits
        == [(60, True), (5, False), (10, False), (20, False), (40, False), (60, False), (60, False)] + [(60, True)] * 2
    )


def test_a_wrong_setting_ends_a_watch_at_its_first_run_only(monkeypatch):
    with pytest.raises(ConfigurationError):
        follow([ConfigurationError("no project"), None], monkeypatch=monkeypatch)
    assert len(follow([None, ConfigurationError("no project"), None], monkeypatch=monkeypatch)) == 3


def test_ctrl_c_ends_a_watch(monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        follow([None, KeyboardInterrupt(), None], monkeypatch=monkeypatch)


def test_every_run_of_a_watch_has_an_id_of_its_own(monkeypatch):
    wake, seen = Wake(), []

    def run():
        seen.append(logs.current_run())
        if len(seen) == 3:
            wake.stop()

    watching.watch(run, 0.0, wake)
    assert len(set(seen)) == 3


def test_one_run_at_a_time_and_none_is_lost():
    """Events come from many threads while runs go on: runs never overlap, and one begins after the last event."""
    wake, running_now, most, begun, last = Wake(), [0], [0], [], [0.0]

    def run():
        begun.append(time.monotonic())
        running_now[0] += 1
        most[0] = max(most[0], running_now[0])
        time.sleep(0.002)
        running_now[0] -= 1

    loop = threading.Thread(target=watching.watch, args=(run, 60.0, wake))
    loop.start()

    def call():
        for _ in range(200):
            last[0] = time.monotonic()
            wake.call()

    callers = [threading.Thread(target=call) for _ in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    until = time.monotonic() + 10
    while (wake.lag or begun[-1] < last[0]) and time.monotonic() < until:
        time.sleep(0.005)
    wake.stop()
    loop.join(10)
    assert most == [1]
    assert begun[-1] >= last[0]
    assert len(begun) < 800


def test_the_secret_is_made_once_and_is_the_owners(tmp_path):
    settings = Settings(secret_file=tmp_path / "new" / "secret")
    with pytest.raises(ConfigurationError, match="There is no secret"):
        webhook_secret(settings)
    made = webhook_secret(settings, make=True)
    assert len(made) > 40
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
    assert webhook_secret(settings, make=True) == webhook_secret(settings) == made
    assert webhook_secret(Settings(webhook_secret=SECRET, secret_file=tmp_path / "new" / "secret")) == SECRET


@pytest.mark.parametrize("content", [b"", b"short", b"two words of a secret", b"\xff" * 40, "sécret".encode() * 9])
def test_a_secret_that_cannot_be_sent(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigurationError, match="16 characters or more"):
        webhook_secret(Settings(secret_file=tmp_path / "secret"))


def test_the_secret_stands_in_no_log(tmp_path, caplog):
    from labelonce.redaction import redacted

    assert SECRET not in repr(Settings(webhook_secret=SECRET))
    webhook_secret(Settings(webhook_secret=SECRET))
    assert SECRET not in redacted(f"something has {SECRET} in it")


def test_a_run_gets_all_settings_and_no_secret_of_the_receiver(monkeypatch):
    monkeypatch.setenv("LABELONCE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("LABELONCE_LOG_FILE", "/elsewhere")
    monkeypatch.setenv("LABELONCE_CONFIG", "other.toml")
    monkeypatch.setenv("LABELONCE_EPS", "99%")
    monkeypatch.setenv("KEPT", "as it is")
    settings = Settings(url="http://x:1", api_key="k" * 20, eps="95%", ignore_skipped=True, webhook_secret=SECRET)
    made = running.environment(settings)
    assert SECRET not in made.values()
    assert "LABELONCE_LOG_FILE" not in made
    assert {name: made[name] for name in ("LABEL_STUDIO_URL", "LABELONCE_EPS", "LABELONCE_IGNORE_SKIPPED", "KEPT")} == {
        "LABEL_STUDIO_URL": "http://x:1",
        "LABELONCE_EPS": "95%",
        "LABELONCE_IGNORE_SKIPPED": "true",
        "KEPT": "as it is",
    }
    code = (
        "import click; from labelonce.options import settings_from, with_settings as given\n"
        "@given(*__import__('labelonce.settings').settings.OF_A_SYNC)\n"
        "def command(**values): print(settings_from(values) == expected)\n"
        "from labelonce.settings import Settings\n"
        "expected = Settings(url='http://x:1', api_key='k' * 20, eps='95%', ignore_skipped=True, wait=60.0)\n"
        "click.command()(command).main([])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=made, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_the_service_takes_all_settings_of_a_sync():
    offered = {name: {one.name for one in cli.cli.commands[name].params} for name in ("sync", "serve")}
    assert offered["sync"] - offered["serve"] == {"project", "watch", "recheck", "json_output"}
    passed = {one.name for one in fields(Settings) if one.metadata["group"] in (*OF_A_SYNC, "logs")}
    assert passed == offered["sync"] - {"config", "watch", "recheck", "json_output", "verbose"}


@pytest.mark.parametrize(
    ("code", "printed", "why"),
    [
        (1, "", "ended with exit code 1"),
        (2, "{}", "ended with exit code 2"),
        (-9, "", "was ended by signal 9"),
        (0, "", "printed no result"),
        (0, "[]", "printed no result"),
        (0, '{"tasks": 4}', "printed no result"),
        (0, '{"tasks": null, "duplicates": 1}', "printed no result"),
    ],
)
def test_a_run_that_failed(code, printed, why):
    with pytest.raises(LabelOnceError, match=why):
        running.result(code, printed)


def test_a_run_that_was_refused_some_tasks_has_ended_well():
    ran = running.result(3, '{"tasks": 4, "duplicates": 1, "refused": 1}')
    assert (ran.tasks, ran.duplicates, ran.told["refused"]) == (4, 1, 1)


# What stands in for `labelonce sync`: it tells its process id, logs, waits for as long as the project's number says
# in seconds, and ends; a project above 90 fails, one above 80 is deaf to SIGTERM.
STAND_IN = """
import json, os, signal, sys, time
project = int(sys.argv[sys.argv.index("--project") + 1])
with open(os.environ["PIDS"], "a") as handle:
    handle.write(f"{project} {os.getpid()}\\n")
line = {"level": "warning", "logger": "labelonce.sync", "run": "0", "event": "told", "n": 7}
print(json.dumps(line), file=sys.stderr)
print("plain text", file=sys.stderr, flush=True)
if project > 90:
    sys.exit(1)
if project > 80:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(project % 80 if project > 10 else 0)
print(json.dumps({"project": project, "tasks": 10 * project, "duplicates": project}))
"""
MAIN = """
import sys
from labelonce.serving import running, service, watching
running.COMMAND = (sys.executable, "-c", {stand_in!r})
running.GRACE = service.GRACE = 0.5
service.HEAD_SECONDS = 0.5
watching.FIRST_PAUSE = 0.2
from labelonce.cli import main
main()
"""


@pytest.fixture
def serve(tmp_path):
    """Start `labelonce serve` with the stand-in for its runs; yields a function, which returns address and process."""
    begun = []

    def start(*projects, **environment):
        arguments = [one for number in projects for one in ("-p", str(number))]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("LABEL")}
        code = MAIN.format(stand_in=STAND_IN)
        process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", *arguments, "--port", "0", "--settle", "0.2", "-v"],
            env={
                **clean, "LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a-key-0123456789",
                "LABELONCE_WEBHOOK_SECRET": SECRET, "PIDS": str(tmp_path / "pids"), **environment,
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        begun.append(process)
        for line in process.stderr:
            if line.startswith("Serving"):
                return line.split()[-1], process
        raise AssertionError(process.wait())

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def pids(tmp_path, count):
    """Projects and process ids of the runs, as soon as there are so many."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        lines = (tmp_path / "pids").read_text().splitlines() if (tmp_path / "pids").exists() else []
        if len(lines) >= count:
            return [tuple(map(int, line.split())) for line in lines]
        time.sleep(0.02)
    raise AssertionError(lines)


def eventually(check):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if check():
            return
        time.sleep(0.02)
    raise AssertionError("it never comes about")


def ended(process):
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


def test_the_service_as_a_whole(serve, tmp_path):
    url, process = serve(LABELONCE_PROJECT="3 4")
    assert {project for project, _ in pids(tmp_path, 2)} == {3, 4}
    eventually(lambda: 'labelonce_tasks{project="4"} 40.0' in requests.get(f"{url}/metrics", timeout=5).text)
    for _ in range(50):
        assert requests.post(f"{url}/webhooks/3", data=CREATED, headers=RIGHT, timeout=5).status_code == 200
    assert requests.post(f"{url}/webhooks/3", data=CREATED, timeout=5).status_code == 401
    found = pids(tmp_path, 3)
    eventually(lambda: 'labelonce_runs_total{project="3"} 2.0' in requests.get(f"{url}/metrics", timeout=5).text)
    assert [project for project, _ in pids(tmp_path, 3)] == [project for project, _ in found]  # a burst is one run
    assert requests.get(f"{url}/readyz", timeout=5).status_code == 200
    code, err = ended(process)
    assert code == 0
    assert SECRET not in err
    assert "labelonce.sync: told n=7" in err
    assert "plain text" in err
    runs = {line.split("run=")[1].split()[0] for line in err.splitlines() if "labelonce.sync" in line}
    assert len(runs) == 3  # each has an id of its own


def test_a_run_that_fails_is_tried_again_and_told(serve, tmp_path):
    (tmp_path / "labelonce.toml").write_text("project = 91")
    url, process = serve()
    pids(tmp_path, 3)
    answer = requests.get(f"{url}/readyz", timeout=5)
    assert answer.status_code == 503
    assert answer.json()["troubles"][0].startswith("project 91: the last run failed (run ")
    assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
    assert 'labelonce_errors_total{project="91"}' in requests.get(f"{url}/metrics", timeout=5).text
    code, err = ended(process)
    assert code == 0
    assert "the run failed" in err


@pytest.mark.parametrize("project", [60, 85])
def test_sigterm_in_the_middle_of_a_run(serve, tmp_path, project):
    _, process = serve(project)
    ((_, run),) = pids(tmp_path, 1)
    code, err = ended(process)
    assert code == 0
    assert "the run was stopped" in err
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(run, 0)


def test_a_run_that_is_killed_takes_nobody_along(serve, tmp_path):
    url, process = serve(60)
    ((_, run),) = pids(tmp_path, 1)
    os.kill(run, signal.SIGKILL)
    (_, (project, again)) = pids(tmp_path, 2)
    assert (project, again != run) == (60, True)
    assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
    code, err = ended(process)
    assert (code, "was ended by signal 9" in err) == (0, True)


def test_logs_are_json_alone(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN.format(stand_in=STAND_IN), "serve", "-p", "91", "--port", "0", "-v"],
        env={
            **os.environ, "LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a-key-0123456789",
            "LABELONCE_WEBHOOK_SECRET": SECRET, "PIDS": str(tmp_path / "pids"), "LABELONCE_LOG_FORMAT": "json",
        },
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    pids(tmp_path, 2)
    code, err = ended(process)
    lines = [json.loads(line) for line in err.splitlines()]
    assert code == 0
    assert {"Serving", "told", "plain text", "the run failed"} <= {
        "Serving" if line["event"].startswith("Serving") else line["event"] for line in lines
    }
    assert len({line["run"] for line in lines if line["event"] == "the run failed"}) >= 2


def test_hostile_connections(serve, tmp_path):
    """What no client library sends: nothing breaks, and the next webhook is answered."""
    url, _ = serve(3)
    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    head = b"POST /webhooks/3 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    right = head + f"{HEADER}: {SECRET}\r\n".encode()
    for request, status in (
        (right + b"Content-Length: -1\r\n\r\n", b"400"),
        (right + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", b"400"),
        (right + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (right + b"Transfer-Encoding: chunked\r\n\r\n1b\r\n" + CREATED + b"\r\n0\r\n\r\n", b"200"),
        (right + b"Content-Length: 99999999999\r\n\r\n", b"413"),
        (head + b"Content-Length: 99999999999\r\n\r\n", b"401"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
    ):
        with socket.create_connection(place, 10) as client:
            client.sendall(request)
            assert client.recv(1000).split()[1] == status, request[:200]
    with socket.create_connection(place, 10) as client:
        client.sendall(right + b"Content-Length: 100\r\n\r\n{")  # and goes
    assert requests.post(f"{url}/webhooks/3", data=CREATED, headers=RIGHT, timeout=5).status_code == 200


def test_connections_that_send_nothing_are_closed(serve):
    """A hundred of them would keep everybody out; a request's end by drips keeps none open either."""
    url, _ = serve(3)
    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    clients = [socket.create_connection(place, 10) for _ in range(100)]
    for client in clients[:50]:
        client.sendall(b"POST /webhooks/3 HTTP/1.1\r\nX: ")
    for client in clients:
        assert client.recv(10) == b""
        client.close()
    answer = requests.post(f"{url}/webhooks/3", data=CREATED, headers=RIGHT, timeout=5)
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")


def test_a_taken_port_and_what_is_missing(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for arguments, environment, message in (
            (("-p", "3", "--port", port), {}, "cannot be listened at"),
            ((), {}, "Which projects?"),
            (("-p", "3"), {"LABEL_STUDIO_URL": "nowhere"}, "LABEL_STUDIO_URL"),
            (("-p", "3"), {"LABELONCE_WEBHOOK_SECRET": "short"}, "16 characters"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "labelonce", "serve", *arguments], cwd=tmp_path, check=False,
                env={
                    **os.environ, "LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a-key-0123456789",
                    "LABELONCE_WEBHOOK_SECRET": SECRET, **environment,
                },
                capture_output=True, text=True, timeout=30,
            )  # fmt: skip
            assert (done.returncode, message in done.stderr) == (2, True), done.stderr
