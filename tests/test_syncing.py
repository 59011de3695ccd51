"""Following a project on a real Label Studio: what is new is decided, and all that was decided stands."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from labelonce.errors import ConfigurationError
from labelonce.label_studio import marks
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.listing import read_all
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.undoing import undo
from labelonce.pipeline import make_plan
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.syncing import deciding, judging, source_of, sync
from pictures import encoded, texture
from studio import BOX, Person, own_skips
from web import Web, reply

QUIET = Progress()


def scene(seed: int, quality: int = 90) -> bytes:
    """A picture, encoded anew with each quality."""
    return encoded(texture(seed), "JPEG", quality=quality)


@dataclass
class Team:
    """A project, and a computer that follows it."""

    owner: Person
    server: Server
    project: int
    store: Path
    mark: str = "skip"

    def upload(self, *images: bytes) -> list[int]:
        return self.owner.upload(self.project, {f"{number}.jpg": image for number, image in enumerate(images)})

    def settings(self) -> Settings:
        return Settings(model="dct", store=self.store, mark=self.mark, allow_host="127.0.0.1")

    def sync(self, again=(), **options):
        return sync(self.server, self.read(), self.settings(), QUIET, again=again, **options)

    def source(self):
        return source_of(self.server, self.read(), self.settings(), QUIET)

    def read(self):
        return read_project(self.server, self.project)

    def states(self):
        return read_all(self.server, self.project, QUIET)

    def roles(self) -> dict[int, str]:
        return {task: str(state.marks.get(marks.ROLE, "")) for task, state in self.states().items()}

    def skipped(self) -> set[int]:
        return {task for task, state in self.states().items() if state.own_skip is not None}

    def stands_for(self, task: int) -> int | None:
        found = self.states()[task].marks.get(marks.REPRESENTATIVE)
        return int(found) if found else None


@pytest.fixture
def team(labels, tmp_path):
    owner = Person(labels.url, labels.token)
    return Team(owner, Server(labels.url, labels.token), owner.project(), tmp_path / "store.sqlite3")


def test_what_is_new_is_decided_and_the_rest_stands(team):
    first, _, _, other = team.upload(scene(1), scene(1, 80), scene(1, 70), scene(2))
    synced = team.sync()
    assert (synced.tasks, synced.new, synced.duplicates) == (4, 4, 2)
    before = team.states()
    again, new, more = team.upload(scene(2, 60), scene(3), scene(3, 75))
    synced = team.sync()
    assert (synced.tasks, synced.new, synced.changed, synced.deleted, synced.duplicates) == (7, 3, 0, 0, 4)
    assert synced.outcome.skips_written == 2
    assert team.roles()[other] == "representative"
    assert (team.stands_for(again), team.stands_for(more)) == (other, new)
    after = team.states()
    assert {task: state for task, state in after.items() if task in before and task != other} == {
        task: state for task, state in before.items() if task != other
    }
    assert team.stands_for(first) == first


def test_with_nothing_new_four_requests_and_no_write(team, monkeypatch):
    team.upload(scene(1), scene(1, 80), scene(2))
    team.sync()
    team.sync()  # looks once more at what the first one wrote
    sent = []
    ask = Server._ask
    monkeypatch.setattr(Server, "_ask", lambda self, *a, **k: sent.append(a[0]) or ask(self, *a, **k))
    synced = team.sync()
    assert sent == ["GET"] * 4  # the configuration, the figures, the newest change, what is begun on skipped tasks
    assert (synced.tasks, synced.new, synced.duplicates, synced.outcome) == (3, 0, 1, None)


def test_a_lost_store_costs_no_decision(team, tmp_path):
    tasks = team.upload(scene(1), scene(1, 80), scene(2), scene(2, 70), scene(3))
    team.sync()
    before = team.states()
    team.store = tmp_path / "another" / "store.sqlite3"
    writes = team.server.writes
    team.sync()
    assert team.states() == before
    assert team.server.writes == writes
    (new,) = team.upload(scene(3, 60))
    team.sync()
    assert team.stands_for(new) == tasks[4]


def test_representatives_stay_when_a_new_image_would_join_two_clusters(team):
    """The new one is a wide view that holds both old ones as crops."""
    wide = texture(7, (900, 300))
    left, right = (encoded(wide.crop(box), "JPEG", quality=92) for box in ((0, 0, 560, 300), (340, 0, 900, 300)))
    one, _, other, _ = team.upload(left, left + b"\0", right, right + b"\0")
    team.sync()
    before = team.roles()
    team.upload(encoded(wide, "JPEG", quality=90), encoded(wide.crop((170, 0, 730, 300)), "JPEG", quality=90))
    team.sync()
    roles = team.roles()
    assert {task: roles[task] for task in before} == before
    assert before[one] == before[other] == "representative"


def test_a_deleted_representative_hands_over(team):
    head, *rest = team.upload(scene(1, 95), scene(1, 80), scene(1, 70), scene(2))
    team.sync()
    assert team.skipped() == {rest[0], rest[1]}
    team.owner.call("DELETE", f"/api/tasks/{head}/")
    synced = team.sync()
    assert (synced.deleted, synced.duplicates, synced.outcome.skips_lifted) == (1, 1, 1)
    assert team.skipped() == {rest[1]}
    assert (team.stands_for(rest[0]), team.stands_for(rest[1])) == (rest[0], rest[0])
    assert team.owner.task(rest[0])["is_labeled"] is False


def test_a_representative_that_a_person_skipped_hands_over(team):
    head, *rest = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    team.owner.call("POST", f"/api/tasks/{head}/annotations/", json={"result": [], "was_cancelled": True})
    team.sync()
    assert team.skipped() == {rest[1]}
    assert team.roles() == {head: "unique", rest[0]: "representative", rest[1]: "duplicate"}
    writes = team.server.writes
    team.sync()
    assert team.server.writes == writes


@pytest.mark.parametrize("how", ["deleted", "draft", "annotation"])
def test_a_skip_that_a_person_took_back_is_remembered_everywhere(team, tmp_path, how):
    _, skipped = team.upload(scene(1, 95), scene(1, 80))
    team.sync()
    (skip,) = own_skips(team.owner, skipped)
    if how == "annotation":
        body = {"was_cancelled": False, "result": [BOX]}
        team.owner.call("PATCH", f"/api/annotations/{skip}/", json=body)
    else:
        team.owner.call("DELETE", f"/api/annotations/{skip}/")
        if how == "draft":
            team.owner.draft(skipped)
    team.sync()
    assert team.roles()[skipped] == "keep"
    if how == "annotation":  # even when the annotation goes
        team.owner.call("DELETE", f"/api/annotations/{skip}/")
    team.store = tmp_path / "another" / "store.sqlite3"
    team.sync()
    (late,) = team.upload(scene(1, 60))
    team.sync()
    assert team.roles()[skipped] == "keep"
    assert team.skipped() == {late}


def test_keep(team):
    _, one, two = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    outcome = judging.keep(team.server, team.read(), [one], QUIET)
    assert outcome.skips_lifted == 1
    team.sync()
    assert team.skipped() == {two}
    assert team.roles()[one] == "keep"


def test_keep_before_any_run(team):
    one, two = team.upload(scene(1, 95), scene(1, 80))
    judging.keep(team.server, team.read(), [two], QUIET)
    team.sync()
    assert team.roles() == {one: "duplicate", two: "keep"}
    assert team.skipped() == {one}


def test_distinct(team):
    head, one, two = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    torn = judging.tell_apart(team.server, team.read(), one, head, QUIET)
    assert torn == [one]
    team.sync(torn)
    assert team.roles() == {head: "representative", one: "unique", two: "duplicate"}
    team.store.unlink()
    team.sync()
    assert team.skipped() == {two}


def test_exact_copies_that_a_person_told_apart(team):
    one, two, three = team.upload(scene(1), scene(1), scene(1))
    judging.tell_apart(team.server, team.read(), one, two, QUIET)
    team.sync()
    assert len(team.skipped()) == 1
    assert not {one, two} <= {*team.skipped(), three}


def test_duplicates_of_a_third_that_a_person_told_apart(team):
    _, one, two = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    assert team.skipped() == {one, two}
    assert judging.tell_apart(team.server, team.read(), one, two, QUIET) == []
    team.sync()
    assert team.skipped() == set()


def test_same(team, tmp_path):
    """Two groups become one at once, on every computer and in every later run; until the word is taken back."""
    a, a1, b, b1, other = team.upload(scene(1, 95), scene(1, 80), scene(2, 95), scene(2, 80), scene(3))
    team.sync()
    before = team.roles()
    assert team.skipped() == {a1, b1}
    outcome = judging.join(team.server, team.read(), a1, b1, QUIET)
    assert (outcome.skips_written, outcome.skips_lifted) == (1, 0)
    assert team.skipped() == {a1, b, b1}
    assert {team.stands_for(task) for task in (a, a1, b, b1)} == {a}
    assert team.states()[b].why["reason"] == f"a person said that tasks {a1} and {b1} are the same"
    assert judging.join(team.server, team.read(), a1, b1, QUIET).tags_written == 0
    for store in (team.store, tmp_path / "another" / "store.sqlite3"):
        team.store = store
        writes = team.server.writes
        team.sync()
        assert team.server.writes == writes
    plan = make_plan(team.source(), team.settings(), QUIET, project=team.project)
    apply_plan(team.server, plan, QUIET)
    assert {team.stands_for(task) for task in (a, a1, b, b1)} == {a}
    assert team.skipped() == {a1, b, b1}
    torn = judging.tell_apart(team.server, team.read(), a1, b1, QUIET)
    assert torn == [b, b1]  # what stood for a1 before the word still does
    assert (team.states()[a1].same, team.states()[a1].distinct) == (frozenset(), {b1})
    team.sync(torn)
    assert team.skipped() == {a1, b1}
    assert team.roles() == before
    judging.join(team.server, team.read(), b1, a1, QUIET)
    assert (team.states()[a1].same, team.states()[a1].distinct) == ({b1}, frozenset())
    assert team.skipped() == {a1, b, b1}
    assert other not in team.skipped()
    undo(team.server, team.read(), QUIET)
    team.sync()
    assert team.skipped() == {a1, b1}


def test_a_word_on_what_was_found_anyway(team):
    """When it is taken back, the two are told apart as if it had never been said."""
    _, one, two = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    judging.join(team.server, team.read(), one, two, QUIET)
    assert team.skipped() == {one, two}
    assert judging.tell_apart(team.server, team.read(), one, two, QUIET) == []
    assert team.skipped() == set()
    assert (team.roles()[one], team.roles()[two]) == ("keep", "keep")


def test_same_before_any_run_and_of_what_is_new(team):
    a, b = team.upload(scene(1), scene(2))
    assert judging.join(team.server, team.read(), a, b, QUIET).states == {}
    team.sync()
    assert team.skipped() == {b}
    (c,) = team.upload(scene(3))
    judging.join(team.server, team.read(), b, c, QUIET)
    team.upload(scene(4), scene(5))  # not all is decided anew
    team.sync()
    assert team.skipped() == {b, c}
    assert team.stands_for(c) == a


def test_a_word_that_is_only_remembered_is_carried_out_by_the_next_sync(team, tmp_path):
    a, b, *_ = team.upload(scene(1), scene(2), scene(3), scene(4), scene(5))
    team.sync()
    judging.call_same(team.server, team.read(), b, a)
    team.store = tmp_path / "another" / "store.sqlite3"
    team.sync()
    assert team.skipped() == {b}
    assert team.states()[b].why["reason"] == "a person said that they are the same"
    assert 0 < team.states()[b].why["similarity"] < 100


def test_people_go_before_a_word(team):
    a, b, c = team.upload(scene(1), scene(2), scene(3))
    team.sync()
    team.owner.annotate(b)
    judging.join(team.server, team.read(), a, b, QUIET)
    assert team.skipped() == {a}
    team.owner.annotate(c)
    judging.join(team.server, team.read(), b, c, QUIET)
    team.sync()
    assert team.skipped() == {a}
    with pytest.raises(ConfigurationError, match="named twice"):
        judging.join(team.server, team.read(), a, a, QUIET)
    with pytest.raises(ConfigurationError, match="no task 99999"):
        judging.join(team.server, team.read(), a, 99999, QUIET)


ASKING = (
    '<View><Header value="$question"/><Image name="image" value="$image"/><Choices name="answer" toName="image">'
    '<Choice value="yes"/><Choice value="no"/></Choices></View>'
)


def ask(team, *questions: str) -> list[int]:
    """Import one photo with each of some questions."""
    photo = f"data:image/jpeg;base64,{b64encode(scene(1)).decode()}"
    rows = [{"image": photo, "question": question, "number": number} for number, question in enumerate(questions)]
    return team.owner.import_tasks(team.project, rows)


def test_one_photo_with_four_questions_is_four_tasks(team):
    """Nobody labels the question, and everybody reads it."""
    team.project = team.owner.project(ASKING)
    tasks = ask(team, "a cat?", "a dog?", "at night?", "indoors?")
    plan = make_plan(team.source(), team.settings(), QUIET, project=team.project)
    assert {one.role for one in plan.decisions} == {Role.UNIQUE}
    team.sync()
    assert team.skipped() == set()
    assert team.roles() == dict.fromkeys(tasks, "unique")
    (again, new) = ask(team, "a dog?", "a horse?")
    team.sync()
    assert team.skipped() == {again}
    assert (team.stands_for(again), team.roles()[new]) == (tasks[1], "unique")


def test_a_word_goes_before_what_is_shown(team, tmp_path):
    team.project = team.owner.project(ASKING)
    one, two, again = ask(team, "a cat?", "is it a cat?", "is it a cat?")
    team.sync()
    judging.join(team.server, team.read(), one, two, QUIET)
    assert team.skipped() == {one, again}
    before = team.states()
    for store in (team.store, tmp_path / "another" / "store.sqlite3"):
        team.store = store
        team.sync()
        assert team.states() == before


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_configuration_that_shows_more_is_decided_anew(team, tmp_path, forgotten):
    """As an earlier version's decisions are, which did not look at what nobody labels."""
    team.project = team.owner.project(ASKING.replace('<Header value="$question"/>', ""))
    first, *others = ask(team, "a cat?", "a dog?", "at night?", "a cat?", "a cat?", "a cat?")
    team.sync()
    assert team.skipped() == set(others)
    team.owner.call("PATCH", f"/api/projects/{team.project}/", json={"label_config": ASKING})
    if forgotten:
        team.store = tmp_path / "another" / "store.sqlite3"
    team.sync()
    assert team.skipped() == set(others[2:])
    assert {team.stands_for(task) for task in others[2:]} == {first}
    writes = team.server.writes
    team.sync()
    assert team.server.writes == writes


