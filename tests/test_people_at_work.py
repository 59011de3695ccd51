"""Four people label at full speed while labelonce follows: nothing of theirs is lost, hidden or skipped."""

import random
import re
import threading
import time
from base64 import b64encode
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from labelonce.label_studio import marks
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.undoing import undo
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.syncing import sync
from pictures import encoded, texture
from shape import listed, recount
from studio import BOX, Person, own_skips

TASKS, COPIES = 1000, 60  # every second one of the first tasks is a copy: there people begin, and there is skipped
PEOPLE, SYNCS = 4, 3
QUIET = Progress()


class Watched(Server):
    """A connection that remembers when it last looked at which annotation."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self.looked: dict[int, float] = {}

    def get(self, path: str, **params: Any) -> Any:
        if found := re.fullmatch(r"/api/annotations/(\d+)/", path):
            self.looked[int(found[1])] = time.monotonic()
        return super().get(path, **params)


@dataclass
class Worker:
    """Somebody who labels, and what is theirs afterwards: annotations, skips and drafts by task."""

    person: Person
    project: int
    tempting: list[int]  # tasks that labelonce would like to skip: people open them too
    mine: list[int]  # those whose skips only this one takes back: two at once would undo each other's work
    dice: random.Random
    alone: defaultdict[
        int, threading.Lock
    ]  # two people at once on a task would cross in Label Studio without labelonce
    annotations: dict[int, int] = field(default_factory=dict)
    skips: dict[int, int] = field(default_factory=dict)
    drafts: dict[int, int] = field(default_factory=dict)
    returned: set[int] = field(default_factory=set)  # tasks whose skip by labelonce was taken back
    made_work: dict[int, float] = field(default_factory=dict)  # skips of labelonce's, and when they were annotations

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.act()

    def act(self) -> None:
        chance = self.dice.random()
        if chance < 0.05 and self.skips:
            task = self.dice.choice(list(self.skips))
            with self.alone[task]:
                self.person.call("DELETE", f"/api/annotations/{self.skips.pop(task)}/")
        elif chance < 0.15:
            task = self.dice.choice(self.mine)
            with self.alone[task]:
                self.take_back(task)
        else:
            found = self.dice.choice(self.tempting) if chance < 0.25 else self.person.next_task(self.project)
            # Label Studio offers what is begun again and again
            task = self.dice.choice(self.tempting) if found in self.drafts and self.dice.random() < 0.8 else found
            if task is not None:
                with self.alone[task]:
                    self.label(task)

    def label(self, task: int) -> None:
        """Annotate, skip or begin a task, or finish what was begun."""
        if task in self.annotations or task in self.skips:
            return
        if task in self.drafts:
            self.annotations[task] = self.person.annotate(task, draft_id=self.drafts.pop(task))
            return
        kind = self.dice.random()
        if kind < 0.1:
            body = {"result": [BOX], "lead_time": 1.0}
            self.drafts[task] = self.person.call("POST", f"/api/tasks/{task}/drafts", json=body)["id"]
        elif kind < 0.2:
            body = {"result": [], "was_cancelled": True}
            self.skips[task] = self.person.call("POST", f"/api/tasks/{task}/annotations/", json=body)["id"]
        else:
            self.annotations[task] = self.person.annotate(task)

    def take_back(self, task: int) -> None:
        """Take back labelonce's skip, if there is one: by deleting it, or by labelling."""
        for number in own_skips(self.person, task):
            path = f"/api/annotations/{number}/"
            if self.dice.random() < 0.5:
                self.person.call("DELETE", path, may_miss=True)
            elif self.person.call("PATCH", path, may_miss=True, json={"was_cancelled": False, "result": [BOX]}):
                self.annotations[task] = number
                self.made_work[number] = time.monotonic()
            self.returned.add(task)


def pictures() -> list[dict[str, str]]:
    """Tasks with small pictures."""
    files = []
    for number in range(TASKS - COPIES):
        scene = texture(number, (64, 48))
        files.append(encoded(scene, "JPEG", quality=92))
        if number < COPIES:
            files.append(encoded(scene, "JPEG", quality=80))
    return [{"image": f"data:image/jpeg;base64,{b64encode(file).decode()}"} for file in files]


def skipped(task: dict[str, Any]) -> bool:
    return any(marks.is_own(one) for one in task["annotations"])


def worked_on(task: dict[str, Any]) -> bool:
    return bool(task["total_annotations"] or task["draft_exists"])


