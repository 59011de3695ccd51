"""What the tests do on a real Label Studio: make projects, be a person who labels, and look at everything."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests

from labelonce.label_studio import marks
from labelonce.planning import Decision, Plan, Role

CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Object"/></RectangleLabels></View>'
)
BOX = {
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["Object"]},
}
VOLATILE = frozenset({"updated_at", "updated_by"})


@dataclass(frozen=True)
class Person:
    """Somebody with a legacy token, who works as Label Studio's own pages do."""

    url: str
    token: str

    def call(self, method: str, path: str, *, may_miss: bool = False, **options: Any) -> Any:
        """Call the API and return its JSON; None where there is none."""
        response = requests.request(
            method, self.url + path, headers={"Authorization": f"Token {self.token}"}, timeout=60, **options
        )
        missing = may_miss and response.status_code == 404
        assert response.ok or missing, (method, path, response.status_code, response.text[:500])
        return response.json() if response.ok and response.content else None

    def project(self, config: str = CONFIG, **settings: Any) -> int:
        """Make a project."""
        made = self.call("POST", "/api/projects/", json={"title": "a test", "label_config": config, **settings})
        return int(made["id"])

    def import_tasks(self, project: int, rows: Iterable[dict[str, Any]]) -> list[int]:
        """Import tasks from JSON."""
        path = f"/api/projects/{project}/import?return_task_ids=true"
        return sorted(self.call("POST", path, json=list(rows))["task_ids"])

    def upload(self, project: int, files: dict[str, bytes]) -> list[int]:
        """Upload image files; tasks come in the order of the files."""
        parts = {f"file{number}": (name, io.BytesIO(data)) for number, (name, data) in enumerate(files.items())}
        made = self.call("POST", f"/api/projects/{project}/import?return_task_ids=true", files=parts)
        return sorted(made["task_ids"])

    def task(self, number: int) -> dict[str, Any]:
        """One task, whole, its URIs as stored."""
        found: dict[str, Any] = self.call("GET", f"/api/tasks/{number}/?resolve_uri=false")
        return found

    def annotate(self, task: int, *, lead_time: float = 4.0, **more: Any) -> int:
        """Annotate one task."""
        body = {"result": [BOX], "lead_time": lead_time, **more}
        return int(self.call("POST", f"/api/tasks/{task}/annotations/", json=body)["id"])

    def draft(self, task: int) -> None:
        """Begin an annotation."""
        self.call("POST", f"/api/tasks/{task}/drafts", json={"result": [BOX], "lead_time": 1.0})

    def next_task(self, project: int) -> int | None:
        """The task that "Label All Tasks" would open; None when nothing is left."""
        found = self.call("GET", f"/api/projects/{project}/next", may_miss=True)
        return None if found is None else int(found["id"])

    def next_as_displayed(self, project: int, tab: dict[str, Any]) -> int | None:
        """The task that "Label Tasks As Displayed" would open in a tab."""
        body = {
            "filters": tab["data"].get("filters"),
            "ordering": tab["data"].get("ordering", []),
            "selectedItems": {"all": True, "excluded": []},
        }
        found = self.call("POST", f"/api/dm/actions/?id=next_task&project={project}", may_miss=True, json=body)
        return None if found is None else int(found["id"])

    def tabs(self, project: int) -> list[dict[str, Any]]:
        """The tabs of a project."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/dm/views/?project={project}")
        return found

    def in_tab(self, project: int, title: str) -> list[int]:
        """Tasks that a tab shows, in its order."""
        (tab,) = [tab for tab in self.tabs(project) if tab["data"]["title"] == title]
        found = self.call("GET", f"/api/tasks/?project={project}&view={tab['id']}&page_size=1000&fields=task_only")
        return [task["id"] for task in found["tasks"]]

    def snapshot(self, project: int) -> dict[str, Any]:
        """Everything that people can see of a project, but for the times of changes."""
        listed = self.call("GET", f"/api/tasks/?project={project}&page_size=1000&fields=all&resolve_uri=false")
        tasks = [{key: value for key, value in task.items() if key not in VOLATILE} for task in listed["tasks"]]
        drop = {"avg_lead_time"}
        summary = self.call("GET", f"/api/projects/{project}/summary/")
        return {
            "tasks": [{key: value for key, value in task.items() if key not in drop} for task in tasks],
            "project": self.call("GET", f"/api/projects/{project}/"),
            "tabs": self.tabs(project),
            "columns": summary["all_data_columns"],
        }


def label_everything(people: list[Person], project: int, tab: dict[str, Any] | None = None) -> list[set[int]]:
    """Let people label in turns until nobody gets a task; return what each of them met."""
    met: list[set[int]] = [set() for _ in people]
    for _ in range(1000):
        idle = 0
        for person, seen in zip(people, met, strict=True):
            task = person.next_task(project) if tab is None else person.next_as_displayed(project, tab)
            if task is None:
                idle += 1
            else:
                seen.add(task)
                person.annotate(task)
        if idle == len(people):
            return met
    raise AssertionError("the queue never ends")


def plan_for(url: str, project: int, tasks: list[int], groups: dict[int, list[int]]) -> Plan:
    """A plan in which, by position, some tasks stand for others."""
    stands = {duplicate: head for head, duplicates in groups.items() for duplicate in duplicates}
    decisions = []
    for position, task in enumerate(tasks):
        if position in stands:
            head = tasks[stands[position]]
            decisions.append(Decision(task, Role.DUPLICATE, "a test", head, head, 97.4))
        elif position in groups:
            decisions.append(Decision(task, Role.REPRESENTATIVE, "stands for its duplicates", task, task, 100.0))
        else:
            decisions.append(Decision(task, Role.UNIQUE, "no near-duplicate found"))
    return Plan(url, project, tuple(decisions))


def left_to_label(plan: Plan) -> set[int]:
    """The tasks that annotators are to meet."""
    return {int(decision.task) for decision in plan.decisions if decision.role is not Role.DUPLICATE}


def own_skips(person: Person, task: int) -> list[int]:
    """labelonce's skips on a task."""
    numbers = [one["id"] for one in person.task(task)["annotations"]]
    found = (person.call("GET", f"/api/annotations/{number}/", may_miss=True) for number in numbers)
    return [one["id"] for one in found if one and marks.is_own(one)]
