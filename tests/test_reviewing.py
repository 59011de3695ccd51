"""`labelonce review`: the page's door, what a mark does to a project and to a plan, and all of it in a browser."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from browser import browser
from labelonce.errors import ChangedError, LockedError
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.planning import Decision, Plan, Role, load_plan
from labelonce.progress import Progress
from labelonce.reviewing.advice import advise
from labelonce.reviewing.correcting import corrected
from labelonce.reviewing.marking import Kind, Mark, carry_out, read_mark
from labelonce.reviewing.site import COOKIE, Door, application
from labelonce.settings import Settings
from labelonce.syncing import sync
from pictures import encoded, texture
from studio import Person, own_skips

__all__ = ["browser"]  # a fixture

QUIET = Progress()
MARK = {"mark": "distinct", "one": 2, "other": 1}
REVIEW = {"X-Labelonce": "review"}


class Visitor:
    """A browser without a window: it keeps its cookies."""

    def __init__(self, app) -> None:
        self._transport = httpx.ASGITransport(app)
        self.cookies = httpx.Cookies()

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def post(self, path: str, **options) -> httpx.Response:
        return self._ask("POST", path, **options)

    def _ask(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            base = "http://127.0.0.1:8123"
            async with httpx.AsyncClient(transport=self._transport, base_url=base, cookies=self.cookies) as http:
                answer = await http.request(method, path, **options)
                self.cookies = http.cookies
                return answer

        return asyncio.run(ask())


def client(decide=lambda mark: ("done", None)) -> tuple[Visitor, Door]:
    door = Door(8123)
    return Visitor(application(door, lambda: "<p>the page", decide)), door


def test_the_address_opens_once():
    http, door = client()
    assert http.get("/").status_code == 401
    assert http.get("/?token=wrong").status_code == 401
    answer = http.get(f"/?token={door.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.search(rf"^{COOKIE}-8123=.*HttpOnly.*SameSite=strict", answer.headers["set-cookie"], re.I)
    assert http.get("/").text == "<p>the page"
    assert http.get("/").headers["x-frame-options"] == "DENY"
    http.cookies = httpx.Cookies()
    assert http.get(f"/?token={door.token}").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8123"}, 200),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Host": "elsewhere.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"X-Labelonce": "no"}, 403),
        ({"Cookie": f"{COOKIE}-8123=wrong"}, 401),
    ],
)
def test_marks_come_from_the_page_only(headers, status):
    said: list[Mark] = []
    http, door = client(lambda mark: (said.append(mark), ("done", None))[1])
    http.get(f"/?token={door.token}")
    assert http.post("/marks", json=MARK, headers=REVIEW | headers).status_code == status
    assert len(said) == (status == 200)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"mark": "all"}', b'{"mark": "keep", "tasks": []}', b" " * 3_000_000,
     b'{"mark": "keep", "tasks": ["1"]}', b'{"mark": "distinct", "one": 1, "other": 1}',
     b'{"mark": "distinct", "one": true, "other": 2}', b'{"mark": "representative", "one": -1, "other": 2}',
     b'{"mark": "keep", "tasks": [9223372036854775808]}', b"\xff"],
)  # fmt: skip
def test_what_is_no_mark(body):
    http, door = client(lambda mark: pytest.fail(str(mark)))
    http.get(f"/?token={door.token}")
    assert http.post("/marks", content=body, headers=REVIEW).status_code == 422


def test_a_page_that_cannot_be_made_says_why():
    def page() -> str:
        raise LockedError("try again")

    door = Door(8123)
    http = Visitor(application(door, page, lambda mark: ("done", None)))
    http.get(f"/?token={door.token}")
    answer = http.get("/")
    assert (answer.status_code, answer.json()) == (503, {"text": "try again"})


@pytest.mark.parametrize(("error", "status"), [(ChangedError("changed"), 409), (LockedError("busy"), 503)])
def test_what_cannot_be_written_is_told(error, status):
    def decide(_mark: Mark):
        raise error

    http, door = client(decide)
    http.get(f"/?token={door.token}")
    answer = http.post("/marks", json=MARK, headers=REVIEW)
    assert (answer.status_code, answer.json()) == (status, {"text": str(error)})


@dataclass(frozen=True)
class Reviewed:
    """A project with two groups, of three and of two tasks."""

    owner: Person
    number: int
    tasks: list[int]
    settings: Settings

    @property
    def server(self) -> Server:
        return Server(self.owner.url, self.owner.token)

    def sync(self):
        return sync(self.server, read_project(self.server, self.number), self.settings, QUIET)

    def decide(self, mark: Mark) -> str:
        return carry_out(self.server, read_project(self.server, self.number), mark, QUIET)

    def skipped(self) -> set[int]:
        return {task for task in self.tasks if own_skips(self.owner, task)}

    def tag(self, task: int, name: str) -> object:
        return self.owner.task(task)["data"].get(f"labelonce_{name}")


@pytest.fixture
def project(labels, tmp_path) -> Reviewed:
    owner = Person(labels.url, labels.token)
    number = owner.project()
    files = [(0, 92), (0, 82), (0, 72), (1, 92), (1, 80)]
    pictures = [encoded(texture(seed, (160, 120)), "JPEG", quality=quality) for seed, quality in files]
    rows = [{"image": f"data:image/jpeg;base64,{b64encode(picture).decode()}"} for picture in pictures]
    return Reviewed(
        owner, number, owner.import_tasks(number, rows), Settings(model="dct", store=tmp_path / "store.sqlite3")
    )


def large_group(project: Reviewed) -> tuple[int, list[int]]:
    """What stands for the group of three, and its duplicates."""
    first = project.tasks[:3]
    (head,) = set(first) - project.skipped()
    return head, [task for task in first if task != head]


def test_not_a_duplicate(project):
    project.sync()
    head, (one, rest) = large_group(project)
    assert "differs" in project.decide(Mark(Kind.DISTINCT, one, head))
    assert project.skipped() & set(project.tasks[:3]) == {rest}
    with pytest.raises(ChangedError, match="no duplicate"):  # a second reviewer, who has not seen it
        project.decide(Mark(Kind.DISTINCT, one, head))
    with pytest.raises(ChangedError, match="no duplicate"):
        project.decide(Mark(Kind.REPRESENTATIVE, one, head))
    project.sync()
    assert one not in project.skipped()
    assert project.owner.next_task(project.number) is not None


def test_another_representative(project):
    project.sync()
    head, (one, rest) = large_group(project)
    others = project.skipped() - {one, rest}
    project.decide(Mark(Kind.REPRESENTATIVE, one, head))
    assert project.skipped() == {head, rest} | others
    assert project.tag(one, "role") == "representative"
    assert [float(str(project.tag(task, "representative"))) for task in (head, rest)] == [one, one]
    with pytest.raises(ChangedError, match="no duplicate"):
        project.decide(Mark(Kind.REPRESENTATIVE, rest, head))
    project.sync()
    assert project.skipped() == {head, rest} | others


def test_people_go_before_another_representative(project):
    project.sync()
    head, (one, _) = large_group(project)
    project.owner.annotate(head)
    before = project.skipped()
    with pytest.raises(ChangedError, match=f"worked on task {head}"):
        project.decide(Mark(Kind.REPRESENTATIVE, one, head))
    assert project.skipped() == before


def test_keep_all(project):
    project.sync()
    head, duplicates = large_group(project)
    project.decide(Mark(Kind.KEEP, tasks=(head, *duplicates)))
    assert not project.skipped() & set(project.tasks[:3])
    project.sync()
    assert not project.skipped() & set(project.tasks[:3])


def test_the_same_after_all(project):
    project.sync()
    head, (one, rest) = large_group(project)
    other, more = project.tasks[3:]
    before = project.skipped()
    project.decide(Mark(Kind.DISTINCT, one, head))
    assert "are the same" in project.decide(Mark(Kind.SAME, one, head))
    assert project.skipped() == before
    project.decide(Mark(Kind.SAME, head, other))
    assert project.skipped() == before | {other, more} - {head}
    assert [float(str(project.tag(task, "representative"))) for task in (one, rest, other, more)] == [head] * 4
    project.decide(Mark(Kind.DISTINCT, other, head))
    assert other not in project.skipped()
    project.sync()
    assert project.skipped() == before


def plan_of(*decisions: Decision) -> Plan:
    return Plan("http://127.0.0.1:1", 3, decisions)


PLAN = plan_of(
    Decision(1, Role.REPRESENTATIVE, "stands for its duplicates", 1, 1, 100.0),
    Decision(2, Role.DUPLICATE, "a", 1, 1, 90.0),
    Decision(3, Role.DUPLICATE, "b", 1, 1, 80.0),
    Decision(4, Role.UNIQUE, "c"),
)


def roles(plan: Plan) -> list[tuple[str, object]]:
    return [(one.role.value, one.representative) for one in plan.decisions]


def test_a_corrected_plan():
    apart = corrected(PLAN, Mark(Kind.DISTINCT, 2, 1))
    assert roles(apart) == [("representative", 1), ("unique", None), ("duplicate", 1), ("unique", None)]
    assert roles(corrected(apart, Mark(Kind.DISTINCT, 3, 1)))[0] == ("unique", None)
    other = corrected(PLAN, Mark(Kind.REPRESENTATIVE, 3, 1))
    assert roles(other) == [("duplicate", 3), ("duplicate", 3), ("representative", 3), ("unique", None)]
    assert [one.similarity for one in other.decisions] == [80.0, 90.0, 100.0, None]
    kept = corrected(PLAN, Mark(Kind.KEEP, tasks=(2, 3)))
    assert [one.role for one in kept.decisions] == [Role.UNIQUE, Role.KEPT, Role.KEPT, Role.UNIQUE]
    for mark in (Mark(Kind.DISTINCT, 4, 1), Mark(Kind.DISTINCT, 2, 3), Mark(Kind.REPRESENTATIVE, 9, 1)):
        with pytest.raises(ChangedError):
            corrected(PLAN, mark)
    with pytest.raises(ChangedError):
        corrected(apart, Mark(Kind.REPRESENTATIVE, 2, 1))


def test_a_plan_in_which_two_are_the_same():
    apart = corrected(PLAN, Mark(Kind.DISTINCT, 2, 1))
    assert roles(corrected(apart, Mark(Kind.SAME, 2, 1))) == roles(PLAN)
    both = corrected(plan_of(*PLAN.decisions[:2]), Mark(Kind.DISTINCT, 2, 1))
    assert roles(corrected(both, Mark(Kind.SAME, 2, 1))) == roles(PLAN)[:2]
    assert roles(corrected(both, Mark(Kind.SAME, 1, 2))) == [("duplicate", 2), ("representative", 2)]
    joined = corrected(PLAN, Mark(Kind.SAME, 4, 3))
    assert roles(joined) == [("representative", 1)] + [("duplicate", 1)] * 3
    assert joined.decisions[3].reason == "a person said that tasks 4 and 3 are the same"
    assert corrected(joined, Mark(Kind.SAME, 2, 4)) == joined
    kept = corrected(PLAN, Mark(Kind.KEEP, tasks=(4,)))
    moved = corrected(kept, Mark(Kind.SAME, 1, 4))
    assert roles(moved) == [("duplicate", 4)] * 3 + [("keep", 4)]
    assert moved.decisions[0].reason == "a person said that they are the same"
    kept = corrected(PLAN, Mark(Kind.KEEP, tasks=(1, 4)))
    assert corrected(kept, Mark(Kind.SAME, 1, 4)) == kept
    with pytest.raises(ChangedError, match="no task 9"):
        corrected(PLAN, Mark(Kind.SAME, 9, 1))


def test_advice():
    wrong, right = [(61.0, False), (64.5, False), (66.0, False)], [(80.0, True), (92.0, True)]
    found = advise(wrong + right)
    assert found is not None
    assert "3 of the 3 skips up to 66.0 %" in found
    assert "--similarity 67" in found
    assert advise(wrong) is None  # too little
    assert advise([(61.0, True), (62.0, False), (63.0, True), (64.0, False), (65.0, True), (66.0, False)]) is None


def test_a_mark_is_read():
    assert read_mark({"mark": "keep", "tasks": [3, 1, 3]}) == Mark(Kind.KEEP, tasks=(3, 1))
    assert read_mark({"mark": "same", "one": 5, "other": 4}) == Mark(Kind.SAME, 5, 4)
    assert read_mark({"mark": "representative", "one": 5, "other": 4}) == Mark(Kind.REPRESENTATIVE, 5, 4)


@pytest.fixture
def started(labels, tmp_path):
    """Start `labelonce`; reviews are ended as by Ctrl-C, and have to end well."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": labels.url,
        "LABEL_STUDIO_API_KEY": labels.token,
        "LABELONCE_STORE": str(tmp_path / "store.sqlite3"),
        "LABELONCE_MODEL": "dct",
    }
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> str:
        """The address of a review."""
        command = [sys.executable, "-m", "labelonce", "review", "--no-open", *map(str, arguments)]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, text=True, stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        assert found, line
        return found[0]

    def run(*arguments: object) -> None:
        subprocess.run(
            [sys.executable, "-m", "labelonce", *map(str, arguments)], env=environment, cwd=tmp_path, check=True
        )

    start.run = run  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_in_a_browser(browser, started, project):
    project.sync()
    head, duplicates = large_group(project)
    page, second = browser.new_page(), browser.new_page()
    page.goto(started("-p", project.number))
    second.goto(started("-p", project.number))
    assert "token" not in page.url
    one = duplicates[0]
    for each in (page, second):
        each.locator(f".skip[data-task='{one}']").get_by_role("button", name="Not a duplicate").click()
        told = each.locator("#said", has_text=re.compile("differs|no duplicate"))
        told.wait_for(state="attached")
    page.locator(f".skip[data-task='{one}'] .badge").wait_for()
    assert "no duplicate" in second.inner_text("#said")  # somebody else was first
    assert one not in project.skipped()
    torn = page.locator(f".skip[data-task='{one}']")
    torn.get_by_role("button", name="Undo").click()
    torn.locator(".badge").wait_for(state="detached")
    assert one in project.skipped()
    torn.get_by_role("button", name="Not a duplicate").click()
    torn.locator(".badge").wait_for()
    second.reload()
    assert second.locator(f".skip[data-task='{one}']").count() == 0
    second.locator(f".skip[data-task='{duplicates[1]}']").get_by_role(
        "button", name="Make this the representative"
    ).click()
    group = second.locator(f"article[data-task='{head}']")
    group.locator(".badge", has_text=f"task {duplicates[1]} stands for this group now. Load the page again").wait_for()
    assert all(one.is_disabled() for one in group.locator("button[data-mark]").all())
    assert project.skipped() & set(project.tasks[:3]) == {head}
    page.close()
    second.close()


def test_a_plan_is_corrected_before_it_is_applied(browser, started, project, tmp_path):
    started.run("plan", "-p", project.number, "--output", "plan.json")
    plan = load_plan(tmp_path / "plan.json")
    one = next(decision for decision in plan.decisions if decision.role is Role.DUPLICATE)
    page = browser.new_page()
    page.goto(started("plan.json"))
    page.locator(f".skip[data-task='{one.task}']").get_by_role("button", name="Not a duplicate").click()
    page.locator(f".skip[data-task='{one.task}'] .badge").wait_for()
    page.close()
    better = load_plan(tmp_path / "plan.json")
    assert {each.task for each in better.decisions if each.role is Role.DUPLICATE} == {
        each.task for each in plan.decisions if each.role is Role.DUPLICATE
    } - {one.task}
    assert f"\n{one.task},unique," in Path(tmp_path, "plan.csv").read_text()
    assert project.skipped() == set()
    started.run("apply", "plan.json")
    assert project.skipped() == {each.task for each in better.decisions if each.role is Role.DUPLICATE}
    started.run("run", "-p", project.number)  # comes to no other conclusion
    assert one.task not in project.skipped()
