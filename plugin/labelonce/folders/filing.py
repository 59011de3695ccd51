"""A folder for each cluster: which image goes where, and putting it there."""

import errno
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labelonce.clustering import NOISE
from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders.journal import Move, Run, close_run, journal
from labelonce.folders.moving import Mark, copy, hindrance, one_by_one, reason, take
from labelonce.folders.naming import unused
from labelonce.grouping import Grouping
from labelonce.progress import Progress
from labelonce.roots import Place, Root, root_of

MODES = ("copy", "hardlink", "symlink", "move")
UNIQUE = "unique"
PROBLEMS = "not-compared"
DIGITS = 4  # of a cluster's number, at least


@dataclass(frozen=True)
class Filing:
    """Where one image goes.

    Parameters
    ----------
    source
        Where it is, relative to the folder.
    place
        Where it goes, relative to the folder of the clusters.
    label
        DBSCAN's label; None for an image that was not compared.
    """

    source: str
    place: str
    label: int | None


@dataclass(frozen=True)
class Filed:
    """What was filed.

    Parameters
    ----------
    done
        How many images.
    left
        Images that were not, and why; they are where they were.
    """

    done: int
    left: tuple[tuple[str, str], ...]


def plan_filings(grouping: Grouping) -> tuple[Filing, ...]:
    """Decide where every image goes, in the order of the places.

    An image of a cluster lies in the cluster's folder by its own name. A unique image lies below `unique` as it does in
    the folder, and one that was not compared below `not-compared`. A cluster of one image has no folder: it is unique.
    """
    digits = max(DIGITS, len(str(len(grouping.clusters))))
    wanted: list[tuple[str, str, int | None]] = []
    for one in grouping.clusters:
        if len(one.members) > 1:
            home = f"cluster-{one.label:0{digits}d}"
            wanted += [(str(task), f"{home}/{PurePosixPath(str(task)).name}", one.label) for task in one.members]
    alone = [(task, one.label) for one in grouping.clusters if len(one.members) == 1 for task in one.members]
    alone = sorted([*alone, *((task, NOISE) for task in grouping.unique)])
    wanted += [(str(task), f"{UNIQUE}/{task}", label) for task, label in alone]
    wanted += [(str(task), f"{PROBLEMS}/{task}", None) for task, _ in grouping.problems]
    places = unused(place for _, place, _ in wanted)
    return tuple(Filing(source, place, label) for (source, _, label), place in zip(wanted, places, strict=True))


def links_to_leave(links: Mapping[str, Collection[str]], marks: Mapping[str, Mark]) -> dict[str, str]:
    """Images that would be lost from view if they moved, and why: some links, and what links lead to.

    A relative link says something else in another folder, and a link to an image of this folder leads nowhere when that
    moves.
    """
    left: dict[str, str] = {}
    for link, through in sorted(links.items()):
        left.update((place, f"the symbolic link {link} leads to it") for place in through)
    for link, through in links.items():
        said = marks[link].link if link in marks else None
        if said is not None and (through or not Path(said).is_absolute()):
            left[link] = "it is a symbolic link that would lead nowhere"
    return left


def check_out(folder: Path, out: Path, mode: str, size: int = 0) -> None:
    """Find out before the work whether the images can be filed there.

    Parameters
    ----------
    size
        Bytes of all images.

    Raises
    ------
    ConfigurationError
        They cannot; the text says what to change.
    """
    top, there = folder.resolve(), out.resolve()
    if there == top or top in there.parents:
        raise ConfigurationError(f"--out {out} is in {folder}, and would be taken for images of it. Name another.")
    try:
        if any(there.iterdir()):
            raise ConfigurationError(f"--out {out} is not empty. Name a new folder, so that nothing is mixed.")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigurationError(f"--out {out} cannot be used: {reason(error)}. Name another folder.") from None
    near = next(parent for parent in (there, *there.parents) if parent.exists())
    if mode == "hardlink" and near.stat().st_dev != top.stat().st_dev:
        raise ConfigurationError(
            f"--out {out} is on another disk than {folder}, and a hard link cannot lead there. "
            "Choose --mode copy or --mode symlink, or name a folder on the same disk."
        )
    free = shutil.disk_usage(near).free
    copies = mode == "copy" or (mode == "move" and near.stat().st_dev != top.stat().st_dev)
    if copies and size > free:
        raise ConfigurationError(
            f"The images take {size:,} bytes, and where {out} is {free:,} are free. "
            "Name a folder on another disk, or choose --mode hardlink or --mode symlink."
        )


