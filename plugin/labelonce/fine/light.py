"""Two pictures on one grid → the same in one light and equally sharp: what a camera or an editor may do to a copy.

One bounded gain, gamma and offset for the whole picture: a curve that is freer would explain a grey shirt by a black
one. Every channel goes through the same curve, clipped as the editor would clip it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Mask, Plane, Rgb, gray

GAMMAS = (0.6, 0.75, 0.87, 1.0, 1.15, 1.33, 1.66)
GAINS = (0.6, 1.6)
OFFSETS = (-45.0, 45.0)  # grey levels
SAMPLES = 1000  # places that the curve is fitted to
ROUNDS = 4
EXPLAINED = 1.0  # grey levels that are left on the average: no better curve is sought
CLIPPED = (4, 251)  # grey levels: what lies beyond says little about the light
ONE_TONE = 3.0  # grey levels, standard deviation
SPREAD = 6.0  # grey levels of the whole range that a curve may flatten before the other direction is asked
BLURS = (0.0, 0.45, 0.7, 1.0, 1.4, 2.0, 2.8)  # pixels, standard deviations
TILE, TILES = 48, 12  # side in pixels, and how many of the most structured ones say which is sharper
_AVERAGED = 5  # pixels
_GAMMA_COST, _BLUR_COST = 0.3, 0.1  # what a stronger correction has to be better by
_LUT = np.arange(256, dtype=np.float64)


def in_one_light(a: Rgb, b: Rgb, inside: Mask) -> tuple[Rgb, Rgb]:
    """Both, one of them brought to the light of the other."""
    step = max(1, round((inside.size / (4 * SAMPLES)) ** 0.5))
    soft = [np.ascontiguousarray(cv2.blur(one, (_AVERAGED, _AVERAGED))[::step, ::step], np.uint8) for one in (a, b)]
    seen = inside[::step, ::step] > 0
    fair = seen & ~_clipped(soft[0]) & ~_clipped(soft[1])
    if np.count_nonzero(fair) < 50 + 0.02 * np.count_nonzero(seen):
        fair = seen
    source, target = (gray(one)[fair].astype(np.float64) for one in soft)
    thin = max(1, len(source) // SAMPLES)
    source, target = source[::thin], target[::thin]
    if not len(source) or max(float(source.std()), float(target.std())) < ONE_TONE:
        return a, b  # what light one tone is in, nobody can tell
    curve = light_curve(target, source)
    if _flattened(curve) > SPREAD:  # what the other one lost by clipping cannot be brought back: lose it here too
        other = light_curve(source, target)
        if _flattened(other) < _flattened(curve):
            return _through(a, other), b
    return a, _through(b, curve)


def light_curve(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(256,) float64. What grey levels of `source` become in the light of `target`, whatever a part of it does.

    Least squares, reweighted by the square of Cauchy's weight, for each gamma.
    """
    middle = GAMMAS.index(1.0)
    best = _curve(source, target, GAMMAS[middle])
    for step in (-1, 1):  # one way as long as it becomes better, then the other
        for number in range(middle + step, len(GAMMAS) if step > 0 else -1, step):
            if best[0] < EXPLAINED:
                return best[1]
            found = _curve(source, target, GAMMAS[number])
            if found[0] >= best[0]:
                break
            best = found
    return best[1]


