"""Two pictures and how one lies on the other → both on one grid, aligned to a fraction of a pixel.

The transform of the verification was found in thumbnails, a pixel of which may be ten of these. It is refined by
Gauss-Newton steps on the pixels where the structure is strongest (Lucas and Kanade, 1981), with a gain and an offset
for the light, and a robust weight, so that content that changed does not pull.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.geometry import Transform, inverse

ENLARGED_TO = 256  # pixels: smaller pictures than a square of it are enlarged, to have room for the windows
LARGEST_FACTOR = 3
POINTS = 2000  # of strong structure that the alignment rests on
LEAST_POINTS = 30
STEEP = 4.0  # squared grey levels a pixel: fainter gradients are noise
STEPS = 8
STILL = 0.02  # pixels: what moves less has arrived
FARTHEST = 0.04  # of the long side that a refinement may move a corner of the picture: farther, it has lost its way
IN_PLACE = 0.25  # pixels: pictures of one size that lie so close are compared as they are, none of them resampled
_SAME_SCALE = 0.02

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Gray = NDArray[np.uint8]
Plane = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Laid:
    """How two pictures lie on the grid of the coarser one.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB. The picture whose grid it is, and the other one, brought down to its resolution.
    scale
        Long side of the grid over that of the picture that is its own: above 1 where small pictures are enlarged.
    swapped
        Whether `a` is the second picture.
    transform
        (2, 3) float64. From pixels of `b` to the grid's.
    """

    a: Rgb
    b: Rgb
    scale: float
    swapped: bool
    transform: Transform

    @property
    def inside(self) -> Mask:
        """(h, w) uint8, 1 where both have pixels."""
        return self._placed(np.ones(self.b.shape[:2], np.uint8))

    def counting(self, a: Mask, b: Mask) -> Mask:
        """(h, w) uint8, 1 where both have pixels that count.

        Parameters
        ----------
        a, b
            (h, w) uint8 of the first and the second picture, in any resolution, 1 where they count.
        """
        return self.both(*(b, a) if self.swapped else (a, b))

    def both(self, own: Mask, other: Mask) -> Mask:
        """The same, of `a` and `b`."""
        own, other = (
            np.asarray(cv2.resize(mask, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
            for mask, rgb in ((own, self.a), (other, self.b))
        )
        return np.asarray(cv2.bitwise_and(own, self._placed(other)), np.uint8)

    def moved(self, plane: Gray) -> Gray:
        """(h, w) uint8: grey levels of `b`, on the grid.

        Cubic interpolation to twice the size and linear one from there is as exact as cubic, and twice as fast.
        """
        if self._as_it_is:
            return plane
        twice = cv2.resize(plane, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        return self._warped(twice, rescaled(self.transform, (1, 1), (2, 2)), self.a.shape)

    def reduced(self, a: Rgb, b: Rgb, factor: int) -> tuple[Rgb, Rgb]:
        """Both on the grid, so many times smaller.

        Parameters
        ----------
        a, b
            (h, w, 3) uint8 RGB: `a` and `b`, in whatever light.
        """
        factor = min(factor, *a.shape[:2], *b.shape[:2])
        one, other = (reduced(rgb, factor) for rgb in (a, b))
        if self._as_it_is:
            return one, other
        transform = rescaled(self.transform, (1 / factor, 1 / factor), (1 / factor, 1 / factor))
        return one, self._warped(other, transform, one.shape)

    def boxes(self, mask: Mask) -> list[Box]:
        """Boxes around the regions of a mask on the grid or a reduced one, in percent of the first picture.

        The largest come first.
        """
        height, width = mask.shape
        _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask, np.uint8))
        order = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
        found = []
        for x, y, across, down, _ in stats[order].tolist():
            corners = np.array([[x, y], [x + across, y + down]]) / (width, height)
            if self.swapped:
                on_grid, back = corners * self.a.shape[1::-1], inverse(self.transform)
                corners = (on_grid @ back[:, :2].T + back[:, 2]) / self.b.shape[1::-1]
            (left, top), (right, bottom) = np.clip(corners, 0, 1) * 100
            found.append((float(left), float(top), float(right - left), float(bottom - top)))
        return found

    @property
    def _as_it_is(self) -> bool:
        return self.a.shape == self.b.shape and np.array_equal(self.transform, np.eye(2, 3))

    def _placed(self, mask: Mask) -> Mask:
        if self._as_it_is:
            return mask
        size = self.a.shape[1], self.a.shape[0]
        return np.asarray(cv2.warpAffine(mask, self.transform, size, flags=cv2.INTER_NEAREST), np.uint8)

    @staticmethod
    def _warped(pixels: cv2.typing.MatLike, transform: Transform, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        flags, mode = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(pixels, transform, shape[1::-1], flags=flags, borderMode=mode), np.uint8)


def lay(a: Rgb, b: Rgb, transform: Transform) -> Laid:
    """Lay one picture on another; the finer one is brought down to the coarser.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, of any sizes.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`.
    """
    area = max(one.shape[0] * one.shape[1] for one in (a, b))
    factor = int(np.clip(ENLARGED_TO / area**0.5, 1, LARGEST_FACTOR))
    if factor > 1:
        a, b = (
            np.asarray(cv2.resize(one, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
            for one in (a, b)
        )
        transform = rescaled(transform, (factor, factor), (factor, factor))
    scale = abs(float(np.linalg.det(transform[:, :2]))) ** 0.5
    swapped = scale > 1 + _SAME_SCALE
    if swapped:
        a, b, transform, scale = b, a, inverse(transform), 1 / scale
    if scale < 1 - _SAME_SCALE:
        before = b.shape
        size = max(1, round(before[1] * scale)), max(1, round(before[0] * scale))
        b = np.asarray(cv2.resize(b, size, interpolation=cv2.INTER_AREA), np.uint8)
        transform = rescaled(transform, (1, 1), (size[0] / before[1], size[1] / before[0]))
    transform = _refined(np.asarray(gray(a), np.float32), np.asarray(gray(b), np.float32), transform)
    corners = np.array([[0, 0, 1], [a.shape[1], 0, 1], [0, a.shape[0], 1], [a.shape[1], a.shape[0], 1]]).T
    if a.shape == b.shape and np.abs((transform - np.eye(2, 3)) @ corners).max() < IN_PLACE:
        transform = np.eye(2, 3)
    return Laid(a, b, factor, swapped, transform)


def rescaled(transform: Transform, a: tuple[float, float], b: tuple[float, float]) -> Transform:
    """The transform between pictures that are so many times as wide and high as those that it was made for."""
    return np.asarray((_enlarging(a) @ np.vstack([transform, [0, 0, 1]]) @ np.linalg.inv(_enlarging(b)))[:2])


def gray(rgb: Rgb) -> Gray:
    """(h, w) uint8 grey levels."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def median_of(values: NDArray[np.floating]) -> float:
    """The median, of an even number of values the higher one in the middle; `numpy.median` takes three times as long.

    Parameters
    ----------
    values
        (n,), at least one.
    """
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def reduced(pixels: cv2.typing.MatLike, factor: int) -> Any:
    """So many times smaller; a whole factor, others cost ten times as much.

    Parameters
    ----------
    pixels
        (h, w) or (h, w, 3) of any type, which stays.
    """
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    whole = pixels[: height * factor, : width * factor]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def _enlarging(factor: tuple[float, float]) -> NDArray[np.float64]:
    x, y = factor  # pixels are places in the middle of their area
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _refined(a: Plane, b: Plane, transform: Transform) -> Transform:
    """The transform, a few pixels better; as it was where that cannot be found out.

    In large pictures it is found in small ones first, so that it may be farther off.
    """
    if max(a.shape) > 2 * ENLARGED_TO and min(*a.shape, *b.shape) > 1:
        halves = [
            np.asarray(cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
            for one in (a, b)
        ]
        ratios = [
            (half.shape[1] / x.shape[1], half.shape[0] / x.shape[0]) for half, x in zip(halves, (a, b), strict=True)
        ]
        found = _refined(halves[0], halves[1], rescaled(transform, *ratios))
        transform = rescaled(found, *((1 / x, 1 / y) for x, y in ratios))
    return _stepped(a, b, transform)


def _stepped(a: Plane, b: Plane, transform: Transform) -> Transform:
    """Gauss-Newton steps until they are small."""
    long_side = max(a.shape)
    soft_a, soft_b = (np.asarray(cv2.GaussianBlur(one, (5, 5), 1.0), np.float32) for one in (a, b))
    x, y = _strong(soft_a)
    if len(x) < LEAST_POINTS:
        return transform
    height, width = a.shape
    across, down = _gradients(soft_b)
    level = soft_a[y, x]
    places = np.stack([x, y, np.ones_like(x)], 1).astype(np.float64)
    middle = np.stack([x / width - 0.5, y / height - 0.5], 1).astype(np.float32)
    start = found = inverse(transform)
    gain, offset = 1.0, 0.0
    for _ in range(STEPS):
        at_x, at_y = (places @ found.T).astype(np.float32).T
        inside = (at_x > 1) & (at_y > 1) & (at_x < b.shape[1] - 2) & (at_y < b.shape[0] - 2)
        if np.count_nonzero(inside) < LEAST_POINTS:
            return transform
        value, dx, dy = (cv2.remap(one, at_x[None], at_y[None], cv2.INTER_LINEAR)[0] for one in (soft_b, across, down))
        residual = level - gain * value - offset
        spread = max(1.5, 2.2 * median_of(np.abs(residual[inside])))
        weight = inside / (1 + (residual / spread) ** 2) ** 2
        dx, dy = gain * dx, gain * dy
        u, v = middle.T
        columns = np.stack([dx * u, dx * v, dx, dy * u, dy * v, dy, value / 64, np.ones_like(value)], 1)
        normal = columns.T @ (columns * weight[:, None]) + 1e-3 * float(weight.sum()) * np.eye(8)
        step = np.linalg.solve(normal, columns.T @ (weight * residual))
        motion = step[:6].reshape(2, 3)
        found = found + np.column_stack(
            [motion[:, 0] / width, motion[:, 1] / height, motion[:, 2] - (motion[:, 0] + motion[:, 1]) / 2]
        )
        gain, offset = min(max(gain + float(step[6]) / 64, 0.3), 3.0), offset + float(step[7])
        if np.abs(motion * (0.5, 0.5, 1)).max() < STILL:
            break
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    if not np.isfinite(found).all() or np.abs((found - start) @ corners).max() > FARTHEST * long_side + 3:
        return transform
    return inverse(found)


def _gradients(plane: Plane) -> tuple[Plane, Plane]:
    """Grey levels a pixel, to the right and down."""
    return (
        np.asarray(cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32),
        np.asarray(cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32),
    )


def _strong(plane: Plane) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places, x and y, of the strongest gradients: one for each small cell, so that they lie everywhere.

    Every other row and column is looked at: after the blur their neighbours say the same.
    """
    dx, dy = (part[1:-1:2, 1:-1:2] for part in _gradients(plane))
    steep = np.asarray(dx * dx + dy * dy, np.float32)
    side = max(2, int((steep.size / POINTS) ** 0.5))
    rows, columns = steep.shape[0] // side, steep.shape[1] // side
    if rows < 2 or columns < 2:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing
    blocks = steep[: rows * side, : columns * side].reshape(rows, side, columns, side).transpose(0, 2, 1, 3)
    cells = blocks.reshape(rows * columns, side * side)
    best = cells.argmax(axis=1)
    y, x = (
        np.repeat(np.arange(rows), columns) * side + best // side,
        np.tile(np.arange(columns), rows) * side + best % side,
    )
    fine = cells[np.arange(len(best)), best] > STEEP
    return 2 * x[fine] + 1, 2 * y[fine] + 1
