"""Webhooks between a real Label Studio and `labelonce serve`: registered, answered, caught up with."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from labelonce.cli.exits import FAILED
from labelonce.errors import ConfigurationError
from labelonce.label_studio import webhooks
from labelonce.label_studio.server import Server
from pictures import encoded, texture
from studio import Person
from web import Web, reply

SECRET = "a-secret-of-webhooks-0123456789"


@pytest.fixture
def owner(labels):
    return Person(labels.url, labels.token)


@pytest.fixture
def environment(labels, tmp_path):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LABELONCE")}
    return {
        **clean,
        "LABEL_STUDIO_URL": labels.url,
        "LABEL_STUDIO_API_KEY": labels.token,
        "LABELONCE_STORE": str(tmp_path / "store.sqlite3"),
        "LABELONCE_MODEL": "dct",
        "LABELONCE_SECRET_FILE": str(tmp_path / "secret"),
    }


@pytest.fixture
def run(environment, tmp_path):
    """Run a command to its end: exit code, standard output, standard error."""

    def finish(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "labelonce", *map(str, arguments)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return finish


class Service:
    """`labelonce serve` on a free port, and its figures."""

    def __init__(self, environment, folder, *arguments):
        self.log = folder / "serve.log"
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "labelonce", "serve", "--port", "0", "-v", *map(str, arguments)]
            self.process = subprocess.Popen(command, env=environment, cwd=folder, stderr=log)
        eventually(lambda: "Serving" in self.log.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        (line,) = [line for line in self.log.read_text().splitlines() if line.startswith("Serving")]
        self.url = line.split()[-1]

    def figure(self, name, **labels):
        text = requests.get(f"{self.url}/metrics", timeout=10).text
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        found = [one.value for one in samples if one.name == name and one.labels == labels]
        return found[0] if found else None

    def runs(self, project):
        return self.figure("labelonce_runs_total", project=str(project))

    def idle(self, project, runs):
        """Wait until so many runs have ended, and nothing waits for another."""

        def quiet():
            waits = self.figure("labelonce_lag_seconds", project=str(project))
            return self.runs(project) >= runs and not waits

        eventually(quiet)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def serve(environment, tmp_path):
    begun = []

    def start(*arguments):
        begun.append(Service({**environment, "LABELONCE_WEBHOOK_SECRET": SECRET}, tmp_path, *arguments))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.wait()


def eventually(check, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("it never comes about")


def picture(seed, kind="PNG"):
    return encoded(texture(seed, (300, 200)), kind)


def data_uri(seed):
    small = encoded(texture(seed, (90, 60)), "JPEG")
    return f"data:image/jpeg;base64,{b64encode(small).decode()}"


def twins(seed):
    """Two files of one picture."""
    return {f"{seed}.png": picture(seed), f"{seed}.jpg": picture(seed, "JPEG")}


def registered(owner, project):
    return owner.call("GET", f"/api/webhooks/?project={project}")


def skips(owner, project):
    return owner.call("GET", f"/api/projects/{project}/")["skipped_annotations_number"]


def skipped(owner, tasks):
    return {task for task in tasks if owner.task(task)["cancelled_annotations"]}


def test_install_status_remove(owner, run, tmp_path):
    project, other = owner.project(), owner.project()
    install = ("webhook", "install", "-p", project, "--target")
    foreign = {"project": project, "url": "http://127.0.0.1:9/other", "headers": {"X-Other": "1"}}
    owner.call("POST", "/api/webhooks/", json=foreign)
    code, out, err = run("webhook", "status", "-p", project)
    assert (code, "labelonce webhook install" in out) == (FAILED, True)

    code, out, err = run(*install, "http://127.0.0.1:9")
    assert code == 0, err
    secret = (tmp_path / "secret").read_text().strip()
    (made,) = [row for row in registered(owner, project) if "X-Other" not in row["headers"]]
    assert (made["url"], made["headers"]) == (f"http://127.0.0.1:9/webhooks/{project}", {webhooks.HEADER: secret})
    assert (made["is_active"], made["send_payload"], made["send_for_all_actions"]) == (True, False, False)
    assert sorted(made["actions"]) == ["TASKS_CREATED", "TASKS_DELETED"]
    assert registered(owner, other) == []

    assert run(*install, "http://127.0.0.1:9")[0] == 0
    (same,) = [row for row in registered(owner, project) if "X-Other" not in row["headers"]]
    assert same["id"] == made["id"]
    assert run(*install, "http://127.0.0.1:10/below/", "--skips")[0] == 0
    found = {row["send_payload"]: row for row in registered(owner, project) if "X-Other" not in row["headers"]}
    assert {row["url"] for row in found.values()} == {f"http://127.0.0.1:10/below/webhooks/{project}"}
    assert found[False]["id"] == made["id"]
    assert sorted(found[True]["actions"]) == ["ANNOTATION_CREATED", "ANNOTATION_UPDATED"]
    owner.call("PATCH", f"/api/webhooks/{made['id']}/", json={"url": made["url"], "is_active": False})
    code, out, err = run("webhook", "status", "-p", project, "--json")
    assert code == FAILED
    troubles = [row["trouble"] for row in json.loads(out)["webhooks"]]
    assert sum("switched off" in one for one in troubles) == 1
    assert sum("does not answer" in one for one in troubles) == 1
    assert run(*install, "http://127.0.0.1:9")[0] == 0
    (left,) = [row for row in registered(owner, project) if "X-Other" not in row["headers"]]
    assert left["is_active"]

    code, out, err = run("webhook", "remove", "-p", project)
    assert (code, out) == (0, f"Removed 1 webhook of project {project}.\n")
    assert [row["url"] for row in registered(owner, project)] == [foreign["url"]]
    assert secret not in out + err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("127.0.0.1:8090", "not an http"),
        ("http://user:word@127.0.0.1:9", "not an http"),
        ("http://127.0.0.1:9/?x=1", "not an http"),
        ("http://labelonce:8090", "A host needs a dot"),
    ],
)
def test_targets_that_cannot_be(owner, labels, target, message):
    project = owner.project()
    with pytest.raises(ConfigurationError, match=message):
        webhooks.install(Server(labels.url, labels.token), project, target, SECRET)
    assert registered(owner, project) == []


def test_a_label_studio_that_protects_its_network():
    told = '{"detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)"}'
    web = Web()
    web.answer = lambda asked: (
        reply(asked, b"[]")
        if asked.command == "GET"
        else reply(asked, told.encode(), 403, Content_Type="application/json")
    )
    try:
        with pytest.raises(ConfigurationError, match="SSRF_PROTECTION_ENABLED=false"):
            webhooks.install(Server(web.url, "a-key-0123456789"), 3, "http://127.0.0.1:9", SECRET)
    finally:
        web.close()


def test_new_tasks_are_followed_and_own_writes_wake_nobody(owner, labels, serve):
    project, other = owner.project(), owner.project()
    service = serve("-p", project, "-p", other, "--settle", "0.5")
    for number in (project, other):
        webhooks.install(Server(labels.url, labels.token), number, service.url, SECRET, skips=True)
        service.idle(number, 1)
        (trouble,) = {webhooks.trouble(one, SECRET) for one in webhooks.find(Server(labels.url, labels.token), number)}
        assert trouble is None

    began = time.monotonic()
    first = owner.upload(project, {**twins(1), "other.png": picture(2)})
    eventually(lambda: skipped(owner, first))
    assert time.monotonic() - began < 30  # seconds, also on a machine that is busy
    service.idle(project, 2)
    assert len(skipped(owner, first)) == 1
    # Label Studio sends a webhook before it answers: all those of the run's own writes have come by now
    assert service.figure("labelonce_webhooks_total", result="ignored") >= 1
    assert service.figure("labelonce_webhooks_total", result="accepted") == 1
    assert (service.runs(project), service.runs(other)) == (2, 1)
    assert service.figure("labelonce_tasks", project=str(project)) == 3
    assert service.figure("labelonce_duplicates", project=str(project)) == 1

    (duplicate,) = skipped(owner, first)
    (head,) = {first[0], first[1]} - {duplicate}
    owner.annotate(head, was_cancelled=True, result=[])  # a person finds it unusable: the other one is labelled
    eventually(lambda: not skipped(owner, [duplicate]))
    service.idle(project, 3)
    accepted = service.figure("labelonce_webhooks_total", result="accepted")
    owner.annotate(duplicate)
    assert service.figure("labelonce_webhooks_total", result="accepted") == accepted  # work is no news

    before = service.runs(other)
    for _ in range(50):
        owner.import_tasks(other, [{"image": data_uri(3)}])
    eventually(lambda: skips(owner, other) == 49)
    service.idle(other, before + 1)
    # one for each 10 seconds that the imports took, and those that came while a run went on
    assert service.runs(other) - before <= 3
    assert service.stop() == 0
    text = service.log.read_text()
    assert SECRET not in text
    assert labels.token not in text


def test_what_webhooks_missed_is_caught(owner, serve):
    project = owner.project()
    service = serve("-p", project, "--reconcile", "1")
    service.idle(project, 1)
    tasks = owner.upload(project, twins(1))
    eventually(lambda: skipped(owner, tasks))
    assert service.figure("labelonce_webhooks_total", result="accepted") == 0


def test_sigterm_in_the_middle_of_a_run(owner, serve, run):
    project = owner.project()
    tasks = owner.import_tasks(project, [{"image": data_uri(3)}] * 40)
    service = serve("-p", project)
    eventually(lambda: skips(owner, project))
    assert service.stop() == 0
    text = service.log.read_text()
    assert "the run was stopped" in text
    assert "Traceback" not in text
    assert skips(owner, project) < 39
    assert run("sync", "-p", project)[0] == 0
    assert sorted(owner.task(task)["cancelled_annotations"] for task in tasks) == [0] + [1] * 39


def test_a_server_that_is_away_makes_the_service_unready_not_dead(environment, tmp_path):
    away = {**environment, "LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABELONCE_WEBHOOK_SECRET": SECRET}
    service = Service(away, tmp_path, "-p", "3")
    try:
        eventually(lambda: requests.get(f"{service.url}/readyz", timeout=10).status_code == 503)
        assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200
        assert service.figure("labelonce_errors_total", project="3") >= 1
        assert service.stop() == 0
        assert "Label Studio does not answer at http://127.0.0.1:9" in service.log.read_text()
    finally:
        service.process.kill()
        service.process.wait()
