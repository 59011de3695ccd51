"""Where two aligned pictures in one light differ in colour or shade: a shirt in red and the same shirt in blue.

Structure says nothing of it: the folds are the same. A tint of the whole picture, within bounds, is the light's.
"""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Laid, Mask, Rgb, median_of
from labelonce.fine.light import Lit

LONG_SIDE = 256  # pixels up to which colours are compared; JPEG keeps them at half the resolution anyway
SOFT = 1.2  # pixels, standard deviation
GAINS = (0.85, 1.18)  # of each channel: white balance
OFFSETS = (-10.0, 10.0)  # grey levels of each channel
HUE = 14.0  # levels of a or b of Lab that are another colour
SHADE = 26.0  # levels of L of Lab that are another shade
FLAT_SHADE = 13.0  # the same of drawings of a few tones, which no lens and no shadow made darker in places
OWN_SHADE = 12.0  # the same of a greyscale copy, whose light is not corrected
TONE = 4.0  # levels of L, a or b of Lab that are another tone, of pictures of one: no light explains it
ALIKE = 7.0  # levels of every channel up to which neither can be: 8 make 15 levels of a or b, of any colour
FAINT = 10.0  # levels of a or b that small things of another colour leave here
STRONG = 10.0  # levels of chroma of Lab from which on a colour counts
DARK = 20.0  # levels of L of Lab below which saturation is noise
FEW = 0.02  # share of such pixels up to which a picture has next to no colours to lose
LOST = 0.3  # mean levels of a or b that a grey copy of it lost beside them; JPEG leaves 0.06, no photograph has below 1
MOSTLY = 0.2  # share of the picture that a colour has to have, for a thing on plain ground has it alone
UNEVEN = 0.3  # deviation of the saturation over its mean: one thing in one colour has less
SAME_LUMA = 4.0  # levels by which the luma of a grey copy differs at most; JPEG leaves 2
MONOCHROME = 4.0  # levels of a or b up to which a picture is without colour
THIN = 3  # pixels: what is thinner is an edge that lies beside its counterpart
_SAMPLES, _ROUNDS = 2000, 3


@dataclass(frozen=True)
class Recoloured:
    """Where two pictures differ in colour.

    Parameters
    ----------
    share
        Of the largest region of another colour or shade, of the overlap, 0 to 1.
    regions
        (h, w) uint8 on the reduced grid, 1 where the colour or shade is another; None where nothing is.
    faint
        Whether something smaller may be of another colour.
    """

    share: float = 0.0
    regions: NDArray[np.uint8] | None = None
    faint: bool = False


