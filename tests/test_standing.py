"""A project grows on a real Label Studio: who was left to be labelled stays, and what was added is skipped."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image, ImageFilter

from labelonce.label_studio.listing import TaskState, as_task
from labelonce.label_studio.project import ImageField, Project
from pictures import encoded, texture
from studio import Person, own_skips

PROJECT = Project(1, "a test", "REQUEUE_FOR_OTHERS", 1, (ImageField("image"),))


@pytest.fixture
def run(labels, tmp_path):
    """``labelonce run`` on a project, as a process of its own; what it printed."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": labels.url,
        "LABEL_STUDIO_API_KEY": labels.token,
        "LABELONCE_STORE": str(tmp_path / "store.sqlite3"),
    }

    def start(project: int, *arguments: str) -> dict:
        command = [sys.executable, "-m", "labelonce", "run", "-p", str(project), "--json", *arguments]
        ended = subprocess.run(
            command, env=environment, cwd=tmp_path, text=True, capture_output=True, check=False, timeout=300
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return start


@pytest.mark.parametrize(
    ("role", "stands"),
    [
        ("unique", True),
        ("representative", True),
        ("keep", True),
        ("duplicate", False),
        ("", False),
        (["unique"], False),
    ],
)
def test_what_an_earlier_run_left_stands(role, stands):
    state = TaskState(1, "", False, 1, 0, False, marks={"labelonce_role": role})
    data = {"image": "a.png"}
    assert as_task(state, data, PROJECT).standing == stands
    assert not as_task(replace(state, marks={}), data, PROJECT).standing


def representatives(owner: Person, tasks: list[int]) -> dict[int, int | None]:
    """Who stands for each task, as its tags say; None where it is alone."""
    found = {task: owner.task(task)["data"].get("labelonce_representative") for task in tasks}
    return {task: int(head) if head else None for task, head in found.items()}


@pytest.mark.parametrize("arguments", [(), ("--verify", "none")], ids=["geometry", "none"])
def test_a_project_that_grows(labels, run, arguments):
    owner = Person(labels.url, labels.token)
    project = owner.project()
    scene, other = texture(41, (480, 360)), texture(42, (480, 360))
    sharper = scene.resize((960, 720), Image.Resampling.LANCZOS).filter(ImageFilter.SHARPEN)
    files = {
        "large.png": encoded(scene),
        "small.jpg": encoded(scene.resize((360, 270)), "JPEG", quality=90),
        "soft.jpg": encoded(scene.resize((320, 240)), "JPEG", quality=80),
        "other.png": encoded(other),
    }
    tasks = owner.upload(project, files)
    large, small, soft, alone = tasks
    run(project, *arguments)
    assert representatives(owner, tasks) == {large: large, small: large, soft: large, alone: None}

    added = {
        "sharper.png": encoded(sharper),
        "largest.jpg": encoded(scene.resize((1440, 1080)), "JPEG", quality=95),
        "copy.png": encoded(scene, compress_level=1),
        "other_larger.png": encoded(other.resize((960, 720))),
    }
    new = owner.upload(project, added)
    written = run(project, *arguments)["outcome"]
    after = dict.fromkeys([large, small, soft, *new[:3]], large) | dict.fromkeys([alone, new[3]], alone)
    assert representatives(owner, tasks + new) == after
    assert (written["skips_written"], written["skips_lifted"]) == (len(new), 0)
    assert [bool(own_skips(owner, task)) for task in (large, alone, small, *new)] == [False, False, *[True] * 5]
    written = run(project, *arguments)["outcome"]
    assert written["skips_written"] == written["tags_written"] == 0
    assert representatives(owner, tasks + new) == after

    # people's work comes first: the new picture that somebody labelled stands for the scene
    owner.annotate(new[0])
    run(project, *arguments)
    assert set(representatives(owner, [large, small, soft, *new[:3]]).values()) == {new[0]}
