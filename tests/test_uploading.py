"""Filtering before anything is uploaded, on a real Label Studio."""

import pytest

from labelonce.errors import ConfigurationError, ServerError, UnsupportedProject
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.report import print_uploaded
from labelonce.settings import Settings
from labelonce.syncing.uploading import Fate, upload
from pictures import encoded, texture
from studio import Person

QUIET = Progress()
NEW, DUPLICATE, THERE, FAILED = Fate.IMPORTED, Fate.DUPLICATE, Fate.THERE, Fate.FAILED


def scene(seed, quality=90):
    return encoded(texture(seed), "JPEG", quality=quality)


@pytest.fixture
def owner(labels):
    return Person(labels.url, labels.token)


@pytest.fixture
def project(owner):
    return owner.project()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "frames"
    (made / "b").mkdir(parents=True)
    for name, content in {
        "1.jpg": scene(1, 95), "2.jpg": scene(1, 70), "b/3.jpg": scene(2), "b/4.jpg": scene(3),
        "b/5.jpg": scene(3),
    }.items():  # fmt: skip
        (made / name).write_bytes(content)
    return made


@pytest.fixture
def put(labels, project, folder, tmp_path):
    """Upload the folder, and say what became of each file."""
    server = Server(labels.url, labels.token)
    settings = Settings(model="dct", store=tmp_path / "store.sqlite3")

    def put(**options):
        uploaded = upload(server, read_project(server, project), folder, settings, QUIET, **options)
        put.last = uploaded
        return {one.file: one.fate for one in uploaded.files}

    return put


def tasks(owner, project):
    found = owner.call("GET", f"/api/tasks/?project={project}&page_size=100&fields=all&resolve_uri=false")
    return {task["data"]["image"].rpartition("-")[2]: task for task in found["tasks"]}


def test_only_what_is_new_is_imported(owner, project, put):
    owner.upload(project, {"there.jpg": scene(2, 80)})
    fates = {"1.jpg": NEW, "2.jpg": DUPLICATE, "b/3.jpg": DUPLICATE, "b/4.jpg": NEW, "b/5.jpg": DUPLICATE}
    assert put(dry_run=True) == fates | {"b/3.jpg": NEW}  # nothing is known of the project yet
    assert set(tasks(owner, project)) == {"there.jpg"}
    assert put() == fates
    assert set(tasks(owner, project)) == {"there.jpg", "1.jpg", "4.jpg"}
    assert all(task["data"]["labelonce_role"] for task in tasks(owner, project).values())
    again = put()
    assert again == fates | {"1.jpg": THERE, "b/4.jpg": THERE, "b/5.jpg": THERE}
    assert set(tasks(owner, project)) == {"there.jpg", "1.jpg", "4.jpg"}


def test_duplicates_are_imported_too_and_skipped(owner, project, put):
    put(with_duplicates=True)
    found = tasks(owner, project)
    assert {name: task["data"]["labelonce_role"] for name, task in found.items()} == {
        "1.jpg": "representative", "2.jpg": "duplicate", "3.jpg": "unique", "4.jpg": "representative",
        "5.jpg": "duplicate",
    }  # fmt: skip
    assert {name for name, task in found.items() if task["cancelled_annotations"]} == {"2.jpg", "5.jpg"}
    assert set(put(with_duplicates=True).values()) == {THERE}
    assert len(tasks(owner, project)) == 5


def test_files_that_are_no_images_are_told_and_left_out(owner, project, put, folder):
    (folder / "broken.jpg").write_bytes(scene(9)[:500])
    assert put()["broken.jpg"] is FAILED
    assert "broken.jpg" not in tasks(owner, project)


def test_what_label_studio_does_not_take_is_told_and_stands_for_nothing(owner, project, put, folder, capsys):
    for name, kind in {"0.avif": "AVIF", "6.JPG": "JPEG", "7": "PNG", "8.nef": "TIFF"}.items():
        (folder / name).write_bytes(encoded(texture(8 if name == "8.nef" else 7), kind))
    fates = {"0.avif": FAILED, "6.JPG": NEW, "7": FAILED, "8.nef": FAILED}
    found = put(dry_run=True)
    assert {name: found[name] for name in fates} == fates
    print_uploaded(put.last, dry_run=True, with_duplicates=False)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "  3 cannot be imported:"
    assert "no .avif files" in said[1]
    assert "local storage" in said[1]
    assert "without a suffix" in said[2]
    assert "raw file" in said[3]
    found = put()
    assert {name: found[name] for name in fates} == fates
    assert set(tasks(owner, project)) == {"1.jpg", "3.jpg", "4.jpg", "6.JPG"}


