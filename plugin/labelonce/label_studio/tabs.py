"""The two tabs in the Data Manager: what to label, and the duplicates beside what stands for them."""

from typing import Any

from labelonce.label_studio import marks
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.planning import Role

TO_LABEL = "labelonce: to label"
DUPLICATES = "labelonce: duplicates"
MARK = "labelonce"  # a key of our own in a tab's data; the server keeps it
# columns that would push the images and tags out of sight; people can show them again
HIDDEN = [
    f"tasks:{column}"
    for column in (
        "inner_id", "total_predictions", "annotators", "annotations_results", "annotations_ids", "predictions_score",
        "predictions_model_versions", "predictions_results", "file_upload", "storage_filename", "created_at",
        "updated_at", "updated_by", "avg_lead_time", "draft_exists", f"data.{marks.RUN}",
    )
]  # fmt: skip


def _filter(key: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:data.{key}", "operator": operator, "type": kind, "value": value}


def _wanted() -> dict[str, dict[str, Any]]:
    # "not equal" passes over tasks without the tag, so new uploads are asked for by "empty"
    kept = [
        _filter(marks.ROLE, "equal", "String", role.value) for role in (Role.UNIQUE, Role.REPRESENTATIVE, Role.KEPT)
    ]
    untagged = _filter(marks.ROLE, "empty", "String", True)
    grouped = _filter(marks.CLUSTER, "greater", "Number", 0)
    return {
        TO_LABEL: {
            "title": TO_LABEL,
            "type": "list",
            "target": "tasks",
            "hiddenColumns": {"explore": HIDDEN, "labeling": HIDDEN},
            "filters": {"conjunction": "or", "items": [*kept, untagged]},
        },
        DUPLICATES: {
            "title": DUPLICATES,
            "type": "grid",
            "target": "tasks",
            "gridWidth": 5,
            "hiddenColumns": {"explore": HIDDEN, "labeling": HIDDEN},
            "filters": {"conjunction": "and", "items": [grouped]},
            "ordering": [f"tasks:data.{marks.REPRESENTATIVE}"],
        },
    }


def find_tabs(server: Server, project: Project) -> list[dict[str, Any]]:
    """The tabs that labelonce made in a project, oldest first."""
    views: list[dict[str, Any]] = server.get("/api/dm/views/", project=project.id)
    return sorted((view for view in views if MARK in view["data"]), key=lambda view: view["id"])


def _same(server: Server, project: Project, name: str) -> list[dict[str, Any]]:
    return [view for view in find_tabs(server, project) if view["data"][MARK].get("tab") == name]


def make_tabs(server: Server, project: Project) -> None:
    """Make the tabs once, and mend one whose filter was changed; a title, a width, a column that people set stays."""
    for name, wanted in _wanted().items():
        same = _same(server, project, name)
        if not same:
            server.post("/api/dm/views/", {"project": project.id, "data": {**wanted, MARK: {"tab": name}}})
            same = _same(server, project, name)  # more than one where an answer was lost, or a request came twice
        for surplus in same[1:]:
            delete_tab(server, project, surplus["id"])
        if same and same[0]["data"].get("filters") != wanted["filters"]:
            _change(server, project, same[0], {"filters": wanted["filters"]})


def _change(server: Server, project: Project, tab: dict[str, Any], changed: dict[str, Any]) -> None:
    """Change some of a tab's data; the server replaces all of it, so the rest is sent along."""
    data = {**tab["data"], **changed}
    server.patch(f"/api/dm/views/{tab['id']}/", {"data": data}, project=project.id)


def remember_setting(server: Server, project: Project) -> None:
    """Keep the project's own ``skip_queue`` in the first tab, from where undo takes it."""
    tab = find_tabs(server, project)[0]
    mark = tab["data"][MARK]
    if "skip_queue" not in mark:
        _change(server, project, tab, {MARK: {**mark, "skip_queue": project.skip_queue}})


def remembered_setting(tabs: list[dict[str, Any]]) -> str | None:
    """The ``skip_queue`` that the project had before labelonce changed it; None when it did not."""
    return next((tab["data"][MARK]["skip_queue"] for tab in tabs if "skip_queue" in tab["data"][MARK]), None)


def delete_tab(server: Server, project: Project, number: int) -> None:
    """Delete a tab; one that is gone already is fine."""
    server.request("DELETE", f"/api/dm/views/{number}/", params={"project": project.id}, accept=frozenset({404}))