def test_a_changed_image_is_decided_anew(team):
    head, one, two, other = team.upload(scene(1, 95), scene(1, 80), scene(1, 70), scene(2))
    team.sync()
    data = {task: team.owner.task(task)["data"] for task in (one, other)}
    team.owner.call("PATCH", f"/api/tasks/{one}/", json={"data": {**data[one], "image": data[other]["image"]}})
    synced = team.sync()
    assert synced.changed == 1
    assert (team.stands_for(one), team.stands_for(two)) == (other, head)


def test_a_changed_representative_hands_over(team):
    head, one, two = team.upload(scene(1, 95), scene(1, 80), scene(1, 70))
    team.sync()
    (new,) = team.upload(scene(5))
    data = team.owner.task(head)["data"] | {"image": team.owner.task(new)["data"]["image"]}
    team.owner.call("PATCH", f"/api/tasks/{head}/", json={"data": data})
    team.sync()
    assert (team.stands_for(one), team.stands_for(two)) == (one, one)
    assert {head, new} & team.skipped()
    assert not {head, new} <= team.skipped()


def test_tags_that_came_along_with_an_import_are_not_believed(team):
    """A project is exported, its tasks are deleted, and the export is imported again."""
    team.upload(scene(1, 95), scene(1, 80), scene(2))
    team.sync()
    rows = [{"data": team.owner.task(task)["data"]} for task in team.states()]
    for task in team.states():
        team.owner.call("DELETE", f"/api/tasks/{task}/")
    tasks = team.owner.import_tasks(team.project, rows)
    synced = team.sync()
    assert (synced.new, synced.deleted, synced.duplicates) == (3, 3, 1)
    assert team.skipped() == {tasks[1]}
    assert team.roles()[tasks[1]] == "duplicate"


