"""The seven other ways to hold a picture: mirrored, turned, or both."""

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import ConfigurationError

Pixels = NDArray[np.uint8]


def _turned(quarters: int) -> Callable[[Pixels], Pixels]:
    return lambda rgb: np.ascontiguousarray(np.rot90(rgb, quarters))


def _mirrored(quarters: int) -> Callable[[Pixels], Pixels]:
    return lambda rgb: np.ascontiguousarray(np.rot90(rgb[:, ::-1], quarters))


# (h, w, 3) → the same picture, held otherwise; turns are counter-clockwise, and come after the mirror
VIEWS: Final = MappingProxyType(
    {
        "mirror": _mirrored(0),
        "turn 90": _turned(1),
        "turn 180": _turned(2),
        "turn 270": _turned(3),
        "mirror turn 90": _mirrored(1),
        "mirror turn 180": _mirrored(2),
        "mirror turn 270": _mirrored(3),
    }
)
_BY_INVARIANCE: Final = {
    frozenset[str](): (),
    frozenset({"mirror"}): ("mirror",),
    frozenset({"rotate"}): ("turn 90", "turn 180", "turn 270"),
    frozenset({"mirror", "rotate"}): tuple(VIEWS),
}


def views_of(invariant: Collection[str]) -> tuple[str, ...]:
    """Names of the views that count as the same picture.

    Parameters
    ----------
    invariant
        ``"mirror"``, ``"rotate"`` (by quarter turns), both or neither.

    Raises
    ------
    ConfigurationError
        There is something else among them.
    """
    try:
        return _BY_INVARIANCE[frozenset(invariant)]
    except KeyError:
        raise ConfigurationError(
            f"Pictures cannot be compared regardless of {', '.join(sorted(invariant))}. Choose among mirror, rotate."
        ) from None
