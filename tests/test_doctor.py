"""Doctor names one broken thing, and how to mend it."""

import json
from contextlib import closing

import pytest

from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.doctor import Finding, examine
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.settings import Settings
from studio import CONFIG, Person, label_everything, left_to_label, plan_for
from web import Web, reply

QUIET = Progress()
FORGED = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6ODEwMjU5ODgwMX0.x"


def look(**settings: object) -> list[Finding]:
    return list(examine(Settings(**settings), QUIET))


def broken(**settings: object) -> Finding:
    """The last finding, which is the only broken one."""
    *fine, last = look(**settings)
    assert all(one.fine for one in fine)
    assert not last.fine
    return last


@pytest.mark.parametrize(
    ("settings", "check", "mend"),
    [
        ({}, "address and token", "set LABEL_STUDIO_URL"),
        ({"url": "localhost:8080"}, "address and token", "set LABEL_STUDIO_URL"),
        ({"url": "http://localhost:8080"}, "address and token", "set LABEL_STUDIO_API_KEY"),
        ({"url": "http://127.0.0.1:9", "api_key": "k"}, "server", "is it running"),
        ({"url": "http://127.0.0.1:9", "api_key": FORGED}, "server", "is it running"),
    ],
)
def test_settings_and_a_server_that_is_not_there(settings, check, mend):
    found = broken(**settings)
    assert found.check == check
    assert mend in found.text.replace("Set ", "set ").replace("Is it", "is it")


@pytest.mark.parametrize("key", ["wrong", FORGED])
def test_a_token_that_is_refused(labels, key):
    found = broken(url=labels.url, api_key=key)
    assert found.check == "token"
    assert "Copy it again" in found.text


@pytest.mark.parametrize("answer", [b"<html></html>", b"[]", b"{}", b'"release"'])
def test_something_else_answers(answer):
    with closing(Web()) as web:
        web.answer = lambda handler: reply(handler, answer)
        found = broken(url=web.url, api_key="k")
        assert found.check == "server"
        assert "address" in found.text


def test_a_project_may_be_refused():
    with closing(Web()) as web:
        answers = {"/api/version": {"release": "1.0"}, "/api/current-user/whoami": {"email": "a@b.example"}}

        def answer(handler):
            known = answers.get(handler.path)
            reply(handler, json.dumps(known or {"detail": "No."}).encode(), 200 if known else 403)

        web.answer = answer
        found = broken(url=web.url, api_key="k", project=1)
        assert found.check == "project"
        assert "Ask for a role" in found.text


def test_projects(labels):
    given = {"url": labels.url, "api_key": labels.token}
    assert look(**given)[-1].fine
    assert "does not exist" in broken(**given, project=99999).text
    owner = Person(labels.url, labels.token)
    fixed = owner.project(CONFIG.replace("$image", "http://host/a.png"))
    found = broken(**given, project=fixed)
    assert found.check == "project"
    assert "Use a variable" in found.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"skip_queue": "REQUEUE_FOR_OTHERS"}, {"maximum_annotations": 2}),
        ({"skip_queue": "IGNORE_SKIPPED"}, {"skip_queue": "REQUEUE_FOR_OTHERS"}),
        ({"skip_queue": "REQUEUE_FOR_OTHERS"}, {"skip_queue": "REQUEUE_FOR_ME"}),
    ],
)
def test_skips_that_would_come_back(labels, annotator_token, before, after):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    project = owner.project(**before)
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png"} for n in range(4)])
    plan = plan_for(labels.url, project, tasks, {0: [1, 2]})
    given = {"url": labels.url, "api_key": labels.token, "project": project}
    assert look(**given)[-1].text.startswith("0 duplicates")
    apply_plan(connection, plan, QUIET)
    assert look(**given)[-1] == Finding(
        "skips", True, "2 duplicates are skipped, none of them comes back to annotators"
    )
    writes = connection.writes
    owner.call("PATCH", f"/api/projects/{project}/", json=after)
    found = broken(**given)
    assert found.check == "skips"
    assert "2 of 2" in found.text
    assert f"labelonce run --project {project}" in found.text
    assert connection.writes == writes
    apply_plan(connection, plan, QUIET)  # what it advises helps
    assert all(one.fine for one in look(**given))
    met = label_everything([owner, Person(labels.url, annotator_token)], project)
    assert met[0] | met[1] == left_to_label(plan)
