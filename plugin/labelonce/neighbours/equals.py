"""Equal rows are one for the search, and rows again in what it finds."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.pairs import Rows
from labelonce.threads import cores, threads

LISTED = 64  # of equal rows, as many are paired with all of their neighbours: no fewer than `verifier.TRIES`
DIGEST = 16  # bytes
_BLOCK = 4096


@dataclass(frozen=True)
class Equals:
    """Rows by their content.

    Parameters
    ----------
    digests
        (k,) bytes. The hash of each different row, ascending: an order that does not depend on that of the rows.
    first
        (k,) int64. The first row of each.
    rows
        (n,) int64. All rows, those of equal content together and in their order.
    start
        (k + 1,) int64. Where in `rows` each begins.
    """

    digests: NDArray[np.bytes_]
    first: Rows
    rows: Rows
    start: Rows

    @property
    def counts(self) -> Rows:
        """(k,) How often each occurs."""
        return np.diff(self.start)


def find_equals(vectors: NDArray[np.float32], rows: Rows) -> Equals:
    """Group rows of the vectors, known by their places in `rows`, by the hash of their bytes."""
    found = np.empty((len(rows), DIGEST), np.uint8)

    def fill(start: int) -> None:
        block = np.ascontiguousarray(vectors[rows[start : start + _BLOCK]], np.float32)
        joined = b"".join(blake2b(row.data, digest_size=DIGEST).digest() for row in block)
        found[start : start + len(block)] = np.frombuffer(joined, np.uint8).reshape(-1, DIGEST)

    with threads(cores(), "hash") as pool:
        list(pool.map(fill, range(0, len(rows), _BLOCK)))
    high, low = found.view(">u8").T.astype(np.uint64)
    places = np.lexsort((low, high))
    new = np.ones(len(places), bool)
    new[1:] = (np.diff(high[places]) != 0) | (np.diff(low[places]) != 0)
    start = np.flatnonzero(new)
    first = places[start]
    return Equals(found.view(f"V{DIGEST}")[first, 0], first, places, np.append(start, len(places)))


def pairs_among(equals: Equals) -> tuple[Rows, Rows]:
    """Pairs of equal rows, each once; of more than `LISTED` equal ones, those with the first of them."""
    lefts: list[Rows] = [np.zeros(0, np.int64)]
    rights: list[Rows] = [np.zeros(0, np.int64)]
    for number in np.flatnonzero(equals.counts > 1).tolist():
        rows = equals.rows[equals.start[number] : equals.start[number + 1]]
        for place, row in enumerate(rows[:LISTED].tolist()):
            rights.append(rows[place + 1 :])
            lefts.append(np.full(len(rights[-1]), row))
    return np.concatenate(lefts), np.concatenate(rights)


def pairs_across(
    equals: Equals, one: Rows, other: Rows, similarity: NDArray[np.float32]
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Pairs of rows from pairs of different ones: all of them, unless both rows come after the first `LISTED`."""
    several = (equals.counts[one] > 1) | (equals.counts[other] > 1)
    lefts, rights = [equals.first[one[~several]]], [equals.first[other[~several]]]
    values = [similarity[~several]]
    for a, b, value in zip(one[several].tolist(), other[several].tolist(), similarity[several], strict=True):
        mine = equals.rows[equals.start[a] : equals.start[a + 1]]
        theirs = equals.rows[equals.start[b] : equals.start[b + 1]]
        for left, right in ((mine[:LISTED], theirs), (mine[LISTED:], theirs[:LISTED])):
            lefts.append(np.repeat(left, len(right)))
            rights.append(np.tile(right, len(left)))
            values.append(np.full(len(lefts[-1]), value))
    left, right = np.concatenate(lefts), np.concatenate(rights)
    return np.minimum(left, right), np.maximum(left, right), np.concatenate(values)
