"""The state of a project in a form that two projects with the same tasks share: positions instead of numbers."""

from typing import Any

from labelonce.label_studio import marks
from studio import Person

COUNTERS = (
    "task_number",
    "finished_task_number",
    "num_tasks_with_annotations",
    "total_annotations_number",
    "skipped_annotations_number",
    "total_predictions_number",
)
SETTINGS = ("skip_queue", "maximum_annotations")
ABOUT_TASKS = (marks.CLUSTER, marks.REPRESENTATIVE)


def listed(owner: Person, project: int) -> list[dict[str, Any]]:
    """Every task of a project with its annotations, the cancelled ones too."""
    path = f"/api/tasks/?project={project}&page_size=10000&fields=all&resolve_uri=false&ordering=id"
    found: list[dict[str, Any]] = owner.call("GET", path)["tasks"]
    return sorted(found, key=lambda task: task["id"])


def shape(owner: Person, project: int) -> dict[str, Any]:
    """Skips, work, tags, tabs, counters and settings; the counters are checked against a recount on the way."""
    tasks = listed(owner, project)
    place = {task["id"]: position for position, task in enumerate(tasks)}
    about = owner.call("GET", f"/api/projects/{project}/")
    recount(tasks, about)
    return {
        "tasks": [_task(task, place) for task in tasks],
        "tabs": sorted((tab["data"] for tab in owner.tabs(project)), key=lambda data: str(data["title"])),
        "project": {name: about[name] for name in (*COUNTERS, *SETTINGS)},
    }


def recount(tasks: list[dict[str, Any]], about: dict[str, Any]) -> None:
    """Fail where a counter of Label Studio's says something else than what is there."""
    for task in tasks:
        cancelled = sum(one["was_cancelled"] for one in task["annotations"])
        assert task["cancelled_annotations"] == cancelled, task
        assert task["total_annotations"] == len(task["annotations"]) - cancelled, task
    assert about["task_number"] == len(tasks)
    assert about["finished_task_number"] == sum(task["is_labeled"] for task in tasks)
    assert about["total_annotations_number"] == sum(task["total_annotations"] for task in tasks)
    assert about["skipped_annotations_number"] == sum(task["cancelled_annotations"] for task in tasks)
    assert about["num_tasks_with_annotations"] == sum(task["total_annotations"] > 0 for task in tasks)


def _task(task: dict[str, Any], place: dict[int, int]) -> dict[str, Any]:
    tags = {key: value for key, value in task["data"].items() if key in marks.TAGS}
    places = {key: f"task {place[int(tags[key])]}" for key in ABOUT_TASKS if tags.get(key) not in (None, "")}
    stamped = {marks.RUN: "stamped"} if marks.RUN in tags else {}
    return {
        "tags": tags | places | stamped,
        "other keys": sorted(task["data"].keys() - tags.keys()),
        "is_labeled": task["is_labeled"],
        "overlap": task["overlap"],
        "draft": task["draft_exists"],
        "annotations": [(one["was_cancelled"], marks.is_own(one), one["completed_by"]) for one in task["annotations"]],
    }
