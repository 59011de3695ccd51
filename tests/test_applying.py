"""Plans are carried out on a real Label Studio: who meets what, what people did, and what undo leaves behind."""

import pytest

from labelonce.errors import PlanError
from labelonce.label_studio import marks, tabs
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.listing import read_all
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.undoing import undo
from labelonce.planning import Plan
from labelonce.progress import Progress
from labelonce.tasks import Touch
from studio import BOX, Person, label_everything, left_to_label, own_skips, plan_for

GROUPS = {0: [1, 2], 4: [5, 7]}  # positions of representatives and their duplicates, of eight tasks
QUIET = Progress()


@pytest.fixture
def owner(labels):
    return Person(labels.url, labels.token)


@pytest.fixture
def annotator(labels, annotator_token):
    return Person(labels.url, annotator_token)


@pytest.fixture
def connection(labels):
    return Server(labels.url, labels.token)


def make(owner: Person, **settings: object) -> tuple[int, list[int], Plan]:
    project = owner.project(**settings)
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png", "note": f"n{n}"} for n in range(8)])
    return project, tasks, plan_for(owner.url, project, tasks, GROUPS)


@pytest.mark.parametrize("skip_queue", ["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"])
@pytest.mark.parametrize("annotators", [1, 2])
def test_annotators_meet_unique_tasks_only(owner, annotator, connection, skip_queue, annotators):
    project, _, plan = make(owner, skip_queue=skip_queue, maximum_annotations=annotators)
    outcome = apply_plan(connection, plan, QUIET)
    assert (outcome.skipped, outcome.refused) == (4, [])
    assert owner.call("GET", f"/api/projects/{project}/")["skip_queue"] == skip_queue
    met = label_everything([owner, annotator], project)
    assert met[0] | met[1] == left_to_label(plan)
    if annotators == 2:
        assert met == [left_to_label(plan)] * 2