def recoloured(laid: Laid, lit: Lit, inside: Mask) -> Recoloured:
    """Find the regions of another colour of two pictures.

    A greyscale copy has the shades of the coloured picture, in its own light: nothing else is asked of its colours,
    unless the coloured picture has one colour only, which may be what tells it from the grey one. It is not where that
    colour is here strong and there faint, as in a sunset, and the luma is the very same.

    Parameters
    ----------
    laid
        Both, in their own light.
    lit
        Both in one light.
    inside
        (h, w) uint8, 1 where both have pixels.
    """
    factor = max(1, ceil(max(inside.shape) / LONG_SIDE))
    one, other = laid.reduced(lit.a, lit.b, factor)
    mask = np.asarray(cv2.resize(inside, one.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.asarray(cv2.erode(255 * mask, np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
    seen = mask > 0
    if not seen.any():
        return Recoloured()
    one, other = soft(one), soft(other)
    if not lit.of_one_tone and cv2.norm(one, other, cv2.NORM_INF, cv2.merge([mask] * 3)) < ALIKE:
        return Recoloured()
    lab_a, lab_b = _lab(one), _lab(other)
    shade, hue = _apart(lab_a, lab_b)
    gray_a, gray_b = _monochrome(lab_a, mask), _monochrome(lab_b, mask)
    most, other_hue = (TONE, TONE) if lit.of_one_tone else (FLAT_SHADE if lit.flat else SHADE, HUE)
    if gray_a == gray_b and not (((hue > min(FAINT, other_hue)) | (shade > most)) & seen).any():
        return Recoloured()
    if not lit.of_one_tone:
        balanced, hue = _apart(lab_a, _lab(tinted(other, one, seen)))
        shade = shade if lit.flat else balanced
    if gray_a != gray_b and not lit.of_one_tone:
        first, second = (soft(rgb) for rgb in laid.reduced(laid.a, laid.b, factor))
        shade, most = _apart(*(_lab(_without_colour(rgb)) for rgb in (first, second)))[0], OWN_SHADE
        coloured, lost = _lab(second if gray_a else first), _apart(_lab(first), _lab(second))[1]
        if _colourful(coloured, lost, seen) or (_of_one_luma(first, second, seen) and _uneven(coloured, seen)):
            hue = np.zeros_like(hue)
    faint = bool((hue[seen] > FAINT).any())
    differs = np.asarray(((hue > other_hue) | (shade > most)) & seen, np.uint8)
    differs = np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((THIN, THIN), np.uint8)), np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(differs)
    if count < 2:
        return Recoloured(faint=faint)
    return Recoloured(int(stats[1:, cv2.CC_STAT_AREA].max()) / int(seen.sum()), differs, faint)


def soft(rgb: Rgb) -> Rgb:
    """Without its noise."""
    return np.asarray(cv2.GaussianBlur(rgb, (5, 5), SOFT), np.uint8)


def _lab(rgb: Rgb) -> Rgb:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.uint8)


def _apart(a: Rgb, b: Rgb) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """By how many levels of Lab the pixels differ in shade and in hue."""
    shade, green, blue = cv2.split(cv2.absdiff(a, b))
    return np.asarray(shade, np.uint8), np.asarray(cv2.max(green, blue), np.uint8)


def _without_colour(rgb: Rgb) -> Rgb:
    """The greyscale copy, as programs make it: by luma, not by lightness."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _monochrome(lab: Rgb, mask: Mask) -> bool:
    low, high = np.array([0, 128 - MONOCHROME, 128 - MONOCHROME]), np.array([255, 128 + MONOCHROME, 128 + MONOCHROME])
    plain = cv2.bitwise_and(cv2.inRange(lab, low, high), mask)
    return cv2.countNonZero(plain) >= 0.998 * cv2.countNonZero(mask)


def _colourful(lab: Rgb, lost: NDArray[np.uint8], seen: NDArray[np.bool_]) -> bool:
    """Whether there are colours on both sides of grey, or several: then a grey copy has lost them all.

    Where there are next to none, it lost what is faint, which is everywhere; what has the only colour of the picture is
    a thing that the other one lacks.
    """
    chroma = lab[..., 1:][seen].astype(np.float32) - 128
    counts = np.hypot(*chroma.T) > STRONG
    strong = chroma[counts]
    if len(strong) < FEW * len(chroma):
        return float(lost[seen][~counts].mean()) > LOST
    sector = np.bincount((np.degrees(np.arctan2(*strong.T)) // 30).astype(int) % 12, minlength=12) / len(strong)
    main = int(sector.argmax())
    return float(sector[[(main + step) % 12 for step in range(2, 11)]].sum()) > 0.1


def _of_one_luma(a: Rgb, b: Rgb, seen: NDArray[np.bool_]) -> bool:
    luma = cv2.absdiff(*(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (a, b)))
    return float(luma[seen].max()) <= SAME_LUMA


def _uneven(lab: Rgb, seen: NDArray[np.bool_]) -> bool:
    """Whether the colours are of several saturations, as no single thing is in any shade: a grey copy lost them."""
    pixels = lab[seen].astype(np.float32)
    chroma = np.hypot(*(pixels[:, 1:] - 128).T)
    strong = chroma > STRONG
    saturation = chroma[strong] / np.maximum(pixels[strong, 0], DARK)
    enough = len(saturation) >= MOSTLY * len(chroma)
    return enough and float(saturation.std()) > UNEVEN * float(saturation.mean())


def tinted(source: Rgb, target: Rgb, seen: NDArray[np.bool_]) -> Rgb:
    """`source` with the white balance of `target`, as far as that is one of the whole picture and within bounds.

    What brings them no closer is none: of a drawing on white paper, the colours of its lines.
    """
    step = max(1, round((seen.size / _SAMPLES) ** 0.5))
    some = seen[::step, ::step]
    sources, targets = (one[::step, ::step][some].astype(np.float32) for one in (source, target))
    tables = np.empty((1, 256, 3), np.uint8)
    for x, y, channel in zip(sources.T, targets.T, range(3), strict=True):
        fair = (x > 8) & (x < 247) & (y > 8) & (y < 247)
        x, y = (x[fair], y[fair]) if fair.sum() > 50 else (x, y)
        weight, gain, offset = np.ones_like(x), 1.0, 0.0
        for _ in range(_ROUNDS):
            total = float(weight.sum())
            mean, aim = float(weight @ x) / total, float(weight @ y) / total
            ridge = 20.0 * total
            spread = weight * (x - mean)
            gain = (float(spread @ (y - aim)) + ridge) / (float(spread @ (x - mean)) + ridge)
            gain = min(max(gain, GAINS[0]), GAINS[1])
            offset = min(max(aim - gain * mean, OFFSETS[0]), OFFSETS[1])
            residual = np.abs(y - gain * x - offset)
            weight = 1 / (1 + (residual / max(2.0, 2.5 * median_of(residual))) ** 2) ** 2
        tables[0, :, channel] = np.clip(np.rint(gain * np.arange(256) + offset), 0, 255)
    balanced = cv2.LUT(source[::step, ::step], tables)[some]
    if np.abs(balanced - targets).mean() >= np.abs(sources - targets).mean():
        return source
    return np.asarray(cv2.LUT(source, tables), np.uint8)
