"""Verdicts in words: what a person sees in two pictures."""

from collections.abc import Sequence

import numpy as np

from labelonce.change import Change
from labelonce.fine import Box, Difference
from labelonce.geometry import Transform, turn_of

MISSING = {  # by the reason of a verdict that rejects
    "pixels": "only equal pixels count here",
    "unlike": "different pictures",
    "few corners": "there is too little in them to lay one on the other",
    "inliers": "different pictures: they cannot be laid on each other",
    "scale": "one shows things much larger",
    "turned": "one is turned against the other",
    "overlap": "they show different parts, and share too little",
    "beside": "each shows something that the other one does not show, or not as finely",
    "agreement": "different pictures: they do not agree where they are laid on each other",
    "changed": "something in them is different",
    "no pictures": "one of the pictures could not be read again to look closely",
}
CONTENT, COLOUR = "different content", "different colour"
SAME = 0.005  # share of the overlap that may differ without a word
CROPPED = 0.97  # of a picture that lies inside the other
TURNED = 1.0  # degrees
EVERYWHERE = 40.0  # percent of the picture
_ROWS, _COLUMNS = ("top", "", "bottom"), ("left", "", "right")


def words_of(
    accepted: bool,
    reason: str,
    overlap: tuple[float, float],
    transform: Transform | None,
    difference: Difference | None,
    change: Change | None,
) -> str:
    """A verdict in words; the parameters are those of `Verdict`."""
    if not accepted:
        if difference is None or difference.same:
            return MISSING.get(reason, reason)
        what = COLOUR if reason == "colour" else CONTENT
        return f"{what} {places(difference.boxes)}".strip()
    moved = difference is None and change is not None and change.area > SAME
    said = ["the same view; something in it moved" if moved else "the same picture"]
    if reason == "part":
        said.append("but one shows more around it")
    elif reason == "geometry" and min(overlap) < CROPPED:
        said.append("cropped")
    if transform is not None and (turn := turn_of(transform)) > TURNED:
        said.append(f"turned by {turn:.0f}°")
    return ", ".join(said)


def only_differs(text: str) -> bool:
    """Whether a verdict in words rejects two pictures because something in them differs, and for nothing else."""
    return text == MISSING["changed"] or text.startswith((CONTENT, COLOUR))


def places(boxes: Sequence[Box]) -> str:
    """Where boxes lie, in percent of the picture: ``"at the top left"``, ``"in 5 places"``."""
    if not boxes:
        return ""
    if sum(width * height for _, _, width, height in boxes) > 100 * EVERYWHERE:
        return "nearly everywhere"
    named = list(dict.fromkeys(_place(box) for box in boxes))
    return named[0] if len(named) == 1 else f"in {len(boxes)} places, the largest {named[0]}"


def _place(box: Box) -> str:
    x, y, width, height = box
    column, row = (int(np.clip((start + length / 2) // (100 / 3), 0, 2)) for start, length in ((x, width), (y, height)))
    where = f"{_ROWS[row]} {_COLUMNS[column]}".strip()
    return f"at the {where}" if where else "in the middle"