def test_an_image_that_cannot_be_had_is_asked_for_again_later(team, monkeypatch):
    (head,) = team.upload(scene(1, 95))
    team.sync()
    (task,) = team.owner.import_tasks(team.project, [{"image": "/data/upload/1/missing.jpg"}])
    team.sync()
    assert team.roles()[task] == "unique"
    image = team.owner.task(head)["data"]["image"]
    team.owner.call("PATCH", f"/api/tasks/{task}/", json={"data": {**team.owner.task(task)["data"], "image": image}})
    team.sync()
    assert team.skipped() == {task}


def test_what_was_skipped_by_tags_only_is_skipped_later(team):
    team.mark = "tags"
    _, task = team.upload(scene(1, 95), scene(1, 80))
    team.sync()
    assert team.skipped() == set()
    team.mark = "skip"
    team.sync()
    assert team.skipped() == {task}


def test_undo_leaves_nothing_behind_and_sync_begins_anew(team):
    _, task = team.upload(scene(1, 95), scene(1, 80))
    team.sync()
    judging.tell_apart(team.server, team.read(), task, task - 1, QUIET)
    undo(team.server, team.read(), QUIET)
    assert all(not state.tags for state in team.states().values())
    team.sync()
    assert team.skipped() == {task}


def test_a_burst_hides_no_representative(team, monkeypatch):
    """The most similar known pictures are all skipped ones; what stands for them is looked at all the same."""
    monkeypatch.setattr(deciding, "CANDIDATES", 2)
    team.upload(scene(1, 95), *(scene(1, quality) for quality in range(60, 72)))
    team.sync()
    assert len(team.skipped()) == 12
    (late,) = team.upload(scene(1, 66) + b"late")
    (near,) = team.upload(encoded(texture(1), "JPEG", quality=65, subsampling=0))
    team.sync()
    assert {late, near} <= team.skipped()


def test_an_image_that_changed_behind_its_url(team):
    """Only a second look finds it."""
    pictures = {"/a.jpg": scene(1, 95), "/b.jpg": scene(1, 80), "/c.jpg": scene(1, 70)}
    web = Web()

    def answer(handler):
        body = pictures[handler.path]
        tag = f'"{sha256(body).hexdigest()}"'
        same = handler.headers.get("If-None-Match") == tag
        reply(handler, b"" if same else body, 304 if same else 200, ETag=tag)

    web.answer = answer
    _, b, c = team.owner.import_tasks(team.project, [{"image": web.url + path} for path in pictures])
    team.sync()
    assert team.skipped() == {b, c}
    pictures["/b.jpg"] = scene(2)
    assert team.sync().changed == 0
    synced = team.sync(recheck=True)
    assert synced.changed == 1
    assert team.skipped() == {c}
    pictures["/a.jpg"] = scene(3)
    team.sync(recheck=True)
    assert team.skipped() == set()
    assert team.sync(recheck=True).outcome is None
    web.close()
