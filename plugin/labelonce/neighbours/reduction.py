"""Long vectors → short ones of nearly the same cosine, so that a million of them can be searched in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.pairs import Rows

DIMENSIONS = 128
ENOUGH = 2048  # rows from which on a basis is worth its cost
SAMPLE = 16_384  # rows from which the basis is made
# Of standard deviations by which the cut changes the cosine of any two rows. On vectors with the spectrum of the
# default embedding 128 dimensions change it by .0256; of pairs with a cosine of .55 to .65, one in a thousand falls
# by more than .031 (one in a hundred by more than .018).
DEVIATIONS = 1.25
ROUNDING = 1e-4  # of cosine: float32 sums differ by their order, so pairs near the threshold are computed again
_BLOCK = 4096
_COUPLES = 20_000


@dataclass(frozen=True)
class Reduction:
    """A projection on the directions in which rows differ most.

    Parameters
    ----------
    basis
        (d, k) float32; None leaves vectors as they are.
    margin
        By how much the cosine of a pair may fall, at most for all but one in a thousand.
    """

    basis: NDArray[np.float32] | None
    margin: float

    def apply(self, vectors: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
        """(len(rows), k) float32. The rows, reduced, of unit norm."""
        width = vectors.shape[1] if self.basis is None else self.basis.shape[1]
        made = np.empty((len(rows), width), np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = np.asarray(vectors[rows[start : start + _BLOCK]], np.float32)
            if self.basis is not None:
                block = block @ self.basis
                block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
            made[start : start + len(block)] = block
        return made


def find_reduction(vectors: NDArray[np.float32], rows: Rows) -> Reduction:
    """Principal directions (uncentred) of the first of the rows, which the caller puts in an order of chance."""
    if vectors.shape[1] <= DIMENSIONS or len(rows) < ENOUGH:
        return Reduction(None, ROUNDING)
    sample = np.asarray(vectors[rows[:SAMPLE]], np.float32)
    _, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    found = Reduction(np.ascontiguousarray(directions[:, : -DIMENSIONS - 1 : -1], np.float32), 0.0)
    small = found.apply(sample, np.arange(len(sample)))
    one, other = np.random.default_rng(0).integers(0, len(sample), (2, _COUPLES))
    full = np.concatenate(
        [
            np.einsum("nd,nd->n", sample[one[start : start + _BLOCK]], sample[other[start : start + _BLOCK]])
            for start in range(0, _COUPLES, _BLOCK)
        ]
    )
    change = np.einsum("nd,nd->n", small[one], small[other]) - full
    return Reduction(found.basis, ROUNDING + DEVIATIONS * float(change.std()))