def file_away(
    folder: Path,
    out: Path,
    filings: Sequence[Filing],
    mode: str,
    marks: Mapping[str, Mark],
    progress: Progress,
    *,
    leave: Mapping[str, str] | None = None,
    follow_links: bool = False,
) -> Filed:
    """Put every image in its place.

    Moved images are written down in a journal, as those in the trash, and can be restored as they can.

    Parameters
    ----------
    mode
        One of `MODES`.
    leave
        Images that are left where they are, and why.
    follow_links
        Whether the content of links to files outside of the folder is filed, too.

    Raises
    ------
    FilesError
        The folder cannot be made, or the disk is full or fails. Every image is in one of the two folders.
    """
    kept = {} if leave is None else leave
    wanted = [one for one in filings if one.source not in kept]
    top = folder.resolve()
    left = [(one.source, kept[one.source]) for one in filings if one.source in kept]
    run = Run(out, top, tuple(Move(one.source, one.place) for one in wanted))
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            source, target = (stack.enter_context(root_of(one)) for one in (top, out))
            if target.names():
                raise FilesError(f"{out} is not empty any more. Name a new folder with --out.")
        except OSError as error:
            raise FilesError(f"{out} cannot be made: {reason(error)}. Name another folder with --out.") from None
        work = _Work(source, target, mode, marks, follow_links)
        try:
            with journal(run) if mode == "move" else nullcontext():
                left += one_by_one(wanted, work.file, lambda one: one.source, progress, "Filing images")
        except FilesError as error:
            raise FilesError(f"{error} What was done until then is in {out}.") from None
        finally:
            close_run(run)
    return Filed(len(filings) - len(left), tuple(sorted(left)))


@dataclass(frozen=True)
class _Work:
    """Puts images in their places, each only if it is still what it was."""

    top: Root
    out: Root
    mode: str
    marks: Mapping[str, Mark]
    follow_links: bool

    def file(self, one: Filing) -> str | None:
        """Put an image in its place, or say why not."""
        why = hindrance(self.top, one.source, self.marks)
        if why is None:
            with self.out.place(one.place, make=True) as target:
                self._put(one.source, target, self.marks[one.source])
        return why

    def _put(self, name: str, target: Place, mark: Mark) -> None:
        if self.mode == "move":
            with self.top.place(name) as source:
                take(source, target, mark)
        elif self.mode == "symlink":
            target.symlink(str(self.top.path / name))
        else:
            with self.top.target(name, out=self.follow_links) as image:
                if self.mode == "hardlink":
                    _link(image, target, mark)
                else:
                    with image.reading() as file:
                        _check_same(os.fstat(file.fileno()), mark, image)
                        copy(file, target)


def _link(image: Place, target: Place, mark: Mark) -> None:
    try:
        image.link(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise OSError(error.errno, "it is on another disk, where no hard link leads") from None
        raise
    try:
        _check_same(target.look(), mark, image)
    except OSError:
        target.unlink()
        raise


def _check_same(found: os.stat_result, mark: Mark, image: Place) -> None:
    """Raise OSError where a file is not the one that was marked, by whatever link it was reached."""
    if (found.st_ino, found.st_dev) != (mark.inode, mark.device):
        raise OSError(errno.ESTALE, "it changed at this very moment", str(image.path))
