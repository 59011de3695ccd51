"""Through a connection that fails in every way: a run ends in the plan's exact state, or says why and is continued."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from labelonce.errors import LabelOnceError
from labelonce.label_studio import marks, sessions, tabs
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.undoing import undo
from labelonce.pipeline import make_plan
from labelonce.planning import Plan, Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.label_studio import LabelStudioSource
from labelonce.syncing import Synced, sync
from pictures import encoded, texture
from proxy import QUICK, WAITING, Fault, Proxy, mixture, never, once_each
from shape import shape
from studio import Person, plan_for

T = TypeVar("T")

QUIET = Progress()
GROUPS = {0: [1]}  # position of a representative and its duplicate, of three tasks
TIMEOUT = 1.0  # seconds; Label Studio needs a tenth
SCENES, COPIES = 50, 10


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BACKOFF", 0.1)


@pytest.fixture
def owner(labels: Any) -> Person:
    return Person(labels.url, labels.token)


@pytest.fixture
def proxy(labels: Any) -> Iterator[Proxy]:
    with closing(Proxy(labels.url)) as made:
        yield made


def connection(proxy: Proxy, owner: Person, **options: Any) -> Server:
    return Server(proxy.url, owner.token, **{"timeout": TIMEOUT, **options})


def small(owner: Person, url: str, **settings: Any) -> tuple[int, Plan]:
    project = owner.project(**settings)
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png"} for n in range(3)])
    return project, plan_for(url, project, tasks, GROUPS)


@pytest.fixture(scope="module")
def expected(labels: Any) -> dict[str, Any]:
    """What an undisturbed apply makes of the small project."""
    owner = Person(labels.url, labels.token)
    project, plan = small(owner, labels.url)
    outcome = apply_plan(Server(labels.url, labels.token), plan, QUIET, ignore_skipped=True)
    assert (outcome.skipped, outcome.refused) == (1, [])
    assert [tab["data"]["title"] for tab in owner.tabs(project)] == [tabs.TO_LABEL, tabs.DUPLICATES]
    return shape(owner, project)


def in_the_end(step: Callable[[], T], proxy: Proxy, told: list[str]) -> T:
    """The outcome of a run through the faults; where it fails with words, of the next one without any."""
    try:
        return step()
    except LabelOnceError as error:
        told.append(str(error))
    proxy.choose = never
    return step()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_every_request_fails_once(owner, proxy, expected, fault):
    """Each kind of fault at each request of apply and undo: it is sent again, and no trace is left of that."""
    project, plan = small(owner, proxy.url)
    before = shape(owner, project)
    every = 8 if fault in WAITING else 1
    proxy.start_over(once_each(fault, every))
    server = connection(proxy, owner, connections=1)  # an outage would spoil what others have under way
    outcome = apply_plan(server, plan, QUIET, ignore_skipped=True)
    assert (outcome.skipped, outcome.refused) == (1, [])
    assert shape(owner, project) == expected
    undone = undo(server, read_project(server, project), QUIET)
    assert (undone.tasks, undone.skip_queue, undone.refused) == (3, before["project"]["skip_queue"], [])
    assert shape(owner, project) == before
    assert proxy.made[fault] >= (3 if fault in WAITING else 20)


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    """Scenes, and copies of some."""
    scenes = [texture(seed, (120, 90)) for seed in range(SCENES)]
    files = {f"{number:02}.png": encoded(scene) for number, scene in enumerate(scenes)}
    return files | {f"copy {n}.jpg": encoded(scenes[3 * n], "JPEG", quality=90) for n in range(COPIES)}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(model="dct", verify="none", store=tmp_path_factory.mktemp("store") / "store.sqlite3")


def plan_of(server: Server, project: int, settings: Settings) -> Plan:
    source = LabelStudioSource(server, read_project(server, project), QUIET, timeout=TIMEOUT, max_bytes=1 << 20)
    return make_plan(source, settings, QUIET, project=project)


@pytest.fixture(scope="module")
def expected_of_photos(labels: Any, photos: dict[str, bytes], settings: Settings) -> dict[str, Any]:
    owner, server = Person(labels.url, labels.token), Server(labels.url, labels.token)
    project = owner.project()
    owner.upload(project, photos)
    plan = plan_of(server, project, settings)
    assert (plan.count(Role.DUPLICATE), plan.problems) == (COPIES, ())
    apply_plan(server, plan, QUIET)
    return shape(owner, project)


IMAGE_FAULTS = [Fault.REFUSED, Fault.RESET, Fault.BUSY, Fault.TOO_MANY, Fault.RESET_AFTER, Fault.LOST, Fault.TRUNCATED]


@pytest.mark.parametrize("fault", IMAGE_FAULTS, ids=lambda fault: fault.name)
def test_every_image_fails_once(owner, proxy, photos, settings, fault):
    project = owner.project()
    owner.upload(project, dict(list(photos.items())[:4]))
    proxy.start_over(once_each(fault))
    one_at_a_time = replace(settings, workers=1)  # an outage would spoil what others have under way
    plan = plan_of(connection(proxy, owner), project, one_at_a_time)
    assert (len(plan.decisions), plan.problems) == (4, ())
    assert proxy.made[fault] >= 4


@pytest.mark.parametrize(("seed", "rate"), [(1, 0.1), (2, 0.3)])
def test_a_random_mixture(owner, proxy, photos, settings, expected_of_photos, seed, rate):
    """All steps of a run, each through the faults to its end, or told and continued."""
    project = owner.project()
    owner.upload(project, photos)
    before = shape(owner, project)
    server, told = connection(proxy, owner), []
    proxy.start_over(mixture(10 * seed, rate))
    plan = in_the_end(lambda: plan_of(server, project, settings), proxy, told)
    proxy.choose = mixture(10 * seed + 1, rate)
    in_the_end(lambda: apply_plan(server, plan, QUIET), proxy, told)
    proxy.choose = never
    apply_plan(server, plan_of(server, project, settings), QUIET)
    assert shape(owner, project) == expected_of_photos
    proxy.choose = mixture(10 * seed + 2, rate)
    undone = in_the_end(lambda: undo(server, read_project(server, project), QUIET), proxy, told)
    if undone.refused:  # more faults than retries; what it could not do is told, and done by the next
        proxy.choose = never
        undone = undo(server, read_project(server, project), QUIET)
    assert undone.refused == []
    assert shape(owner, project) == before
    assert sum(proxy.made.values()) > 8
    assert all(text.endswith((".", "?")) for text in told)


@pytest.mark.parametrize(("seed", "rate"), [(3, 0.2), (4, 0.5)])
def test_a_random_mixture_for_syncs(owner, proxy, photos, settings, seed, rate):
    """What is uploaded in two parts, and followed through faults that are sometimes too many."""
    project = owner.project()
    parts = [dict(list(photos.items())[start::2]) for start in (0, 1)]
    server, told = connection(proxy, owner), []

    def follow(**options: Any) -> Synced:
        return sync(server, read_project(server, project), settings, QUIET, **options)

    for number, part in enumerate(parts):
        owner.upload(project, part)
        proxy.start_over(mixture(10 * seed + number, rate, QUICK))
        in_the_end(follow, proxy, told)
    proxy.choose = never
    follow(recheck=True)  # images that could not be had are asked for again
    found = shape(owner, project)
    clusters = [task["tags"].get(marks.CLUSTER) for task in found["tasks"]]
    skips = [sum(own for _, own, _ in task["annotations"]) for task in found["tasks"]]
    assert max(skips) == 1
    for cluster in set(clusters) - {None, ""}:
        members = [skip for other, skip in zip(clusters, skips, strict=True) if other == cluster]
        assert sorted(members) == [0, 1]
    assert sum(skips) == COPIES
    assert len(found["tabs"]) == 2
    assert all(task["tags"][marks.ROLE] for task in found["tasks"])
    assert sum(proxy.made.values()) > 8
    assert all(text.endswith((".", "?")) for text in told)