def test_people_lose_nothing(labels, server, tmp_path):
    owner, connection = Person(labels.url, labels.token), Watched(labels.url, labels.token)
    project = owner.project()
    tasks = owner.import_tasks(project, pictures())
    settings = Settings(model="dct", verify="none", store=tmp_path / "store.sqlite3")
    tokens = [server.add_user(f"worker{number}@localhost.example", "labelonce-worker") for number in range(PEOPLE)]
    alone: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
    workers = [
        Worker(
            Person(labels.url, token),
            project,
            tasks[: 2 * COPIES],
            tasks[number : 2 * COPIES : PEOPLE],
            random.Random(number),
            alone,
        )
        for number, token in enumerate(tokens)
    ]
    stop = threading.Event()
    with ThreadPoolExecutor(PEOPLE) as pool:
        working = [pool.submit(worker.work, stop) for worker in workers]
        try:
            done = [sync(connection, read_project(connection, project), settings, QUIET) for _ in range(SYNCS)]
        finally:
            stop.set()
        for one in working:
            one.result()
    # what was labelled after a sync had looked for the last time is the next one's to see
    sync(connection, read_project(connection, project), settings, QUIET)

    assert done[0].figures()["skips_written"] > 0
    assert done[0].figures()["left_to_people"] > 0  # they got in each other's way
    found = listed(owner, project)
    recount(found, owner.call("GET", f"/api/projects/{project}/"))
    assert [task["id"] for task in found] == tasks
    by_number = {task["id"]: task for task in found}
    for worker in workers:
        assert len(worker.annotations) > 10
        for task, number in (worker.annotations | worker.skips).items():
            kept = next((one for one in by_number[task]["annotations"] if one["id"] == number), None)
            if kept is None:  # Label Studio has no way to delete what nobody changed since it was looked at
                assert worker.made_work[number] > connection.looked[number]
                continue
            assert kept["was_cancelled"] == (task in worker.skips)
            assert task in worker.skips or kept["result"][0]["value"] == BOX["value"]
        assert all(by_number[task]["draft_exists"] for task in worker.drafts)
    returned = set().union(*(worker.returned for worker in workers))
    assert returned
    assert any(worker.skips for worker in workers)
    for number, task in by_number.items():
        assert not skipped(task) or task["is_labeled"]
        assert not skipped(task) or (not worked_on(task) and number not in returned), task
        assert sum(map(marks.is_own, task["annotations"])) <= 1


@dataclass(frozen=True)
class Pair:
    """A project of two tasks, one of which is skipped."""

    owner: Person
    annotator: Person
    number: int
    copy: int
    settings: Settings

    @property
    def server(self) -> Server:
        return Server(self.owner.url, self.owner.token)

    def sync(self) -> int:
        """Sync, and say how many duplicates there are now."""
        return sync(self.server, read_project(self.server, self.number), self.settings, QUIET).duplicates


@pytest.fixture
def pair(labels, annotator_token, tmp_path) -> Pair:
    owner = Person(labels.url, labels.token)
    number = owner.project()
    files = [encoded(texture(1, (64, 48)), "JPEG", quality=quality) for quality in (92, 80)]
    tasks = owner.import_tasks(
        number, [{"image": f"data:image/jpeg;base64,{b64encode(file).decode()}"} for file in files]
    )
    settings = Settings(model="dct", verify="none", store=tmp_path / "store.sqlite3")
    made = Pair(owner, Person(labels.url, annotator_token), number, 0, settings)
    assert made.sync() == 1
    (copy,) = [task for task in tasks if own_skips(owner, task)]
    return replace(made, copy=copy)


def test_what_somebody_begins_on_a_skipped_task(pair):
    """Label Studio does not call that a change of the task."""
    pair.annotator.draft(pair.copy)
    assert pair.sync() == 0
    assert own_skips(pair.owner, pair.copy) == []
    assert pair.owner.task(pair.copy)["draft_exists"]


@pytest.mark.parametrize("lifting", ["sync", "undo"])
def test_what_somebody_changes_about_a_skip(lifting, pair):
    """Label Studio would delete it with the skip."""
    (skip,) = own_skips(pair.owner, pair.copy)
    begun = {"result": [BOX], "lead_time": 1.0}
    draft = pair.annotator.call("POST", f"/api/tasks/{pair.copy}/annotations/{skip}/drafts", json=begun)
    if lifting == "sync":
        assert pair.sync() == 0
    else:
        assert undo(pair.server, read_project(pair.server, pair.number), QUIET).skips == 1
    assert own_skips(pair.owner, pair.copy) == []
    (kept,) = pair.annotator.call("GET", f"/api/tasks/{pair.copy}/drafts")
    assert kept["annotation"] is None
    assert {key: kept[key] for key in ("id", "result", "user")} == {key: draft[key] for key in ("id", "result", "user")}
    assert pair.annotator.task(pair.copy)["drafts"]
    done = pair.annotator.annotate(pair.copy, draft_id=kept["id"])
    assert [one["id"] for one in pair.owner.task(pair.copy)["annotations"]] == [done]
