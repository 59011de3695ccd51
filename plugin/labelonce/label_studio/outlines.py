"""What predictions outline: points in percent of the picture, as Label Studio counts them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """One shape on one image.

    Parameters
    ----------
    name
        Name of the Image tag that it lies on.
    index
        Which image, where the tag shows a list.
    points
        Points whose bounding box is that of the shape; x and y in percent.
    """

    name: str
    index: int
    points: tuple[Point, ...]


def outlines(results: Any) -> list[Outline]:
    """The rectangles, polygons and ellipses in the results of a prediction; what has no outline is passed over."""
    found = map(_outline, results if isinstance(results, list) else [])
    return [one for one in found if one is not None]


def _outline(result: Any) -> Outline | None:
    try:
        points = _points(result["value"], _aspect(result))
        if points and all(math.isfinite(value) for point in points for value in point):
            return Outline(str(result["to_name"]), int(result.get("item_index") or 0), points)
    except (AttributeError, KeyError, TypeError, ValueError):  # a model may write what it likes
        pass
    return None


def _points(value: Mapping[str, Any], aspect: float) -> tuple[Point, ...]:
    if "points" in value:
        return tuple((float(x), float(y)) for x, y in value["points"])
    x, y = float(value["x"]), float(value["y"])
    angle = math.radians(float(value.get("rotation") or 0))
    sine, cosine = math.sin(angle), math.cos(angle)
    if "radiusX" in value:  # turned about its centre
        a, b = float(value["radiusX"]), float(value["radiusY"])
        across = math.hypot(a * cosine, b * sine / aspect)
        down = math.hypot(a * sine * aspect, b * cosine)
        return (x - across, y - down), (x + across, y + down)
    width, height = float(value["width"]), float(value["height"])  # turned about its first corner
    return tuple(
        (x + right * cosine - below * sine / aspect, y + right * sine * aspect + below * cosine)
        for right, below in ((0, 0), (width, 0), (width, height), (0, height))
    )


def _aspect(result: Mapping[str, Any]) -> float:
    """Width of the picture over its height: a turn is one of pixels, not of percent."""
    width, height = result.get("original_width"), result.get("original_height")
    return float(width) / float(height) if width and height else 1.0
