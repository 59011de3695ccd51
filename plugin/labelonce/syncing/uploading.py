"""Filtering before anything is uploaded: only images that a project does not have yet become tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from pathlib import Path

from labelonce.catalogue import Catalogue
from labelonce.errors import ImageUnavailable, ServerError, Unreachable, UnsupportedProject
from labelonce.label_studio.importing import Importer, importer
from labelonce.label_studio.listing import as_task
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.pipeline import Workshop, decisions_of, workshop
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.base import Content, Source
from labelonce.sources.folder import FolderSource
from labelonce.syncing import Synced, source_of, sync
from labelonce.syncing.deciding import catalogue_of, compare_new
from labelonce.syncing.mirror import Mirror, mirror_path
from labelonce.syncing.refreshing import read_again, refresh
from labelonce.tasks import Task, TaskId

NOT_YET = 1 << 62  # files have numbers from here on, above those of all tasks
FILES = 50  # in one request
BYTES = 50_000_000
SHA256 = 64  # hexadecimal digits; what counts of a picture stands behind them
TRIES = 3  # of an upload whose answers get lost
SHOWN = 5  # variables that a message names
SAME = "same pixels"


class Fate(str, Enum):
    """What became of a file."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    THERE = "already there"
    FAILED = "failed"


@dataclass(frozen=True)
class Filed:
    """A file and what became of it.

    Parameters
    ----------
    file
        Its path below the folder.
    of
        The task, or file, that it is a duplicate of.
    similarity
        Percent.
    """

    file: str
    fate: Fate
    reason: str
    of: TaskId | None = None
    similarity: float | None = None


@dataclass
class Uploaded:
    """What `upload` found and did.

    Parameters
    ----------
    files
        Every image file of the folder, in the order of their paths.
    referenced
        Whether tasks refer to the files where they are, in a folder that Label Studio serves.
    synced
        What the last sync of the project said; None where nothing was to be written.
    """

    files: list[Filed] = field(default_factory=list)
    referenced: bool = False
    synced: Synced | None = None

    def count(self, fate: Fate) -> int:
        """How many files met a fate."""
        return sum(one.fate is fate for one in self.files)


def upload(
    server: Server,
    project: Project,
    folder: Path,
    settings: Settings,
    progress: Progress,
    *,
    with_duplicates: bool = False,
    dry_run: bool = False,
) -> Uploaded:
    """Compare the images of a folder with each other and with a project, and import those that it does not have.

    Where the folder lies in a local storage of the project, tasks refer to the files; else the files are uploaded. It
    can be run again: what arrived is already there.

    Parameters
    ----------
    with_duplicates
        Import the duplicates too, and skip and tag them.
    dry_run
        Write nothing.

    Raises
    ------
    ConfigurationError
        There is no such folder.
    UnsupportedProject
        A task of this project is not one image.
    ServerError
        The server failed. Run it again: it continues.
    """
    if len(project.fields) != 1 or project.fields[0].is_list or project.context_keys:
        more = "".join(f", ${key}" for key in project.context_keys[:SHOWN])
        raise UnsupportedProject(
            f"A task of this project shows more than one image{more}, so that files alone do not make tasks. "
            "Import its tasks in Label Studio, and run labelonce sync."
        )
    files = _Files(folder, source_of(server, project, settings, progress), settings)
    send = importer(server, project, files.folder, files.sample(), settings)
    uploaded, sent, failures = Uploaded(referenced=send.refers), dict[str, Filed](), 0

    def refusal(name: str) -> str | None:
        before = sent.get(name)
        return before.reason if before and before.fate is Fate.FAILED else send.refusal(name)

    while True:
        if not dry_run:
            uploaded.synced = sync(server, project, settings, progress)
        found = _compared(server, project, files, refusal, settings, progress, copies=with_duplicates)
        # what a later look finds there has just been sent
        uploaded.files = [sent.get(one.file, one) for one in uploaded.files or found]
        wanted = (Fate.IMPORTED, Fate.DUPLICATE) if with_duplicates else (Fate.IMPORTED,)
        todo = {one.file: one for one in found if one.fate in wanted and one.file not in sent}
        if dry_run or not todo:
            return uploaded
        try:
            _send(send, todo, files, sent, progress, alone=failures > 0)
        except ServerError:
            failures += 1
            if failures == TRIES:
                raise


def _send(
    send: Importer,
    todo: Mapping[str, Filed],
    files: "_Files",
    sent: dict[str, Filed],
    progress: Progress,
    *,
    alone: bool,
) -> None:
    """Import files and note what was sent.

    A request that failed may have arrived all the same, so that it is looked what is there before anything is sent
    again; then the files go one by one, and what is refused alone has failed.
    """
    with progress.stage("Importing", len(todo)) as advance:
        for some in _portions(list(todo), files, 1 if alone else FILES):
            contents, failed = files.contents(some, refers=send.refers)
            sent |= failed
            try:
                if contents:
                    send(contents)
                sent |= {name: todo[name] for name in contents}
            except ServerError as error:
                if not alone or isinstance(error, Unreachable):
                    raise
                sent |= {name: Filed(name, Fate.FAILED, str(error)) for name in contents}
            advance(len(some))


def _portions(names: Sequence[str], files: "_Files", most: int) -> Iterator[list[str]]:
    """Files for one request each."""
    portion: list[str] = []
    size = 0
    for name in names:
        own = files.size(name)
        if portion and (len(portion) == most or size + own > BYTES):
            yield portion
            portion, size = [], 0
        portion.append(name)
        size += own
    if portion:
        yield portion


