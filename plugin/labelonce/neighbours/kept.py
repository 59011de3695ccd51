"""Annoy's index on disk: mapped into memory again when nothing changed, completed when little was added.

Two files for each name and its parameters: the index, and what it is of (NumPy's .npz: the hashes of its rows, the
basis of the reduction, and the checksum of the index). The second names the first's checksum, so that whatever does not
belong together is seen, and a flipped byte never reaches Annoy, which would crash on it. It is replaced before the
first: an index is ours where it is beside it.
"""

import json
import re
import tempfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import NotOurs
from labelonce.neighbours import forest
from labelonce.neighbours.exact import by_product
from labelonce.neighbours.pairs import Candidates, Rows, once
from labelonce.neighbours.reduction import Reduction, find_reduction
from labelonce.progress import Progress
from labelonce.writing import check_free

if TYPE_CHECKING:
    from labelonce.neighbours.search import NeighbourSearch

FORMAT = 1
ADDED = 0.1  # share of new rows up to which an index is completed
ABOUT = re.compile(rb"PK\x03\x04.{26}digests\.npy", re.DOTALL)
INDEX = re.compile(rb"(?!)")  # it has no sign of its own
_READ = 1 << 20


@dataclass(frozen=True)
class _Forest:
    """An index and what it is of: the hashes of its items, in order, and how they were reduced."""

    index: Any
    digests: NDArray[np.bytes_]
    reduction: Reduction


def by_kept_forest(
    vectors: NDArray[np.float32],
    rows: Rows,
    digests: NDArray[np.bytes_],
    similarity: float,
    search: "NeighbourSearch",
    progress: Progress,
) -> Candidates:
    """Pairs of places in `rows`, which are different and sorted by their hashes, that Annoy finds."""
    kept = None if search.folder is None else _read(search, vectors.shape[1], progress)
    if kept is not None and np.count_nonzero(~np.isin(digests, kept.digests)) > ADDED * len(kept.digests):
        kept = None
    if kept is None:
        reduction = find_reduction(vectors, rows)
        small = reduction.apply(vectors, rows)
        index = forest.build(small, search.metric, search.n_trees, search.seed)
        kept = _Forest(index, digests, reduction)
        if search.folder is not None:
            _write(kept, search, vectors.shape[1], progress)
    least = similarity - kept.reduction.margin
    left, right = forest.by_forest(
        kept.index, least, width=search.n_neighbors, looked_at=search.search_k or -1, metric=search.metric
    )
    if np.array_equal(kept.digests, digests):
        return left, right
    place = _places(kept.digests, digests)
    left, right = place[left], place[right]
    there = (left >= 0) & (right >= 0)  # rows that are gone are passed over
    new = np.flatnonzero(~np.isin(digests, kept.digests))
    order = np.concatenate([np.setdiff1d(np.arange(len(rows)), new), new])
    small = kept.reduction.apply(vectors, rows[order])
    one, other = by_product(small, np.arange(len(order)), least, since=len(order) - len(new))
    return once([(left[there], right[there]), (order[one], order[other])], len(order))


def _places(of: NDArray[np.bytes_], among: NDArray[np.bytes_]) -> Rows:
    """Where each hash is among others, -1 where it is not."""
    _, one, other = np.intersect1d(of, among, assume_unique=True, return_indices=True)
    place = np.full(len(of), -1, np.int64)
    place[one] = other
    return place


def _paths(search: "NeighbourSearch", dimension: int) -> tuple[Path, Path]:
    assert search.folder is not None  # noqa: S101 - for mypy
    what = [FORMAT, search.name, search.n_trees, search.metric, search.seed, dimension]
    stem = sha256(json.dumps(what).encode()).hexdigest()[:32]
    return search.folder / f"{stem}.ann", search.folder / f"{stem}.npz"


def _read(search: "NeighbourSearch", dimension: int, progress: Progress) -> _Forest | None:
    """The kept index; None where there is none or it cannot be used."""
    items, about = _paths(search, dimension)
    if not about.exists():
        return None
    try:
        with about.open("rb") as file, np.load(file, allow_pickle=False) as content:
            digests, basis, margin, checksum = (content[name] for name in ("digests", "basis", "margin", "checksum"))
        if _checksum(items) != checksum.tolist():
            raise ValueError("its content is not what was written")
        index = forest.load(items, basis.shape[1] if basis.size else dimension, search.metric)
        if index.get_n_items() != len(digests):
            raise ValueError("it is of other rows")
        return _Forest(index, digests, Reduction(basis if basis.size else None, float(margin)))
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error) as error:
        progress.message(f"The neighbour index {items} is damaged and is made anew ({error}).")
        return None


def _write(kept: _Forest, search: "NeighbourSearch", dimension: int, progress: Progress) -> None:
    """Write both files, whole or not at all; a full disk costs only the next run's time."""
    items, about = _paths(search, dimension)
    basis = np.zeros((0, 0), np.float32) if kept.reduction.basis is None else kept.reduction.basis
    try:
        items.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_free(about, ABOUT)
        if not about.exists():
            check_free(items, INDEX)
        with tempfile.TemporaryDirectory(prefix="part-", dir=items.parent) as part:
            index, sidecar = Path(part, "index"), Path(part, "about.npz")
            if not kept.index.save(str(index)):
                raise OSError("Annoy could not save it")
            np.savez(
                sidecar,
                digests=kept.digests,
                basis=basis,
                margin=np.float64(kept.reduction.margin),
                checksum=np.array(_checksum(index)),
            )
            sidecar.replace(about)
            index.replace(items)
    except Exception as error:  # Annoy raises a bare Exception of its own
        if not isinstance(error, OSError | NotOurs) and type(error) is not Exception:
            raise
        mended = "" if isinstance(error, NotOurs) else " The next run makes it anew."
        progress.message(f"The neighbour index {items} cannot be kept ({error}).{mended}")


def _checksum(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(_READ):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return [size, crc]