def _curve(source: NDArray[np.float64], target: NDArray[np.float64], gamma: float) -> tuple[float, NDArray[np.float64]]:
    """What a curve with this gamma leaves unexplained, and the curve."""
    powered = 255 * (source / 255) ** gamma
    weight = np.ones_like(powered)
    gain, offset, residual = 1.0, 0.0, np.abs(target - powered)
    for _ in range(ROUNDS):
        total = float(weight.sum())
        mean, aim = float(weight @ powered) / total, float(weight @ target) / total
        ridge = 0.5 * total  # pulls towards "the contrast is the same" where pictures have one tone
        spread = powered - mean
        gain = (float((weight * spread) @ (target - aim)) + ridge) / (float((weight * spread) @ spread) + ridge)
        gain = float(np.clip(gain, *GAINS))
        offset = float(np.clip(aim - gain * mean, *OFFSETS))
        residual = np.abs(target - np.clip(gain * powered + offset, 0, 255))
        weight = 1 / (1 + (residual / max(2.0, 2.5 * float(np.median(residual)))) ** 2) ** 2
    cost = float(np.minimum(residual, 20).mean()) + _GAMMA_COST * abs(float(np.log(gamma)))
    return cost, gain * 255 * (_LUT / 255) ** gamma + offset


def equally_sharp(a: Plane, b: Plane, inside: Mask) -> tuple[Plane, Plane]:
    """Both, one of them blurred as much as makes them agree best where there is most structure."""
    tiles = _structured(a, b, inside)
    if not tiles:
        return a, b
    parts = [(_detail(a, tile), _detail(b, tile), inside[tile]) for tile in tiles]
    unchanged = _median_residual(parts, 0, 0.0)
    best = (unchanged, 0, 0.0)
    for side in (0, 1):
        previous = unchanged
        for sigma in BLURS[1:]:
            residual = _median_residual(parts, side, sigma)
            best = min(best, (residual * (1 + _BLUR_COST * sigma), side, sigma))
            if residual > 1.2 * previous:  # it only becomes worse from here
                break
            previous = residual
    _, side, sigma = best
    if not sigma:
        return a, b
    softer = np.asarray(cv2.GaussianBlur((a, b)[side], (0, 0), sigma), np.float32)
    return (softer, b) if side == 0 else (a, softer)


def _clipped(rgb: Rgb) -> NDArray[np.bool_]:
    return np.asarray(cv2.inRange(rgb, np.full(3, CLIPPED[0]), np.full(3, CLIPPED[1])) == 0)


def _flattened(curve: NDArray[np.float64]) -> float:
    """Grey levels at both ends that nothing is mapped to."""
    return max(0.0, float(curve[0])) + max(0.0, 255 - float(curve[255]))


def _through(rgb: Rgb, curve: NDArray[np.float64]) -> Rgb:
    return np.asarray(cv2.LUT(rgb, np.clip(curve + 0.5, 0, 255).astype(np.uint8)), np.uint8)


def _structured(a: Plane, b: Plane, inside: Mask) -> list[tuple[slice, slice]]:
    """The tiles with most structure in both, and not much less: what only one shows has no sharpness to compare."""
    height, width = a.shape
    rows, columns = height // TILE, width // TILE
    if rows * columns < 2:
        return [np.s_[0:height, 0:width]]
    energies = []
    for plane in (a, b):
        edges = (np.abs(cv2.Laplacian(plane, cv2.CV_32F)) * inside)[: rows * TILE, : columns * TILE]
        energies.append(cv2.resize(edges, (columns, rows), interpolation=cv2.INTER_AREA).ravel())
    energy = np.minimum(*energies)
    order = np.argsort(-energy, kind="stable")[:TILES]
    chosen = [divmod(int(number), columns) for number in order if energy[number] > 0.3 * energy[order[0]]]
    return [np.s_[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] for y, x in chosen]


def _detail(plane: Plane, tile: tuple[slice, slice]) -> Plane:
    """A tile without its slow part, so that the light has no say."""
    part = plane[tile]
    return np.asarray(part - cv2.blur(part, (9, 9)), np.float32)


def _median_residual(parts: list[tuple[Plane, Plane, Mask]], side: int, sigma: float) -> float:
    residuals = []
    for one, other, inside in parts:
        sharp, soft = (one, other) if side == 0 else (other, one)
        blurred = cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp
        residuals.append(cv2.norm(blurred, soft, cv2.NORM_L2SQR, inside) / max(1, cv2.countNonZero(inside)))
    return float(np.median(residuals))
