"""Two pictures laid on each other → what changed while the picture stayed.

A car that came or went under a fixed camera is something else to label, although geometry says that both pictures
show one view. An edited copy differs too, but otherwise: everywhere a little (light, noise, JPEG), or much on thin
lines only (text, logos, edges that lie a pixel off). So a change of content has to fill its place: most of the pixels
there differ once the light is matched, structure does not agree, and the region is thicker than letters are.

Made for small pictures, long side 160: the thresholds are in their pixels and grey levels. They were chosen on photos
with objects put in, taken out and moved, against harmless edits of the same photos, and checked on other photos.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR_AREA = 0.012  # changed area above which two pictures are two to label; 4 % is still found nearly always

DIFFERENT = 16  # grey levels of the strongest channel; a larger difference counts no more than this one
FILLED = 0.6  # share of that, averaged over 6 x 6 pixels: letters fill less of their place, things fill it
STRUCTURE = 0.9  # agreement of 10 x 10 pixels below which they differ by more than light and blur
SPECKLE = 40.0  # variance, grey levels squared, up to which structure is taken for noise
THICK = 7  # pixels at half size: what a disc of this diameter does not fit into is lines
SCALES = (0.2, 5.0)  # of `b` on `a`: beyond them too little of one is left to compare
SOFTER = 0.7  # scale from which on the sharper picture is blurred to the resolution of the other
SHARPER = 1.25  # gain of the detail that two pictures share, from which on one is sharper and is blurred as well
BLURS = (0.7, 1.0, 1.4, 2.0)  # pixels, standard deviations: the first that takes the surplus away is taken
LEAST_OVERLAP = 50  # pixels at half size
_QUANTIZED = 0.25  # grey levels squared: detail that rounding makes in a plain picture

# The light curve: quadratic, channel by channel, from averages of 6 x 6 pixels, by reweighted least squares.
_AVERAGED = 6
_ROUNDS = 3
_DARK, _BRIGHT = 0.016, 0.98  # of 1: clipped beyond, and then hardly a witness of the light
_CLIPPED_WEIGHT = 0.1
_RIDGE = 3e-4 * np.diag([1.0, 1.0, 10.0])  # pulls towards "the light is the same" where pictures have few tones
_IDENTITY = 3e-4 * np.array([[0.0], [1.0], [0.0]])
_LEAST_RESIDUAL = 0.01

_BOX = np.ones((3, 3), np.uint8)
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THICK, THICK))
_RAMP = np.linspace(0, 1, 256, dtype=np.float32) ** np.arange(3, dtype=np.float32)[:, None]

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Plane = NDArray[np.floating]


@dataclass(frozen=True)
class Change:
    """How two pictures differ that were laid on each other.

    Parameters
    ----------
    area
        Largest compact region in which they disagree, as a share of their overlap, 0 to 1.
    agreement
        Mean agreement of local structure over the overlap, -1 to 1: structural similarity without its comparison of
        brightness (Wang et al., 2004), after the light is matched.
    """

    area: float
    agreement: float


_NOTHING_TO_COMPARE = Change(1.0, 0.0)


def changed_area(a: Rgb, b: Rgb, transform: NDArray[np.float64], counted: tuple[Mask, Mask] | None = None) -> Change:
    """Find the content that changed between two pictures of one view.

    Pure and deterministic. Which of the two is `a` hardly matters: only whose pixels are interpolated.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, each of its own size; long side 160.
    transform
        (2, 3) float64, finite. From pixels of `b` to pixels of `a`.
    counted
        (h, w) uint8 of each picture, 1 where it counts; None where all of both does.

    Returns
    -------
    Change
        Area 1 and agreement 0 where the pictures hardly overlap.
    """
    (right_x, down_x, _), (right_y, down_y, _) = transform.tolist()
    scale = abs(right_x * down_y - right_y * down_x) ** 0.5
    if not SCALES[0] < scale < SCALES[1] or 0 in a.shape or 0 in b.shape:
        return _NOTHING_TO_COMPARE
    counts = counted or (np.ones(a.shape[:2], np.uint8), np.ones(b.shape[:2], np.uint8))
    a, b, overlap = _laid_on(np.ascontiguousarray(a), np.ascontiguousarray(b), transform, scale, counts)
    compared = _averaged(overlap, 2, cv2.INTER_NEAREST)
    count = cv2.countNonZero(compared)
    if count < LEAST_OVERLAP:
        return _NOTHING_TO_COMPARE
    a, b = _equally_sharp(*_in_one_light(a, b, overlap), overlap)
    structure = _structure(*(_gray(one) for one in (a, b)))
    differs = np.asarray((_filled(a, b) > FILLED * DIFFERENT) & (compared > 0), np.uint8)
    area = _largest(_and_within(differs & (structure < STRUCTURE), differs))
    return Change(area / count, float(structure[compared > 0].mean()))


def _laid_on(
    a: Rgb, b: Rgb, transform: NDArray[np.float64], scale: float, counts: tuple[Mask, Mask]
) -> tuple[Rgb, Rgb, Mask]:
    """Both pictures on the pixels of `a`, equally sharp, and where both count: 1, a rim of two pixels left out."""
    height, width = a.shape[:2]
    if scale < SOFTER:
        b = np.asarray(cv2.GaussianBlur(b, (0, 0), 0.5 / scale), np.uint8)
    elif scale > 1 / SOFTER:
        a = np.asarray(cv2.GaussianBlur(a, (0, 0), 0.5 * scale), np.uint8)
    moved = cv2.warpAffine(b, transform, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved_counts = cv2.warpAffine(counts[1], transform, (width, height), flags=cv2.INTER_NEAREST)
    inside = cv2.bitwise_and(counts[0], moved_counts)
    inside = cv2.erode(inside, _BOX, iterations=2, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return a, np.asarray(moved, np.uint8), np.asarray(inside, np.uint8)


def _in_one_light(a: Rgb, b: Rgb, overlap: Mask) -> tuple[Rgb, Rgb]:
    """The pictures, the less clipped one with the light of the other: what is clipped cannot be brought back."""
    seen = _averaged(overlap, _AVERAGED, cv2.INTER_NEAREST).ravel() > 0
    samples_a, samples_b = (_averaged(one, _AVERAGED).reshape(-1, 3)[seen].T.astype(np.float32) / 255 for one in (a, b))
    if samples_a.shape[1] == 0:
        return a, b
    if _clipped(samples_b).mean() > _clipped(samples_a).mean():
        a, b, samples_a, samples_b = b, a, samples_b, samples_a
    curve = np.clip(_light_curve(samples_b, samples_a) @ _RAMP, 0, 1) * 255 + 0.5
    return a, np.asarray(cv2.LUT(b, np.ascontiguousarray(curve.T, np.uint8)[:, None]), np.uint8)


def _clipped(samples: Plane) -> NDArray[np.bool_]:
    return (samples > _BRIGHT) | (samples < _DARK)


def _light_curve(source: Plane, target: Plane) -> Plane:
    """(3, 3) quadratic for each channel that takes `source` to `target`, (3, n) of 0 to 1, whatever a part of it does.

    Least squares, reweighted by the square of Cauchy's weight: a pixel that any channel leaves unexplained loses its
    say in all three.
    """
    clipped = (_clipped(source) | _clipped(target)).any(axis=0)
    trust = np.where(clipped, np.float32(_CLIPPED_WEIGHT), np.float32(1))
    powers = np.stack([np.ones_like(source), source, source * source], axis=1)
    columns = np.ascontiguousarray(powers.transpose(0, 2, 1))
    count = source.shape[1]
    weight = trust
    for _ in range(_ROUNDS):
        weighted = powers * weight
        normal, right = weighted @ columns + count * _RIDGE, weighted @ target[:, :, None] + count * _IDENTITY
        curve = np.asarray(np.linalg.solve(normal, right), np.float32)
        residual = np.abs(target - np.clip((columns @ curve)[..., 0], 0, 1)).max(axis=0)
        middle = max(float(np.partition(residual, count // 2)[count // 2]), _LEAST_RESIDUAL)
        weight = trust / (1 + (residual / (2.5 * middle)) ** 2) ** 2
    return np.asarray(curve[..., 0])


def _equally_sharp(a: Rgb, b: Rgb, overlap: Mask) -> tuple[Rgb, Rgb]:
    """The pictures, the one that shows the same detail far more strongly blurred; text and grain of one have no say."""
    detail_a, detail_b = _detail(a, overlap), _detail(b, overlap)
    common, noise = float(np.vdot(detail_a, detail_b)), _QUANTIZED * detail_a.size
    if common > SHARPER * (float(np.vdot(detail_b, detail_b)) + noise):
        return _softened(a, detail_b, overlap), b
    if common > SHARPER * (float(np.vdot(detail_a, detail_a)) + noise):
        return a, _softened(b, detail_a, overlap)
    return a, b


def _softened(rgb: Rgb, detail: Plane, overlap: Mask) -> Rgb:
    softer, enough = rgb, float(np.vdot(detail, detail))
    for sigma in BLURS:
        softer = np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)
        if float(np.vdot(_detail(softer, overlap), detail)) <= enough:
            break
    return softer


def _detail(rgb: Rgb, overlap: Mask) -> Plane:
    """What a light blur takes away, grey levels; 0 outside the overlap."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray((gray - cv2.GaussianBlur(gray, (5, 5), 0)) * overlap, np.float32)


