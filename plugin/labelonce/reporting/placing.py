"""How a duplicate lies on what stands for it, and where the two differ: for a page that has small pictures only."""

from dataclasses import dataclass, replace

import numpy as np

from labelonce.features import Features, extract
from labelonce.fine import Box, look, rescaled
from labelonce.fine.laying import lay
from labelonce.geometry import Transform, inverse
from labelonce.images.decoding import Picture
from labelonce.levels import LEVELS, SCENE
from labelonce.verification import propose

PLACES = 6  # that are outlined: the largest
LOOSE = replace(LEVELS[SCENE], turn=180.0)  # that they count as the same is decided; here is asked how they lie

Matrix = tuple[float, float, float, float, float, float]
AS_IT_IS: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Placement:
    """How a duplicate lies on what stands for it.

    Parameters
    ----------
    matrix
        As CSS has it, column by column: from places in the duplicate to those in the other picture, each as a share,
        0 to 1, of its width and height.
    places
        Left, top, width and height of what differs, in percent of the other picture; the largest first.
    """

    matrix: Matrix
    places: tuple[Box, ...] = ()

    @property
    def lies(self) -> str:
        """The matrix as the page has it."""
        return " ".join(f"{value:.4g}" for value in self.matrix)

    @property
    def differs(self) -> str:
        """The places as the page has them."""
        return ",".join(" ".join(f"{value:.1f}" for value in box) for box in self.places)


@dataclass(frozen=True)
class Seen:
    """A decoded picture and what the verification sees of it."""

    picture: Picture
    features: Features

    @classmethod
    def of(cls, picture: Picture) -> "Seen":
        """Extract the features."""
        return cls(picture, extract(picture))


def place(kept: Seen, duplicate: Seen) -> Placement | None:
    """Lay a duplicate on what stands for it; None where it is not known how it lies."""
    if kept.picture.digest == duplicate.picture.digest:
        return Placement(AS_IT_IS)
    found = propose(kept.features, duplicate.features, 1.0, LOOSE)
    if not found.accepted or found.transform is None:
        return None
    a, b = kept.picture.rgb, duplicate.picture.rgb
    ratios = [
        (one.picture.rgb.shape[1] / one.features.small.shape[1], one.picture.rgb.shape[0] / one.features.small.shape[0])
        for one in (kept, duplicate)
    ]
    transform = rescaled(found.transform, *ratios)
    laid = lay(a, b, transform)  # to a fraction of a pixel, so that nothing ghosts
    shares = _shares(laid.transform, (laid.a.shape[1], laid.a.shape[0]), (laid.b.shape[1], laid.b.shape[0]))
    if laid.swapped:
        shares = inverse(shares)
    (xx, xy, x), (yx, yy, y) = shares.tolist()
    return Placement((xx, yx, xy, yy, x, y), look(a, b, transform).boxes[:PLACES])


def _shares(transform: Transform, a: tuple[int, int], b: tuple[int, int]) -> Transform:
    """A transform of pixels, which are places in the middle of their area, as one of shares of width and height."""
    (across, down), (width, height) = a, b
    inward = np.array([[width, 0, -0.5], [0, height, -0.5], [0, 0, 1]])
    outward = np.array([[1 / across, 0, 0.5 / across], [0, 1 / down, 0.5 / down]])
    return np.asarray(outward @ np.vstack([transform, [0, 0, 1]]) @ inward, np.float64)
