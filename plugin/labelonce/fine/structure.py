"""Where the structure of two aligned pictures differs by more than copying explains.

In every window the residual is what is left of one picture after the best bounded gain and offset of the other: a plain
place has none, whatever its tone. How much residual copying leaves is read off the pair itself: the noise of its plain
places, and what a fraction of a pixel, or a little more blur, makes of its edges. So a clean copy is looked at more
strictly than a poor one. A place differs when its residual is several times as large; what tells two pictures apart is
a region of such places, by how far they are above it.

Windows lie two pixels apart: they are several times as wide, and one between two others says nothing new.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Mask, Plane
from labelonce.fine.odd import odd_one

WINDOW = 9  # pixels, of a Gaussian of a quarter of it
APART = 2  # pixels between the windows
GAIN = (0.66, 1.5)  # of the contrast in one window, beside the light of the whole
VISIBLE = 5.0  # grey levels, standard deviation of a residual that is not seen
LEAST_NOISE = 1.2  # grey levels
MOST_NOISE = 15.0  # grey levels: beyond, nothing of the pictures agrees
ABOVE_NOISE = 2.0  # times the noise that the squared gradient has to be to show shake: the rest is grain
LOST = 0.45  # share of the structure of the steepest third that is residual: beyond, nothing of the pictures agrees
TIMES = 4.0  # the residual that copying leaves, from which on a place differs
MOST = 20.0  # times that: a place has no more say than this
CERTAIN = 8.0  # times the limit, from which on no shift is tried
REGIONS = 8  # that are looked at again, shifted; more of them are no accident
CELLS = 12  # parts of the places by steepness, for reading the noise
_SAMPLES = 4000
_SQUARES = 2 * round(WINDOW / APART / 2) + 1  # squares along a window
_SPREAD = ((WINDOW / 4) ** 2 - (APART**2 - 1) / 12) ** 0.5 / APART  # squares; with that of one, the window's


@dataclass(frozen=True)
class Shake:
    """Squared pixels by which copying may have moved edges.

    Parameters
    ----------
    least
        In any copy.
    read
        Times what is read off the pair, beside that.
    most
        Of what is read off.
    """

    least: float
    read: float
    most: float


AS_THEY_ARE = Shake(0.08, 4.0, 0.5)
REDUCED = Shake(0.02, 1.0, 0.03)  # a fraction of a pixel is hardly any there: edges that moved are no copying's


@dataclass(frozen=True)
class _Windows:
    """A picture, (h, w) float32 grey levels, and what is in each of its windows."""

    plane: Plane
    mean: Plane
    variance: Plane

    @classmethod
    def of(cls, plane: Plane) -> "_Windows":
        mean = _window(plane)
        return cls(plane, mean, np.maximum(_window(plane * plane) - mean * mean, 0))


@dataclass(frozen=True)
class _Copying:
    """What copying left: variance of noise, squared grey levels; squared pixels of shake; whether that is beyond it."""

    noise: float
    shake: float
    lost: bool = False

    def explains(self, steep: Plane) -> Plane:
        """Variance in each window that copying explains, squared grey levels; of `_steepness`."""
        return np.asarray(TIMES * (self.noise + self.shake * steep), np.float32)


@dataclass(frozen=True)
class Differing:
    """Where two pictures differ.

    Parameters
    ----------
    evidence
        Of the region that tells most: how many times what copying explains its residuals are, summed over its pixels.
    regions
        (h // `APART`, w // `APART`) int32. Numbers of the regions whose evidence is above the limit, 0 elsewhere; None
        where there is none.
    lost
        Whether nothing agrees at all.
    """

    evidence: float = 0.0
    regions: NDArray[np.int32] | None = None
    lost: bool = False


def differing(
    a: Plane, b: Plane, inside: Mask, limit: float, *, still: bool = False, scale: float | None = None
) -> Differing:
    """Find the regions in which two pictures on one grid and in one light differ.

    Parameters
    ----------
    a, b
        (h, w) float32 grey levels.
    inside
        (h, w) uint8, 1 where both have pixels.
    limit
        Evidence up to which a region is no difference.
    still
        Whether a pixel stands for several: regions are not shifted, that would be too far, and edges stay in place.
    scale
        Pixels here for one of the picture's own, where a region may also stand out from many alike; None: it may not.
    """
    core = _core(inside)
    if not core.any():
        return Differing(lost=True)
    difference = np.asarray(a - b, np.float32)
    if cv2.minMaxLoc(_window(difference * difference), core)[1] < VISIBLE**2:  # and so is every residual
        return Differing()
    one, other = _Windows.of(a), _Windows.of(b)
    residual = _residual(one, other)
    steep = _steepness(a, b)
    allowed = REDUCED if still else AS_THEY_ARE
    copying = _copying(residual, np.maximum(one.variance, other.variance), steep, core, allowed)
    if copying.lost:
        return Differing(np.inf, np.asarray(core, np.int32), lost=True)
    above = _above(residual, copying.explains(steep), core)
    found = _regions(one, other, above, copying, limit, still)
    if scale is None or found.regions is not None:
        return found
    odd = odd_one(above, steep, limit / APART**2, APART / scale)
    return Differing(odd[0] * APART**2, odd[1].astype(np.int32)) if odd else found


def _core(inside: Mask) -> Mask:
    """Windows that lie inside altogether; where there are none, those whose middles do."""
    side, before = APART * _SQUARES, APART * (_SQUARES // 2)
    square = np.ones((side, side), np.uint8)
    core = cv2.erode(inside, square, anchor=(before, before), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    height, width = (side // APART * APART for side in inside.shape)
    some = np.s_[:height:APART, :width:APART]
    return np.ascontiguousarray(core[some] if core[some].any() else inside[some])


def _regions(a: _Windows, b: _Windows, above: Plane, copying: _Copying, limit: float, still: bool) -> Differing:
    """The regions that stay when they may be shifted a little."""
    count, label, stats, _ = cv2.connectedComponentsWithStats((above > 1).astype(np.uint8))
    if count < 2:
        return Differing()
    sums = np.bincount(label.ravel(), above.ravel() - 1, count) * APART**2
    sums[0] = 0
    kept: list[int] = []
    strongest = 0.0
    for number in np.argsort(-sums, kind="stable").tolist():
        evidence = float(sums[number])
        if limit < evidence < CERTAIN * limit and len(kept) < REGIONS and not still:
            place = _around(stats[number], above.shape)
            pixels = _pixels(place)
            evidence = _shifted(a.plane[pixels], b.plane[pixels], copying, label[place] == number)
        strongest = max(strongest, evidence)
        if sums[number] <= limit:
            break
        if evidence > limit:
            kept.append(number)
    if not kept:
        return Differing(strongest)
    chosen = np.zeros(count, np.int32)
    chosen[kept] = np.arange(1, len(kept) + 1)
    return Differing(strongest, chosen[label])


def _around(box: NDArray[np.int32], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box of `cv2.connectedComponentsWithStats`, with room for its windows."""
    x, y, width, height, _ = (int(value) for value in box)
    room = -(-WINDOW // APART)
    return np.s_[
        max(0, y - room) : min(shape[0], y + height + room), max(0, x - room) : min(shape[1], x + width + room)
    ]


def _pixels(place: tuple[slice, slice]) -> tuple[slice, slice]:
    """Of a picture, where some of its windows are."""
    rows, columns = (slice(APART * one.start, APART * one.stop) for one in place)
    return rows, columns


def _shifted(a: Plane, b: Plane, copying: _Copying, region: NDArray[np.bool_]) -> float:
    """Evidence of a region at the best of nine shifts in each of its places."""
    one, residuals = _Windows.of(a), []
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            residual = _residual(one, _Windows.of(_moved(b, dx, dy)))
            back = _moved(residual, -dx, -dy)  # as the other picture's windows lie
            residuals += [residual, np.asarray(residual + (back - residual) / APART, np.float32)]
    above = _above(np.minimum.reduce(residuals), copying.explains(_steepness(a, b)), np.asarray(region, np.uint8))
    return float((above[above > 1] - 1).sum()) * APART**2


def _moved(plane: Plane, dx: int, dy: int) -> Plane:
    """A plane that lies some pixels farther to the right and down."""
    padded = cv2.copyMakeBorder(plane, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return np.asarray(padded[1 - dy : 1 - dy + plane.shape[0], 1 - dx : 1 - dx + plane.shape[1]], np.float32)


def _window(plane: Plane) -> Plane:
    """Means in the windows: of squares of pixels, and then of these."""
    height, width = (side // APART for side in plane.shape)
    means = cv2.resize(plane[: APART * height, : APART * width], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(means, (_SQUARES, _SQUARES), _SPREAD), np.float32)


def _residual(a: _Windows, b: _Windows) -> Plane:
    """Variance that is left in each window, squared grey levels."""
    covariance = _window(a.plane * b.plane) - a.mean * b.mean
    gain = np.clip(np.sqrt((a.variance + 1) / (b.variance + 1)), *GAIN)  # the same whichever comes first
    return np.asarray(np.maximum(a.variance / gain + gain * b.variance - 2 * covariance, 0), np.float32)


def _above(residual: Plane, explained: Plane, seen: Mask) -> Plane:
    """How many times what copying explains the residual is, 0 where nothing is seen and 1 where that is next to it."""
    found = np.where((seen > 0) & (residual > VISIBLE**2), residual / explained, 0)
    return np.asarray(np.minimum(found, MOST), np.float32)


def _steepness(a: Plane, b: Plane) -> Plane:
    """Mean of the squared gradient in each window, grey levels a pixel, of the picture that is less steep there."""
    squares = []
    for plane in (a, b):
        dx, dy = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
        squares.append(dx * dx + dy * dy)
    return _window(np.asarray(np.minimum(*squares), np.float32))


def _copying(residual: Plane, structure: Plane, steep: Plane, seen: Mask, allowed: Shake) -> _Copying:
    """Read off the pair what copying left: medians of places by their steepness; what differs in some has no say."""
    step = max(1, round((seen.size / _SAMPLES) ** 0.5))
    some = np.s_[::step, ::step]
    sample = seen[some] > 0
    if not sample.any():
        sample = np.ones_like(sample)
    residual, structure, steep = (plane[some][sample] for plane in (residual, structure, steep))
    order = np.argsort(steep, kind="stable")
    cells = min(CELLS, len(order))
    parts = order[: len(order) // cells * cells].reshape(cells, -1)
    medians, steepness = np.median(residual[parts], axis=1), steep[parts].mean(axis=1)
    half, steepest = cells // 2, order[-max(1, len(order) // 3) :]
    noise = max(LEAST_NOISE**2, float(np.median(medians[: max(1, half // 2)])))
    clear = steepness[half:] > ABOVE_NOISE * noise
    shakes = np.maximum(medians[half:] - noise, 0)[clear] / steepness[half:][clear]
    shake = float(np.median(shakes)) if len(shakes) else 0.0
    left, all_of_it = float(residual[steepest].sum()), float(structure[steepest].sum())
    lost = noise > MOST_NOISE**2 or left > LOST * max(all_of_it, VISIBLE**2 * len(steepest))
    return _Copying(noise, allowed.least + min(allowed.read * shake, allowed.most), lost)