@pytest.mark.parametrize("skip_queue", ["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"])
@pytest.mark.parametrize("annotators", [1, 2])
def test_a_filtered_tab_offers_unique_tasks_only(owner, annotator, connection, skip_queue, annotators):
    project, _, plan = make(owner, skip_queue=skip_queue, maximum_annotations=annotators)
    apply_plan(connection, plan, QUIET)
    everything = {"data": {"filters": {"conjunction": "and", "items": [
        {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": 0}]}}}  # fmt: skip
    met = label_everything([annotator, owner], project, everything)
    assert met[0] | met[1] == left_to_label(plan)


def test_one_write_for_each_duplicate_where_the_project_allows(owner, connection):
    _, _, plan = make(owner, skip_queue="IGNORE_SKIPPED")
    before = connection.writes
    apply_plan(connection, plan, QUIET)
    values = 3 + 2 + 2 + 2 + 1 + 1  # roles, clusters, representatives, similarities, the mark of a skip, the stamp
    assert connection.writes - before == 4 + values + 2  # and two tabs


def test_a_second_apply_writes_nothing(owner, connection):
    _, _, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    before = connection.writes
    outcome = apply_plan(connection, plan, QUIET)
    assert connection.writes == before
    assert (outcome.skipped, outcome.skips_written, outcome.tags_written) == (4, 0, 0)


def unstamped(task):
    """A task's data without the tag that says when it was tagged."""
    data = task["data"]
    assert data.pop(marks.RUN).endswith(f" #{task['project']}")
    return data


def test_tags_and_tabs(owner, connection):
    project, tasks, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    assert unstamped(owner.task(tasks[0])) == {
        "image": "http://127.0.0.1:9/0.png", "note": "n0", marks.ROLE: "representative", marks.CLUSTER: tasks[0],
        marks.REPRESENTATIVE: tasks[0], marks.SIMILARITY: 100,
    }  # fmt: skip
    assert unstamped(owner.task(tasks[5])) == {
        "image": "http://127.0.0.1:9/5.png", "note": "n5", marks.ROLE: "duplicate", marks.CLUSTER: tasks[4],
        marks.REPRESENTATIVE: tasks[4], marks.SIMILARITY: 97, marks.SKIPPED: "yes",
    }  # fmt: skip
    assert unstamped(owner.task(tasks[3])) == {"image": "http://127.0.0.1:9/3.png", "note": "n3", marks.ROLE: "unique"}
    (new,) = owner.import_tasks(project, [{"image": "http://127.0.0.1:9/new.png"}])
    assert set(owner.in_tab(project, tabs.TO_LABEL)) == {*left_to_label(plan), new}
    shown = owner.in_tab(project, tabs.DUPLICATES)
    assert set(shown[:3]) == {tasks[0], tasks[1], tasks[2]}
    assert set(shown[3:]) == {tasks[4], tasks[5], tasks[7]}
    apply_plan(connection, plan, QUIET)
    assert len(owner.tabs(project)) == 2


def test_marking_with_tags_only(owner, annotator, connection):
    project, tasks, plan = make(owner)
    outcome = apply_plan(connection, plan, QUIET, mark="tags")
    assert outcome.skipped == 0
    assert owner.call("GET", f"/api/projects/{project}/")["skipped_annotations_number"] == 0
    assert owner.task(tasks[1])["data"][marks.ROLE] == "duplicate"
    assert set(owner.in_tab(project, tabs.TO_LABEL)) == left_to_label(plan)
    apply_plan(connection, plan, QUIET)
    assert len(own_skips(owner, tasks[1])) == 1
    apply_plan(connection, plan, QUIET, mark="tags")
    assert own_skips(owner, tasks[1]) == []
    assert label_everything([annotator], project) == [set(tasks)]


def test_work_of_people_is_left_alone(owner, annotator, connection):
    project, tasks, plan = make(owner)
    annotation = annotator.annotate(tasks[1])
    annotator.draft(tasks[2])
    annotator.call("POST", f"/api/tasks/{tasks[5]}/annotations/", json={"result": [], "was_cancelled": True})
    before = {task: owner.task(task) for task in (tasks[1], tasks[2], tasks[5])}
    outcome = apply_plan(connection, plan, QUIET)
    assert outcome.left_to_people == [tasks[1], tasks[2], tasks[5]]
    assert outcome.skipped == 1
    assert {task: owner.task(task) for task in before} == before
    states = read_all(connection, project, QUIET)
    assert [states[tasks[n]].touch for n in (1, 2, 5, 7)] == [
        Touch.ANNOTATED, Touch.DRAFTED, Touch.SKIPPED, Touch.NONE
    ]  # fmt: skip
    assert owner.call("GET", f"/api/annotations/{annotation}/")["result"] == [BOX]


def test_what_stands_for_others_must_be_there(owner, annotator, connection):
    _, tasks, plan = make(owner)
    owner.call("DELETE", f"/api/tasks/{tasks[0]}/")
    annotator.call("POST", f"/api/tasks/{tasks[4]}/annotations/", json={"result": [], "was_cancelled": True})
    outcome = apply_plan(connection, plan, QUIET)
    assert outcome.vanished == [tasks[0]]
    assert outcome.skipped == 0
    assert all(own_skips(owner, tasks[n]) == [] for n in (1, 2, 5, 7))


def test_skips_are_lifted_when_people_come_first(owner, annotator, connection, monkeypatch):
    """Somebody labels a duplicate, and deletes what stands for others, while skips are being written."""
    from labelonce.label_studio import applying

    _, tasks, plan = make(owner)
    original = applying.make_skip

    def make_skip(server, project, state, decision):
        original(server, project, state, decision)
        if state.id == tasks[2]:
            annotator.annotate(tasks[2])
        if state.id == tasks[7]:
            owner.call("DELETE", f"/api/tasks/{tasks[4]}/")

    monkeypatch.setattr(applying, "make_skip", make_skip)
    outcome = apply_plan(connection, plan, QUIET)
    assert outcome.left_to_people == [tasks[2], tasks[5], tasks[7]]
    assert [len(own_skips(owner, tasks[n])) for n in (1, 2, 5, 7)] == [1, 0, 0, 0]
    assert owner.task(tasks[2])["total_annotations"] == 1


def test_a_skip_that_a_person_took_back_is_kept_back(owner, annotator, connection):
    project, tasks, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    (skip,) = own_skips(owner, tasks[1])
    annotator.call("DELETE", f"/api/annotations/{skip}/")
    outcome = apply_plan(connection, plan, QUIET)
    assert outcome.left_to_people == [tasks[1]]
    assert own_skips(owner, tasks[1]) == []
    assert read_all(connection, project, QUIET)[tasks[1]].touch is Touch.RETURNED


def test_a_run_that_broke_off_is_continued(owner, connection, monkeypatch):
    from labelonce.label_studio import applying

    project, tasks, plan = make(owner)
    original, calls = applying.make_skip, []

    def breaks(server, project, state, decision):
        original(server, project, state, decision)
        calls.append(state.id)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(applying, "make_skip", breaks)
    with pytest.raises(KeyboardInterrupt):
        apply_plan(connection, plan, QUIET)
    monkeypatch.undo()
    outcome = apply_plan(connection, plan, QUIET)
    assert outcome.skipped == 4
    assert all(len(own_skips(owner, tasks[n])) == 1 for n in (1, 2, 5, 7))
    undo(connection, read_project(connection, project), QUIET)


def test_a_skip_sent_twice_is_made_once(owner, connection):
    project, tasks, plan = make(owner)
    from labelonce.label_studio.writing import make_skip

    found = read_project(connection, project)
    state = read_all(connection, project, QUIET)[tasks[1]]
    for _ in range(3):
        make_skip(connection, found, state, plan.decisions[1])
    assert len(own_skips(owner, tasks[1])) == 1


@pytest.mark.parametrize("options", [{}, {"ignore_skipped": True}, {"mark": "tags"}])
def test_undo_leaves_no_trace(owner, annotator, connection, options):
    project, tasks, plan = make(owner)
    annotator.annotate(tasks[3])
    annotator.call("POST", f"/api/tasks/{tasks[6]}/annotations/", json={"result": [], "was_cancelled": True})
    owner.call("POST", f"/api/projects/{project}/summary/reset/")
    before = owner.snapshot(project)
    apply_plan(connection, plan, QUIET, **options)
    assert owner.snapshot(project) != before
    if "ignore_skipped" in options:
        assert owner.call("GET", f"/api/projects/{project}/")["skip_queue"] == "IGNORE_SKIPPED"
    undone = undo(connection, read_project(connection, project), QUIET)
    assert undone.refused == []
    assert owner.snapshot(project) == before
    writes = connection.writes
    undo(connection, read_project(connection, project), QUIET)
    assert connection.writes == writes


def test_undo_does_not_mind_what_the_configuration_became(owner, connection):
    project, _, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    text = '<View><Text name="text" value="$note"/><TextArea name="answer" toName="text"/></View>'
    owner.call("PATCH", f"/api/projects/{project}/", json={"label_config": text})
    assert undo(connection, read_project(connection, project, with_images=False), QUIET).skips == 4


def test_undo_leaves_what_a_person_made_of_a_skip(owner, annotator, connection):
    project, tasks, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    (changed,), (drafted,) = own_skips(owner, tasks[1]), own_skips(owner, tasks[2])
    annotator.call("PATCH", f"/api/annotations/{changed}/", json={"was_cancelled": False, "result": [BOX]})
    annotator.call("POST", f"/api/annotations/{drafted}/convert-to-draft")
    undone = undo(connection, read_project(connection, project), QUIET)
    assert undone.skips == 2
    task = owner.task(tasks[1])
    assert [one["id"] for one in task["annotations"]] == [changed]
    assert read_all(connection, project, QUIET)[tasks[2]].draft
    assert set(task["data"]) == {"image", "note"}


def test_other_data_survives_edits_meanwhile(owner, connection, monkeypatch):
    """A cloud URI stays as it is, and an edit between the reading and the tagging is not lost."""
    from labelonce.label_studio import applying

    project = owner.project()
    tasks = owner.import_tasks(project, [{"image": "s3://bucket/a key.png", "n": 1}, {"image": "s3://bucket/b.png"}])
    plan = plan_for(owner.url, project, tasks, {0: [1]})
    original, edited = applying.set_tag, []

    def set_tag(*arguments):
        if not edited:
            edited.append(owner.call("PATCH", f"/api/tasks/{tasks[0]}/", json={
                "data": {"image": "s3://bucket/a key.png", "n": 2, "new": "kept"}}))  # fmt: skip
        original(*arguments)

    monkeypatch.setattr(applying, "set_tag", set_tag)
    apply_plan(connection, plan, QUIET)
    data = owner.task(tasks[0])["data"]
    assert {key: data[key] for key in data if key not in marks.TAGS} == {
        "image": "s3://bucket/a key.png", "n": 2, "new": "kept"
    }  # fmt: skip
    undo(connection, read_project(connection, project), QUIET)
    assert owner.task(tasks[0])["data"] == {"image": "s3://bucket/a key.png", "n": 2, "new": "kept"}
    assert owner.task(tasks[1])["data"] == {"image": "s3://bucket/b.png"}


def test_a_setting_that_changes_later_is_mended_by_the_next_run(owner, annotator, connection):
    project, _, plan = make(owner)
    apply_plan(connection, plan, QUIET)
    owner.call("PATCH", f"/api/projects/{project}/", json={"maximum_annotations": 2})
    states = read_all(connection, project, QUIET).values()
    assert any(state.own_skip is not None and not state.is_labeled for state in states)
    apply_plan(connection, plan, QUIET)
    met = label_everything([owner, annotator], project)
    assert met == [left_to_label(plan)] * 2


def test_a_plan_for_something_else_is_refused(owner, connection):
    project, tasks, plan = make(owner)
    with pytest.raises(PlanError, match="was made for"):
        apply_plan(connection, plan_for("http://elsewhere", project, tasks, GROUPS), QUIET)
    with pytest.raises(PlanError, match="folder"):
        apply_plan(connection, Plan("photos", None, plan.decisions), QUIET)
