"""Where the structure of two aligned pictures differs by more than copying explains.

In every window the residual is what is left of one picture after the best bounded gain and offset of the other: a plain
place has none, whatever its tone. How much residual copying leaves is read off the pair itself: the noise of its plain
places, and what a fraction of a pixel, or a little more blur, makes of its edges. So a clean copy is looked at more
strictly than a poor one. A place differs when its residual is several times as large; what tells two pictures apart is
a region of such places, by how far they are above it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Mask, Plane

WINDOW = 9  # pixels, of a Gaussian of a quarter of it
GAIN = (0.66, 1.5)  # of the contrast in one window, beside the light of the whole
VISIBLE = 5.0  # grey levels, standard deviation of a residual that is not seen
LEAST_NOISE = 1.2  # grey levels
MOST_NOISE = 15.0  # grey levels: beyond, nothing of the pictures agrees
SHAKE = 0.15  # squared pixels by which edges may be off in any copy
READ = 3.0  # times what is read off the pair, beside that
MOST_SHAKE = 0.5  # squared pixels of what is read off
LOST = 0.45  # share of the structure of the steepest third that is residual: beyond, nothing of the pictures agrees
TIMES = 4.0  # the residual that copying leaves, from which on a place differs
MOST = 20.0  # times that: a place has no more say than this
SHIFT = 1.0  # pixels that a region may lie beside its counterpart
CERTAIN = 8.0  # times the limit, from which on no shift is tried
REGIONS = 8  # that are looked at again, shifted; more of them are no accident
CELLS = 12  # parts of the places by steepness, for reading the noise
_SAMPLES = 8000


@dataclass(frozen=True)
class Differing:
    """Where two pictures differ.

    Parameters
    ----------
    evidence
        Of the region that tells most: how many times what copying explains its residuals are, summed over its pixels.
    regions
        (h, w) int32. Numbers of the regions whose evidence is above the limit, 0 elsewhere; None where there is none.
    lost
        Whether nothing agrees at all.
    """

    evidence: float = 0.0
    regions: NDArray[np.int32] | None = None
    lost: bool = False


def differing(a: Plane, b: Plane, inside: Mask, limit: float) -> Differing:
    """Find the regions in which two pictures on one grid and in one light differ.

    Parameters
    ----------
    a, b
        (h, w) float32 grey levels.
    inside
        (h, w) uint8, 1 where both have pixels.
    limit
        Evidence up to which a region is no difference.
    """
    square = np.ones((WINDOW, WINDOW), np.uint8)
    core = np.asarray(cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
    if not core.any():
        core = inside
    if not core.any():
        return Differing(lost=True)
    difference = np.asarray(a - b, np.float32)
    if float((_window(difference * difference) * core).max()) < VISIBLE**2:  # and so is every residual
        return Differing()
    residual, structure = _compared(a, b)
    steep_a, steep_b = _steepness(a), _steepness(b)
    seen = core > 0
    step = max(1, round((seen.size / _SAMPLES) ** 0.5))
    some = np.s_[::step, ::step]
    sample = seen[some] if seen[some].any() else np.ones_like(seen[some])
    steep = (steep_a[some] + steep_b[some])[sample] / np.float32(2)
    noise, shake, lost = _copying(residual[some][sample], structure[some][sample], steep)
    if lost:
        return Differing(np.inf, np.asarray(core, np.int32), lost=True)
    explained = TIMES * (noise + (shake + SHAKE) * _window(np.minimum(steep_a, steep_b)))
    above = np.where(seen & (residual > VISIBLE**2), residual / explained, 0)
    return _regions(a, b, above, explained, limit)


def _regions(a: Plane, b: Plane, above: Plane, explained: Plane, limit: float) -> Differing:
    """The regions that stay when they may be shifted a little."""
    count, label, stats, _ = cv2.connectedComponentsWithStats((above > 1).astype(np.uint8))
    if count < 2:
        return Differing()
    sums = np.bincount(label.ravel(), np.minimum(above, MOST).ravel() - 1, count)
    sums[0] = 0
    strong = [int(number) for number in np.argsort(-sums, kind="stable") if sums[number] > limit]
    strongest = float(sums.max())
    if not strong:
        return Differing(strongest)
    kept: list[int] = []
    left = 0.0
    for number in strong:
        if sums[number] < CERTAIN * limit and len(kept) < REGIONS:
            sums[number] = _shifted(a, b, explained, label == number, stats[number])
        if sums[number] > limit:
            kept.append(number)
        left = max(left, float(sums[number]))
    if not kept:
        return Differing(left)
    chosen = np.zeros(count, np.int32)
    chosen[kept] = np.arange(1, len(kept) + 1)
    return Differing(left, chosen[label])


def _shifted(a: Plane, b: Plane, explained: Plane, region: NDArray[np.bool_], box: NDArray[np.int32]) -> float:
    """Evidence of a region at the best of nine shifts in each of its places."""
    x, y, width, height, _ = (int(value) for value in box)
    part = np.s_[max(0, y - WINDOW) : y + height + WINDOW, max(0, x - WINDOW) : x + width + WINDOW]
    one, other = a[part], b[part]
    least, _ = _compared(one, other)
    for dx in (-SHIFT, 0, SHIFT):
        for dy in (-SHIFT, 0, SHIFT):
            if dx or dy:
                least = np.minimum(least, _compared(one, _moved(other, dx, dy))[0])
                least = np.minimum(least, _compared(_moved(one, dx, dy), other)[0])
    above = np.where(region[part] & (least > VISIBLE**2), least / explained[part], 0)
    return float((np.minimum(above, MOST) - 1)[above > 1].sum())


def _moved(plane: Plane, dx: float, dy: float) -> Plane:
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(plane, shift, plane.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.float32)


def _window(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (WINDOW, WINDOW), WINDOW / 4), np.float32)


def _compared(a: Plane, b: Plane) -> tuple[Plane, Plane]:
    """Variance that is left in each window, and the larger of both variances before; squared grey levels."""
    mean_a, mean_b = _window(a), _window(b)
    variance_a = np.maximum(_window(a * a) - mean_a * mean_a, 0)
    variance_b = np.maximum(_window(b * b) - mean_b * mean_b, 0)
    covariance = _window(a * b) - mean_a * mean_b
    gain = np.clip(np.sqrt((variance_a + 1) / (variance_b + 1)), *GAIN)  # the same whichever comes first
    residual = np.maximum(variance_a / gain + gain * variance_b - 2 * covariance, 0)
    return np.asarray(residual, np.float32), np.asarray(np.maximum(variance_a, variance_b), np.float32)


def _steepness(plane: Plane) -> Plane:
    """Squared gradient, grey levels a pixel."""
    dx, dy = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(dx * dx + dy * dy, np.float32)


def _copying(
    residual: NDArray[np.float32], structure: NDArray[np.float32], steep: NDArray[np.float32]
) -> tuple[float, float, bool]:
    """What copying left: variance of noise, squared pixels of shake, and whether that is beyond all copying.

    Medians of the places by their steepness: what differs in some of them has no say.
    """
    order = np.argsort(steep, kind="stable")
    parts = [part for part in np.array_split(order, CELLS) if len(part)]
    medians = np.array([np.median(residual[part]) for part in parts])
    steepness = np.array([steep[part].mean() for part in parts])
    half, steepest = len(parts) // 2, order[-max(1, len(order) // 3) :]
    noise = max(LEAST_NOISE**2, float(np.median(medians[: max(1, half // 2)])))
    shake = float(np.median(np.maximum(medians[half:] - noise, 0) / np.maximum(steepness[half:], 1.0)))
    left, all_of_it = float(residual[steepest].sum()), float(structure[steepest].sum())
    lost = noise > MOST_NOISE**2 or left > LOST * max(all_of_it, VISIBLE**2 * len(steepest))
    return noise, min(READ * shake, MOST_SHAKE), lost
