"""Making tasks of image files: they are uploaded, or referred to where Label Studio serves their folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from labelonce.errors import ImageUnavailable
from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Files, Server
from labelonce.settings import Settings

LOCAL_FILES = "/data/local-files/?d="
# Images among what Label Studio 1.13 to 1.23 lets be uploaded, by suffix; one other file has a whole request refused.
UPLOADED = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp")


@dataclass(frozen=True)
class Importer:
    """Makes tasks of files of one folder; a request whose answer is lost is not repeated.

    Parameters
    ----------
    root
        The folder below which Label Studio serves files; None where it does not serve these.
    """

    server: Server
    project: Project
    folder: Path
    root: Path | None

    @property
    def refers(self) -> bool:
        """Whether tasks refer to the files where they are."""
        return self.root is not None

    def refusal(self, name: str) -> str | None:
        """Why Label Studio would not take a file; None where it would."""
        suffix = Path(name).suffix.lower()
        if self.refers or suffix in UPLOADED:
            return None
        called = f"{suffix} files" if suffix else "files without a suffix"
        return (
            f"Label Studio lets no {called} be uploaded: convert it to JPEG, PNG or WebP, or serve its folder as a "
            "local storage of the project"
        )

    def __call__(self, files: Mapping[str, bytes]) -> None:
        """Import some files.

        Parameters
        ----------
        files
            Their bytes by their paths below the folder; where tasks refer to the files, these are not looked at.

        Raises
        ------
        ServerError
            Label Studio refuses, or does not answer; the files may have arrived all the same.
        """
        body: Files | list[dict[str, dict[str, str]]]
        if self.root is None:
            named = enumerate(files.items())
            body = Files({f"file{number}": (Path(name).name, content) for number, (name, content) in named})
        else:
            key = self.project.fields[0].key
            body = [{"data": {key: _location(self.folder / name, self.root)}} for name in files]
        self.server.post(f"/api/projects/{self.project.id}/import", body, repeatable=False)


def importer(
    server: Server, project: Project, folder: Path, sample: tuple[str, bytes] | None, settings: Settings
) -> Importer:
    """Find out how files of a folder become tasks.

    Parameters
    ----------
    folder
        Absolute, its links resolved.
    sample
        The path of one of the files, and its bytes; None where none can be read.
    """
    storages = server.get("/api/storages/localfiles", project=project.id)
    paths = [Path(storage["path"]) for storage in storages if storage.get("path")]
    served = any(folder.is_relative_to(path) for path in paths)
    root = _root(server, folder / sample[0], sample[1], settings) if served and sample is not None else None
    return Importer(server, project, folder, root)


def _location(file: Path, root: Path) -> str:
    return LOCAL_FILES + quote(file.relative_to(root).as_posix())


def _root(server: Server, file: Path, content: bytes, settings: Settings) -> Path | None:
    """The folder below which Label Studio serves a file; it does not tell, so that it is tried."""
    reader = ImageReader(server, **settings.fetching)
    for root in reversed(file.parents):
        try:
            fetched = reader.fetch(0, _location(file, root))
        except ImageUnavailable:
            continue
        if fetched is not None and fetched.data == content:
            return root
    return None