def _averaged(plane: NDArray[np.uint8], step: int, method: int = cv2.INTER_AREA) -> NDArray[np.uint8]:
    """One pixel for `step` x `step`; the rest at the rim is left out: whole places are several times faster."""
    rows, columns = (max(1, side // step) for side in plane.shape[:2])
    return np.asarray(
        cv2.resize(plane[: rows * step, : columns * step], (columns, rows), interpolation=method), np.uint8
    )


def _gray(rgb: Rgb) -> Plane:
    """At half size."""
    return _averaged(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), 2).astype(np.float32)


def _structure(a: Plane, b: Plane) -> Plane:
    """How well 5 x 5 places agree but for their brightness, -1 to 1: 2 covariance / sum of variances."""
    mean_a, mean_b = cv2.blur(a, (5, 5)), cv2.blur(b, (5, 5))
    covariance = cv2.blur(a * b, (5, 5)) - mean_a * mean_b
    variances = cv2.blur(a * a + b * b, (5, 5)) - mean_a * mean_a - mean_b * mean_b
    return np.asarray((2 * covariance + SPECKLE) / (np.maximum(variances, 0) + SPECKLE), np.float32)


def _filled(a: Rgb, b: Rgb) -> Mask:
    """How much of each place differs, at half size: a vote, as no pixel counts more than DIFFERENT."""
    a, b = (np.asarray(cv2.GaussianBlur(one, (3, 3), 0.6), np.uint8) for one in (a, b))
    red, green, blue = cv2.split(cv2.absdiff(a, b))
    difference = np.minimum(cv2.max(cv2.max(red, green), blue), np.uint8(DIFFERENT))
    return np.asarray(cv2.blur(_averaged(difference, 2), (3, 3)), np.uint8)


def _and_within(mask: Mask, differs: Mask) -> Mask:
    """The mask and what it encloses of the pixels that differ: within a plain thing there is no structure."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(mask.copy(), outlines, -1, 1, cv2.FILLED), np.uint8) & differs


def _largest(mask: Mask) -> int:
    """Pixels of the largest connected region that is nowhere thinner than the disc."""
    if not mask.any():
        return 0
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _DISC)
    _, _, stats, _ = cv2.connectedComponentsWithStats(thick)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