@pytest.mark.parametrize("arrived", [False, True])
def test_an_answer_that_is_lost(owner, project, put, monkeypatch, arrived):
    """Whether the request arrived or not, each image is imported once."""
    post, lost = Server.post, []

    def lossy(self, path, body, **options):
        if path.endswith("/import") and not lost:
            lost.append(path)
            if arrived:
                post(self, path, body, **options)
            raise ServerError("the answer is lost")
        return post(self, path, body, **options)

    monkeypatch.setattr(Server, "post", lossy)
    put()
    assert lost
    found = owner.call("GET", f"/api/tasks/?project={project}&page_size=100")["tasks"]
    assert len(found) == 3


def test_what_the_server_refuses_stops_nothing_else(owner, project, put, monkeypatch):
    post = Server.post

    def strict(self, path, body, **options):
        if path.endswith("/import") and any(name == "3.jpg" for name, _ in body.parts.values()):
            raise ServerError("this type of file is not supported")
        return post(self, path, body, **options)

    monkeypatch.setattr(Server, "post", strict)
    assert put() == {"1.jpg": NEW, "2.jpg": DUPLICATE, "b/3.jpg": FAILED, "b/4.jpg": NEW, "b/5.jpg": DUPLICATE}
    assert set(tasks(owner, project)) == {"1.jpg", "4.jpg"}


def test_what_the_server_refuses_stands_for_nothing(owner, project, put, monkeypatch):
    post = Server.post

    def strict(self, path, body, **options):
        if path.endswith("/import") and any(name == "1.jpg" for name, _ in body.parts.values()):
            raise ServerError("this file is not supported")
        return post(self, path, body, **options)

    monkeypatch.setattr(Server, "post", strict)
    assert put() == {"1.jpg": FAILED, "2.jpg": NEW, "b/3.jpg": NEW, "b/4.jpg": NEW, "b/5.jpg": DUPLICATE}
    assert set(tasks(owner, project)) == {"2.jpg", "3.jpg", "4.jpg"}


def test_a_folder_that_label_studio_serves_is_referred_to(server, owner, project, labels, tmp_path):
    folder = server.document_root / "served" / "frames"
    folder.mkdir(parents=True)
    for name, content in {"a b.jpg": scene(1, 95), "c.jpg": scene(1, 70), "d.jpg": scene(2)}.items():
        (folder / name).write_bytes(content)
    (folder / "e.avif").write_bytes(encoded(texture(5), "AVIF"))  # what is not uploaded may be of any kind
    storage = {"project": project, "path": str(folder.parent), "use_blob_urls": True, "title": "served"}
    owner.call("POST", "/api/storages/localfiles/", json=storage)
    connection = Server(labels.url, labels.token)
    settings = Settings(model="dct", store=tmp_path / "store.sqlite3")
    uploaded = upload(connection, read_project(connection, project), folder, settings, QUIET)
    assert uploaded.referenced
    found = owner.call("GET", f"/api/tasks/?project={project}&fields=all&resolve_uri=false")["tasks"]
    assert [task["data"]["image"] for task in found] == [
        f"/data/local-files/?d=served/frames/{name}" for name in ("a%20b.jpg", "d.jpg", "e.avif")
    ]
    again = upload(connection, read_project(connection, project), folder, settings, QUIET)
    assert not again.count(NEW)


def test_what_cannot_be_uploaded_is_told(owner, labels, tmp_path, folder):
    config = (
        '<View><Image name="image" value="$image"/><Text name="q" value="$q"/><Choices name="c" toName="q">'
        '<Choice value="x"/></Choices></View>'
    )
    connection = Server(labels.url, labels.token)
    settings = Settings(model="dct", store=tmp_path / "store.sqlite3")
    with pytest.raises(UnsupportedProject, match=r"more than one image, \$q,"):
        upload(connection, read_project(connection, owner.project(config)), folder, settings, QUIET)
    with pytest.raises(ConfigurationError, match="not a folder"):
        upload(connection, read_project(connection, owner.project()), folder / "none", settings, QUIET)
