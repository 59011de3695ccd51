"""The part of a picture that counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelonce.errors import ConfigurationError

ROUNDING = 1e-6  # 70.1 + 29.9 may be a little more than 100
LEAST_SIDE = 5.0  # percent: a thinner region shows too little of a picture to recognise it by


@dataclass(frozen=True)
class Region:
    """A rectangle, in percent of the upright picture.

    Parameters
    ----------
    x, y
        Its left upper corner.
    width, height
        Its size, above 0.

    Raises
    ------
    ConfigurationError
        It is empty, or reaches outside of the picture.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        most = 100 + ROUNDING
        inside = min(self.x, self.y) >= 0 and self.x + self.width <= most and self.y + self.height <= most
        if not (inside and self.width > 0 and self.height > 0):  # false for what is no number, too
            raise ConfigurationError(
                f"The region {self} is empty or reaches outside of the picture. Give left, top, width and height in "
                "percent of the picture, as in 10,20,50,40."
            )

    def __str__(self) -> str:
        return ",".join(f"{value:g}" for value in (self.x, self.y, self.width, self.height))

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Read ``left,top,width,height``, percent.

        Raises
        ------
        ConfigurationError
            The text is something else.
        """
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError:
            raise ConfigurationError(
                f"The region {text!r} is not four numbers. Give left, top, width and height in percent of the "
                "picture, as in 10,20,50,40."
            ) from None
        return cls(x, y, width, height)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in a picture of this size, pixels; at least one pixel each way."""
        left, right = _span(self.x, self.width, width)
        top, bottom = _span(self.y, self.height, height)
        return left, top, right, bottom


def regions_of(text: str | None) -> tuple[Region, ...]:
    """Read regions that are parted by semicolons, each once and in order.

    Raises
    ------
    ConfigurationError
        One of them is no region.
    """
    parts = [part for part in (text or "").split(";") if part.strip()]
    return tuple(sorted({Region.parse(part) for part in parts}, key=str))


def without(ignored: Sequence[Region]) -> str:
    """What is left out, to be put behind the name of what was compared; empty where nothing is."""
    return f" without {';'.join(map(str, ignored))}" if ignored else ""


def _span(start: float, length: float, side: int) -> tuple[int, int]:
    first = min(round(start * side / 100), side - 1)
    return first, max(first + 1, min(side, round((start + length) * side / 100)))


def around(points: Iterable[tuple[float, float]]) -> Region | None:
    """The smallest region around points in percent, clipped to the picture; None where nothing of it is inside.

    What is thinner than `LEAST_SIDE` is widened about its middle.
    """
    xs, ys = zip(*points, strict=True)
    across, down = _clipped(min(xs), max(xs)), _clipped(min(ys), max(ys))
    if across is None or down is None:
        return None
    return Region(across[0], down[0], across[1], down[1])


def _clipped(low: float, high: float) -> tuple[float, float] | None:
    """Start and length between 0 and 100."""
    if not (low <= 100 and high >= 0):
        return None
    low, high = max(low, 0.0), min(high, 100.0)
    if high - low < LEAST_SIDE:
        low = min(max((low + high - LEAST_SIDE) / 2, 0.0), 100 - LEAST_SIDE)
        high = low + LEAST_SIDE
    low, high = round(low, 4), round(high, 4)  # sums of floats would reach beyond 100 by their last digit
    return low, round(high - low, 4)
