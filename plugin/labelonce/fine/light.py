"""Two pictures on one grid → the same in one light and equally sharp: what a camera or an editor may do to a copy.

One bounded gain, gamma and offset for the whole picture: a curve that is freer would explain a grey shirt by a black
one, and gamma alone one grey bar of a drawing by another. Every channel goes through the same curve, clipped as the
editor would clip it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Gray, Laid, Mask, Plane, Rgb, gray, median_of
from labelonce.geometry import inverse

GAMMAS = (0.6, 0.75, 0.87, 1.0, 1.15, 1.33, 1.66)
GAINS = (0.6, 1.6)
OFFSETS = (-45.0, 45.0)  # grey levels
SAMPLES = 1000  # places that the curve is fitted to
ROUNDS = 4
EXPLAINED = 1.0  # grey levels that are left on the average: no better curve is sought
CLIPPED = (4, 251)  # grey levels: what lies beyond says little about the light
ONE_TONE = 3.0  # grey levels, standard deviation
FEW_TONES, TONE = 5, 4  # tones, and grey levels around each, that a flat drawing consists of
FLAT = 0.9  # share of its places that they have
SPREAD = 6.0  # grey levels of the whole range that a curve may flatten before the other direction is asked
BLURS = (0.45, 0.7, 1.0, 1.4, 2.0, 2.8)  # pixels, standard deviations
TILE, TILES = 48, 12  # side in pixels, and how many of the most structured ones say which is sharper
_AVERAGED = 5  # pixels
_MARGIN = 8  # pixels
_FRAMED = TILE + 2 * _MARGIN
_GAMMA_COST, _BLUR_COST = 0.3, 0.1  # what a stronger correction has to be better by
_LUT = np.arange(256, dtype=np.float64)


@dataclass(frozen=True)
class Lit:
    """Two laid pictures in one light.

    Parameters
    ----------
    a, b
        `Laid.a` and `Laid.b`, one of them brought to the light of the other.
    of_one_tone
        Both have one tone only: what light that is in, nobody can tell, and they are as they were.
    flat
        Both have a few tones only, as what is drawn.
    """

    a: Rgb
    b: Rgb
    of_one_tone: bool = False
    flat: bool = False


def in_one_light(laid: Laid, inside: Mask) -> Lit:
    """Bring one of two laid pictures to the light of the other, if that is another one.

    Parameters
    ----------
    inside
        (h, w) uint8, 1 where both have pixels.
    """
    first, second = _sampled(laid, inside)
    flat = _flat(first) and _flat(second)
    fair = ~(_clipped(first) | _clipped(second))
    if flat or np.count_nonzero(fair) < 50 + 0.02 * len(fair):
        fair = np.ones_like(fair)
    target, source = (gray(colours[fair][None])[0].astype(np.float64) for colours in (first, second))
    thin = max(1, len(source) // SAMPLES)
    source, target = source[::thin], target[::thin]
    if not len(source) or max(float(source.std()), float(target.std())) < ONE_TONE:
        return Lit(laid.a, laid.b, of_one_tone=True)
    if float(np.abs(source - target).mean()) < EXPLAINED:
        return Lit(laid.a, laid.b, flat=flat)
    gammas = (1.0,) if flat else GAMMAS
    curve = light_curve(source, target, gammas)
    if _flattened(curve) > SPREAD:  # what the other one lost by clipping cannot be brought back: lose it here too
        other = light_curve(target, source, gammas)
        if _flattened(other) < _flattened(curve):
            return Lit(_through(laid.a, other), laid.b, flat=flat)
    return Lit(laid.a, _through(laid.b, curve), flat=flat)


def light_curve(
    source: NDArray[np.float64], target: NDArray[np.float64], gammas: Sequence[float]
) -> NDArray[np.float64]:
    """(256,) float64. What grey levels of `source` become in the light of `target`, whatever a part of it does.

    Least squares, reweighted by the square of Cauchy's weight, for each gamma.
    """
    middle = gammas.index(1.0)
    best = _curve(source, target, gammas[middle])
    for step in (-1, 1):  # one way as long as it becomes better, then the other
        for number in range(middle + step, len(gammas) if step > 0 else -1, step):
            if best[0] < EXPLAINED:
                return best[1]
            found = _curve(source, target, gammas[number])
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
        gain = min(max(gain, GAINS[0]), GAINS[1])
        offset = min(max(aim - gain * mean, OFFSETS[0]), OFFSETS[1])
        residual = np.abs(target - np.clip(gain * powered + offset, 0, 255))
        weight = 1 / (1 + (residual / max(2.0, 2.5 * median_of(residual))) ** 2) ** 2
    cost = float(np.minimum(residual, 20).mean()) + _GAMMA_COST * abs(float(np.log(gamma)))
    return cost, gain * 255 * (_LUT / 255) ** gamma + offset


def equally_sharp(a: Gray, b: Gray, inside: Mask) -> tuple[Plane, Plane]:
    """Both as float32, one of them blurred as much as makes them agree best where there is most structure.

    Parameters
    ----------
    a, b
        (h, w) uint8 grey levels.
    """
    planes = [np.asarray(one, np.float32) for one in (a, b)]
    tiles = _Tiles.of(a, b, inside)
    if tiles is None:
        return planes[0], planes[1]
    unchanged = tiles.residual(0, 0.0)
    best = (unchanged, 0, 0.0)
    for side in (0, 1):
        previous = unchanged
        for sigma in BLURS:
            residual = tiles.residual(side, sigma)
            best = min(best, (residual * (1 + _BLUR_COST * sigma), side, sigma))
            if residual > 1.2 * previous:  # it only becomes worse from here
                break
            previous = residual
    _, side, sigma = best
    if sigma:
        planes[side] = np.asarray(cv2.GaussianBlur(planes[side], (0, 0), sigma), np.float32)
    return planes[0], planes[1]


def _sampled(laid: Laid, inside: Mask) -> tuple[Rgb, Rgb]:
    """(n, 3) uint8. Mean colours of places that lie evenly, in `laid.a` and in `laid.b`."""
    step = max(1, round((inside.size / (2 * SAMPLES)) ** 0.5))
    y, x = np.nonzero(inside[::step, ::step])
    back = inverse(laid.transform)
    there = np.rint(step * (np.stack([x, y], 1) @ back[:, :2].T) + back[:, 2]).astype(int)
    across, down = (np.clip(one, 0, side - 1) for one, side in zip(there.T, laid.b.shape[1::-1], strict=True))
    first, second = (np.asarray(cv2.blur(rgb, (_AVERAGED, _AVERAGED)), np.uint8) for rgb in (laid.a, laid.b))
    return first[step * y, step * x], second[down, across]


def _flat(colours: Rgb) -> bool:
    """Whether a picture has next to nothing but a few tones, as what is drawn: light does not bend these."""
    if not len(colours):
        return False
    counts = np.bincount(gray(colours[None])[0], minlength=256)
    share = 0
    for _ in range(FEW_TONES):
        of_tone = np.convolve(counts, np.ones(2 * TONE + 1, int), "same")
        level = int(of_tone.argmax())
        share += int(of_tone[level])
        counts[max(0, level - TONE) : level + TONE + 1] = 0
    return share >= FLAT * len(colours)


def _clipped(colours: Rgb) -> NDArray[np.bool_]:
    return np.asarray(((colours < CLIPPED[0]) | (colours > CLIPPED[1])).any(axis=1), np.bool_)


def _flattened(curve: NDArray[np.float64]) -> float:
    """Grey levels at both ends that nothing is mapped to."""
    return max(0.0, float(curve[0])) + max(0.0, 255 - float(curve[255]))


def _through(rgb: Rgb, curve: NDArray[np.float64]) -> Rgb:
    return np.asarray(cv2.LUT(rgb, np.clip(curve + 0.5, 0, 255).astype(np.uint8)), np.uint8)


@dataclass(frozen=True)
class _Tiles:
    """The tiles with most structure in both of two pictures, one below the other, a margin around each.

    Parameters
    ----------
    planes
        (n * `_FRAMED`, `_FRAMED`) float32 of both, without their slow parts, so that the light has no say.
    inside
        (n, `_FRAMED` * `_FRAMED`) float32, 1 in the tiles where both have pixels.
    counts
        (n,) float32. How many these are.
    """

    planes: tuple[Plane, Plane]
    inside: Plane
    counts: Plane

    @classmethod
    def of(cls, a: Gray, b: Gray, inside: Mask) -> "_Tiles | None":
        """None where no tile has structure in both: what only one shows has no sharpness to compare."""
        height, width = a.shape
        rows, columns = max(1, height // TILE), max(1, width // TILE)
        energies = []
        for plane in (a, b):
            edges = np.asarray(cv2.Laplacian(plane, cv2.CV_8U) * inside, np.float32)[: rows * TILE, : columns * TILE]
            energies.append(cv2.resize(edges, (columns, rows), interpolation=cv2.INTER_AREA).ravel())
        energy = np.minimum(*energies)
        if not energy.any():
            return None
        order = np.argsort(-energy, kind="stable")[:TILES]
        chosen = [divmod(int(number), columns) for number in order if energy[number] >= 0.3 * energy[order[0]]]
        room = max(0, TILE - height), max(0, TILE - width)
        planes = []
        for plane in (a, b):
            wide = cv2.copyMakeBorder(plane, _MARGIN, _MARGIN + room[0], _MARGIN, _MARGIN + room[1], cv2.BORDER_REFLECT)
            parts = [wide[y * TILE :, x * TILE :][:_FRAMED, :_FRAMED] for y, x in chosen]
            stacked = np.concatenate(parts).astype(np.float32)
            planes.append(np.asarray(stacked - cv2.blur(stacked, (9, 9)), np.float32))
        masks = np.zeros((len(chosen), _FRAMED, _FRAMED), np.float32)
        for mask, (y, x) in zip(masks, chosen, strict=True):
            part = inside[y * TILE :, x * TILE :][:TILE, :TILE]
            mask[_MARGIN : _MARGIN + part.shape[0], _MARGIN : _MARGIN + part.shape[1]] = part
        flat = masks.reshape(len(chosen), -1)
        return cls((planes[0], planes[1]), flat, np.maximum(1, flat.sum(axis=1)))

    def residual(self, side: int, sigma: float) -> float:
        """Median of the mean squares by which the tiles differ where those of one side are blurred."""
        sharp, soft = self.planes[side], self.planes[1 - side]
        difference = (cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp) - soft
        squares = difference.reshape(self.inside.shape) * self.inside
        return float(np.median(np.einsum("nk,nk->n", squares, squares) / self.counts))
