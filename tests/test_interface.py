"""Label Studio's own pages in a real browser, as annotators and owners see them after a run."""

import re
from base64 import b64encode

import pytest

from browser import browser
from conftest import ANNOTATOR
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.syncing import sync
from pictures import encoded, texture
from studio import Person, own_skips

SCENES = 3
PATIENCE = 60_000  # ms


__all__ = ["browser"]  # a fixture


@pytest.fixture
def project(labels, annotator_token, tmp_path):
    """A project after a run; its number, its tasks and those that are left to label."""
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project(show_annotation_history=False)
    files = [
        encoded(texture(place // 2, (160, 120)), "JPEG", quality=92 - 12 * (place % 2)) for place in range(2 * SCENES)
    ]
    rows = [{"image": f"data:image/jpeg;base64,{b64encode(file).decode()}"} for file in files]
    tasks = owner.import_tasks(number, rows)
    settings = Settings(model="dct", store=tmp_path / "store.sqlite3")
    assert sync(connection, read_project(connection, number), settings, Progress()).duplicates == SCENES
    return number, tasks, [task for task in tasks if not own_skips(owner, task)]


@pytest.fixture
def annotator(browser, labels, annotator_token):
    """A page of the annotator's, who has logged in."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{labels.url}/user/login/")
    page.fill("input[name=email]", ANNOTATOR[0])
    page.fill("input[name=password]", ANNOTATOR[1])
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(r"/$|/projects"), timeout=PATIENCE)
    yield page
    page.close()


def test_label_all_tasks_offers_unique_images_only(annotator, labels, project):
    number, tasks, unique = project
    owner = Person(labels.url, labels.token)
    annotator.goto(f"{labels.url}/projects/{number}/data")
    annotator.get_by_text("Label All Tasks").click(timeout=PATIENCE)
    done = set()
    end = annotator.get_by_text("No More Tasks Left in Queue")
    for _ in range(len(tasks) + 1):
        submit = annotator.locator("button:has-text('Submit')").first
        submit.or_(end).first.wait_for(timeout=PATIENCE)
        if end.is_visible():
            break
        with annotator.expect_response(re.compile(r"/api/tasks/\d+/annotations")) as answer:
            submit.click(timeout=PATIENCE)
        done.add(int(re.search(r"/tasks/(\d+)/", answer.value.url)[1]))
        submit.wait_for(state="hidden", timeout=PATIENCE)
    assert end.is_visible()
    assert done == set(unique)
    assert {task for task in tasks if owner.task(task)["total_annotations"]} == set(unique)


def test_the_tabs_and_the_tags_can_be_read(annotator, labels, project):
    number, _, _ = project
    annotator.goto(f"{labels.url}/projects/{number}/data")
    tabs = {"labelonce: to label": (SCENES, 0), "labelonce: duplicates": (SCENES, SCENES)}  # these beside their heads
    for title, (representatives, duplicates) in tabs.items():
        annotator.get_by_role("tab", name=title).click(timeout=PATIENCE)
        annotator.wait_for_function(
            "wanted => ['representative', 'duplicate'].every((role, place) =>"
            " document.body.innerText.split('\\n').filter(line => line.trim() === role).length === wanted[place])",
            arg=[representatives, duplicates],
            timeout=PATIENCE,
        )
        if not duplicates:  # a table; the other tab shows cards, which have no names of columns
            for tag in ("labelonce_role", "labelonce_cluster"):
                annotator.get_by_text(tag, exact=True).first.wait_for(timeout=PATIENCE)
