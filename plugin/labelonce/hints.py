"""Where most pairs that nearly passed differ in one and the same place: a clock, a caption, a watermark."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import components
from labelonce.fine import MOST_BOXES, Box
from labelonce.images.regions import Region
from labelonce.neighbours import Pairs

LEAST_PAIRS = 5
LEAST_SHARE = 0.5  # of all pairs that only the fine look rejects: more than this is in the place
LARGEST = 20.0  # percent of the picture that a place may take
HOT = 0.1  # share of the pairs that differ in the hottest percent, from which on a percent belongs to its place
REACH = 5  # percent between two parts of one place, as between digits
ROOM = 1  # percent around what differs

Places = Mapping[tuple[int, int], Sequence[Box]]
_NONE = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Hint:
    """A place in which pairs differ that agree everywhere else.

    Parameters
    ----------
    region
        The place, in percent of what is compared.
    pairs
        Pairs that differ there only.
    more
        Nodes that would get a representative, were the place left out: at most so many, for it counts the components
        that these pairs join, of those that were compared.
    """

    region: Region
    pairs: int
    more: int

    def text(self, ignored: Sequence[Region] = ()) -> str:
        """What a person is told, with the very option; it names what is left out already, too."""
        option = " ".join(f"--ignore {region}" for region in (*ignored, self.region))
        return (
            f"{self.pairs:,} more pairs differ only at {self.region} (a clock or a caption?): {option} would skip up "
            f"to {self.more:,} more"
        )


def hint_of(places: Places, joined: Pairs = _NONE) -> Hint | None:
    """The place in which most pairs differ; None where there is no such place.

    Parameters
    ----------
    places
        By pair of nodes that only the fine look rejects: all that differs, left, top, width and height in percent of
        the first picture.
    joined
        Pairs that pass.
    """
    extents = {pair: _extent(boxes) for pair, boxes in places.items() if 0 < len(boxes) < MOST_BOXES}
    small = [extent for extent in extents.values() if _area(extent) <= LARGEST]
    if len(small) < LEAST_PAIRS:
        return None
    left, top, right, bottom = _hottest(small)
    inside = {
        pair: (x, y, end, low)
        for pair, (x, y, end, low) in extents.items()
        if x >= left and y >= top and end <= right and low <= bottom
    }
    if len(inside) < LEAST_PAIRS or len(inside) <= LEAST_SHARE * len(places):
        return None
    corners = np.array(list(inside.values()))
    left, top = (max(0, int(value) - ROOM) for value in corners[:, :2].min(axis=0))
    right, bottom = (min(100, int(value) + ROOM) for value in corners[:, 2:].max(axis=0))
    if (right - left) * (bottom - top) / 100 > LARGEST:
        return None
    more = _more(list(inside), joined)
    return Hint(Region(left, top, right - left, bottom - top), len(inside), more) if more else None


def packed(boxes: Sequence[Box]) -> str:
    """Boxes as a text, rounded to a tenth of a percent."""
    return json.dumps([[round(value, 1) for value in box] for box in boxes])


def unpacked(text: str) -> tuple[Box, ...]:
    """What `packed` made a text of."""
    return tuple((x, y, width, height) for x, y, width, height in json.loads(text))


def _extent(boxes: Sequence[Box]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all boxes, rounded out to whole percent."""
    lows = [math.floor(min(box[side] for box in boxes)) for side in (0, 1)]
    highs = [math.ceil(max(box[side] + box[side + 2] for box in boxes)) for side in (0, 1)]
    return max(0, lows[0]), max(0, lows[1]), min(100, highs[0]), min(100, highs[1])


def _area(extent: tuple[int, int, int, int]) -> float:
    """Percent of the picture."""
    left, top, right, bottom = extent
    return (right - left) * (bottom - top) / 100


def _hottest(extents: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the place around the percent in which most pairs differ."""
    heat = np.zeros((100, 100), np.int64)
    for left, top, right, bottom in extents:
        heat[top:bottom, left:right] += 1
    hot = np.asarray(heat >= max(1.0, HOT * heat.max()), np.uint8)
    joined = cv2.morphologyEx(hot, cv2.MORPH_CLOSE, np.ones((REACH, REACH), np.uint8))
    _, label, stats, _ = cv2.connectedComponentsWithStats(np.asarray(joined, np.uint8))
    x, y, width, height, _ = stats[label.ravel()[int(heat.argmax())]].tolist()
    return x, y, x + width, y + height


def _more(pairs: Sequence[tuple[int, int]], joined: Pairs) -> int:
    """How many components fewer there are with these pairs than with those alone that pass."""
    ends: NDArray[np.int64] = np.array(pairs, np.int64)
    left, right = np.concatenate([ends[:, 0], joined.left]), np.concatenate([ends[:, 1], joined.right])
    nodes, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    one, other = place.reshape(2, -1)
    now = components(len(nodes), one[len(pairs) :], other[len(pairs) :])
    return len(np.unique(now)) - len(np.unique(components(len(nodes), one, other)))