class _Files(Source):
    """The images of a folder, beside those of a project: the same source, so that what is known of it is of use."""

    def __init__(self, folder: Path, project: Source, settings: Settings) -> None:
        self.name, self.identity, self.controls = project.name, project.identity, project.controls
        self.folder = folder.resolve()
        self.compared: dict[str, str] = {}  # by file, the SHA-256 of the bytes
        self._project = project
        self._files = FolderSource(folder, max_bytes=settings.max_bytes)

    def files(self, refusal: Callable[[str], str | None]) -> list[Task]:
        """The files of the folder as tasks of this source.

        Parameters
        ----------
        refusal
            Why Label Studio does not take a file: it is not compared then, so that it stands for none that it takes.
        """
        listed = sorted((str(task.id), task.problem) for task in self._files.tasks())
        return [
            Task(NOT_YET + number, (str(self.folder / name),), problem=problem or refusal(name))
            for number, (name, problem) in enumerate(listed)
        ]

    def sample(self) -> tuple[str, bytes] | None:
        """The path and the bytes of a file that can be read; None where there is none."""
        for task in self._files.tasks():
            with suppress(ImageUnavailable):
                return str(task.id), self._read(str(task.id))
        return None

    def contents(self, names: Sequence[str], *, refers: bool) -> tuple[dict[str, bytes], dict[str, Filed]]:
        """The bytes of files that are to be sent, and those that are not any more what was compared.

        Parameters
        ----------
        refers
            Whether tasks refer to the files, so that nothing is sent.
        """
        read = {name: b"" if refers else self._again(name) for name in names}
        failed = {name: Filed(name, Fate.FAILED, one) for name, one in read.items() if isinstance(one, str)}
        return {name: one for name, one in read.items() if isinstance(one, bytes)}, failed

    def _again(self, name: str) -> bytes | str:
        """The bytes of a file that was compared, or why it cannot be sent."""
        try:
            content = self._read(name)
        except ImageUnavailable as error:
            return str(error)
        same = sha256(content).hexdigest() == self.compared[name]
        return content if same else "it changed after it was compared: run it again"

    def _read(self, name: str) -> bytes:
        content = self._files.read(Task(name, (name,)), name)
        return b"" if content is None else content.data

    def name_of(self, task: Task) -> str:
        """The path of a file below the folder."""
        return Path(task.images[0]).relative_to(self.folder).as_posix()

    def size(self, name: str) -> int:
        """Bytes of a file; of one that is gone none."""
        try:
            return (self.folder / name).lstat().st_size
        except OSError:
            return 0

    def tasks(self) -> Iterator[Task]:
        """List the project's tasks."""
        return self._project.tasks()

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Read a file, or fetch an image of the project."""
        if int(task.id) >= NOT_YET:
            return self._files.read(task, self.name_of(task), known)
        return self._project.read(task, location, known)


def _compared(
    server: Server,
    project: Project,
    files: _Files,
    refusal: Callable[[str], str | None],
    settings: Settings,
    progress: Progress,
    *,
    copies: bool,
) -> list[Filed]:
    """What is to become of the files.

    Parameters
    ----------
    refusal
        As in `_Files.files`.
    copies
        Whether a file that is a task's copy to the pixel is already there although that task is skipped.
    """
    tasks = files.files(refusal)
    with (
        Mirror(mirror_path(settings.store_path, files.identity)) as mirror,
        workshop(files, settings, progress) as shop,
    ):
        refresh(server, project, mirror, progress)
        found, _ = compare_new(shop, server, project, tasks, mirror, progress)
        there = _copies(shop, server, project, found.images, tasks, mirror, progress) if copies else {}
    names = {task.id: files.name_of(task) for task in tasks}
    digests = found.images.digests
    files.compared = {name: digests[task][0][:SHA256] for task, name in names.items() if task in digests}
    decisions = {one.task: one for one in decisions_of(found, settings)}
    return [_filed(names, decisions[task.id], found.images.problems.get(task.id), there) for task in tasks]


def _filed(names: Mapping[TaskId, str], one: Decision, problem: str | None, there: Mapping[TaskId, TaskId]) -> Filed:
    name = names[one.task]
    if problem is not None:
        return Filed(name, Fate.FAILED, problem)
    if one.task in there:
        return Filed(name, Fate.THERE, SAME, there[one.task], 100.0)
    if one.role is not Role.DUPLICATE or one.representative is None:
        return Filed(name, Fate.IMPORTED, "no near-duplicate found")
    of = names.get(one.representative, one.representative)
    same = of == one.representative and one.reason in ("byte copy", SAME)
    return Filed(name, Fate.THERE if same else Fate.DUPLICATE, one.reason, of, one.similarity)


def _copies(
    shop: Workshop,
    server: Server,
    project: Project,
    images: KnownImages,
    files: Sequence[Task],
    mirror: Mirror,
    progress: Progress,
) -> dict[TaskId, TaskId]:
    """By file, the first task that shows the same pixels, skipped or not."""
    pixels = {task.id: images.records[images.rows[task.id][0]].pixels for task in files if task.id in images.rows}
    catalogue: Catalogue | None = catalogue_of(shop, progress)
    if catalogue is None:
        candidates = mirror.tasks()
    else:
        with catalogue:
            rows = [row for one in set(pixels.values()) if (row := catalogue.find(one)) is not None]
            candidates = sorted({int(task) for one in catalogue.known(rows) for task in one.tasks})
    read = read_again(server, project, mirror, candidates)  # they may show something else by now
    known = shop.reader.read([as_task(state, data, project) for state, data in read.values()], progress)
    shown: dict[str, TaskId] = {}
    for task, (row,) in sorted(known.rows.items()):
        shown.setdefault(known.records[row].pixels, task)
    return {file: shown[one] for file, one in pixels.items() if one in shown}
