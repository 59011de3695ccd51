"""What every source keeps to, and what is particular to a folder."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelonce.errors import ConfigurationError, ImageUnavailable
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.folder import FolderSource
from labelonce.sources.label_studio import LabelStudioSource
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task
from studio import Person

# the bytes need not be pictures: sources do not look at them
FILES = {f"photo {number} ü.png": bytes([number]) * (1000 + number) for number in range(12)}


def data(source, task, location):
    """The bytes of an image."""
    return source.read(task, location).data


def memory(_request, _tmp_path):
    return MemorySource(FILES), "nothing.png"


def folder(_request, tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return FolderSource(tmp_path, max_bytes=100_000), "nothing.png"


def label_studio(request, _tmp_path):
    labels = request.getfixturevalue("labels")
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project()
    owner.upload(number, FILES)
    project = read_project(connection, number)
    source = LabelStudioSource(connection, project, Progress(), timeout=30, max_bytes=100_000)
    return source, "/data/local-files/?d=nothing.png"


@pytest.mark.parametrize("make", [memory, folder, label_studio])
def test_what_every_source_keeps_to(make, request, tmp_path, monkeypatch):
    monkeypatch.setattr("labelonce.sources.folder.RACY_NS", 0)
    source, missing = make(request, tmp_path)
    assert source.name
    tasks = list(source.tasks())
    assert len({task.id for task in tasks}) == len(tasks) == len(FILES)
    assert all(isinstance(task, Task) and len(task.images) == 1 and task.problem is None for task in tasks)
    assert sorted(source.tasks(), key=lambda task: task.id) == sorted(tasks, key=lambda task: task.id)

    def read(task: Task) -> bytes:
        return data(source, task, task.images[0])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, tasks * 4))
    assert sorted(found) == sorted([*FILES.values()] * 4)
    assert found == [read(task) for task in tasks] * 4
    with pytest.raises(ImageUnavailable, match=r"\w"):
        source.read(tasks[0], missing)
    validators = [source.read(task, task.images[0]).validator for task in tasks]
    assert all(validators)
    assert [source.read(task, task.images[0], known) for task, known in zip(tasks, validators, strict=True)] == [
        None
    ] * len(tasks)
    assert [source.read(task, task.images[0], "what it never was").data for task in tasks] == [read(t) for t in tasks]


def ids(source):
    return [task.id for task in source.tasks()]


def test_memory_takes_tasks_of_several_images():
    task = Task(id=7, images=("a", "b"), context="question")
    source = MemorySource({"a": b"1", "b": b"2"}, [task])
    assert list(source.tasks()) == list(source.tasks()) == [task]
    assert [data(source, task, image) for image in task.images] == [b"1", b"2"]
    with pytest.raises(ImageUnavailable, match="there is no image c"):
        source.read(task, "c")


def test_a_folder_lists_images_below_it(tmp_path):
    for name in ("b.JPG", "a.png", "deep/er/é 漢字.WebP", "deep/c.JPEG", ".hidden.png", ".hidden/d.png", "notes.txt",
                 "png", "deep/.png", "e.png.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = FolderSource(tmp_path, max_bytes=100)
    assert ids(source) == ["a.png", "b.JPG", "deep/c.JPEG", "deep/er/é 漢字.WebP"]
    assert all(data(source, task, task.images[0]) == str(task.id).encode() for task in source.tasks())
    (tmp_path / "new.gif").write_bytes(b"new")
    assert "new.gif" in ids(source)


def test_a_folder_whose_own_name_is_hidden_is_listed(tmp_path):
    (tmp_path / ".photos").mkdir()
    (tmp_path / ".photos" / "a.png").write_bytes(b"a")
    assert ids(FolderSource(tmp_path / ".photos", max_bytes=100)) == ["a.png"]


def test_links(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.png").write_bytes(b"far")
    (photos / "near.png").write_bytes(b"near")
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    (photos / "circle").symlink_to(photos)
    (photos / "again.png").symlink_to(photos / "near.png")
    (photos / "broken.png").symlink_to(photos / "gone.png")
    source = FolderSource(photos, max_bytes=100)
    again, broken, near = source.tasks()
    assert [again.id, broken.id, near.id] == ["again.png", "broken.png", "near.png"]
    assert data(source, again, "again.png") == b"near"
    with pytest.raises(ImageUnavailable, match="No such file"):
        source.read(broken, "broken.png")
    linked = tmp_path / "link to photos"
    linked.symlink_to(photos)
    assert "near.png" in ids(FolderSource(linked, max_bytes=100))  # the folder that was asked for may be one


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "large.png").write_bytes(bytes(101))
    (tmp_path / "fits.png").write_bytes(bytes(100))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    source = FolderSource(tmp_path, max_bytes=100)
    task = Task(id="x", images=("x",))
    assert data(source, task, "fits.png") == bytes(100)
    with pytest.raises(ImageUnavailable, match=r"has 101 bytes, more than max_bytes = 100"):
        source.read(task, "large.png")
    assert "folder.png" not in ids(source)
    for name in ("folder.png", "pipe.png"):
        with pytest.raises(ImageUnavailable, match="not a regular file"):
            source.read(task, name)
    with pytest.raises(ImageUnavailable, match="name"):
        source.read(task, "a\0b.png")

    def refuse(*_arguments, **_options):  # permissions do not bind root, who may run the tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("labelonce.roots.Place.reading", refuse)
    with pytest.raises(ImageUnavailable, match="cannot be read: Permission denied"):
        source.read(task, "fits.png")


@pytest.mark.skipif(sys.platform == "darwin", reason="such names cannot be made there")
def test_a_name_that_is_not_utf_8(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes(b"a")
    source = FolderSource(tmp_path, max_bytes=100)
    (task,) = source.tasks()
    assert data(source, task, task.images[0]) == b"a"


def test_what_changed_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    source = FolderSource(tmp_path, max_bytes=100)
    (task,) = source.tasks()
    young = source.read(task, "a.png")
    assert young.validator is None  # it may be written again within this tick of the clock
    monkeypatch.setattr("labelonce.sources.folder.RACY_NS", 0)
    known = source.read(task, "a.png").validator
    assert source.read(task, "a.png", known) is None
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert source.read(task, "a.png", known).data == b"two"  # the time of the change of the file's entry tells
    other = tmp_path / "b.png"
    other.write_bytes(b"six")
    known = source.read(task, "a.png").validator
    other.replace(path)
    assert source.read(task, "a.png", known).data == b"six"


def test_another_folder_has_another_identity(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name / "photos").mkdir(parents=True)
    identities = set()
    for name in ("a", "b"):
        monkeypatch.chdir(tmp_path / name)
        identities.add(FolderSource(Path("photos"), max_bytes=100).identity)
    assert len(identities) == 2


def test_folders_that_are_not_there(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"a")
    for wrong in (tmp_path / "gone", tmp_path / "a.png"):
        with pytest.raises(ConfigurationError, match="is not a folder"):
            FolderSource(wrong, max_bytes=100)

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(ConfigurationError, match="cannot be listed: Permission denied"):
        FolderSource(tmp_path, max_bytes=100)
