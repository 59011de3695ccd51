"""Whether a small picture is a photograph or a frame of a film, and not drawn, printed, scanned or a radiograph.

Photographs have many tones, several surfaces that are neither plain nor edges, edges in all directions, and more
colours than a tint. Drawings, screens, pages and scans lack one of these, even where a program shaded them and added
grain. Films without colour have hard contrast instead, which radiographs and slices of bodies have not, and more of
the rest is asked of them.

The thresholds are for a long side of 160 pixels. They were chosen on one half of a corpus of photographs and films,
against one half of many families of drawn pictures, and checked on the other halves.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

TINT = 8  # levels of each channel beside what one tint makes of the grey
COLOURED = 0.1  # of a picture that is beside it: less of it is none, as in text on paper of any colour
PLAIN, ROUGH, HARD = 8.0, 100.0, 400.0  # squared grey levels in 3 x 3 pixels: below, between and above
STEEP = 10.0  # grey levels a pixel, of an edge
ALONG = 0.12  # tangent of the angle up to which an edge runs along a side of the picture
TEXTURES = 29  # half octaves of roughness
FEW_EDGES = 50  # pixels, up to which nothing is said of their directions
AROUND = 9  # grey levels that are one tone of a ground


@dataclass(frozen=True)
class _Limits:
    """What a photograph has.

    Parameters
    ----------
    tones
        Least entropy of the grey levels, bits.
    textures
        Least entropy of the roughness of its places, bits: one cloth is the same all over.
    surfaces
        Least share of the picture, 0 to 1, that is neither plain nor rough.
    along
        Largest share of its edges, 0 to 1, that run along its sides.
    hard
        Least share of it, 0 to 1, with hard contrast.
    ground
        Largest share of it, 0 to 1, that has one tone.
    many
        Entropy of the grey levels, bits, that no drawing reaches: surfaces are not asked for, all may be rough.
    """

    tones: float
    textures: float
    surfaces: float
    along: float
    hard: float = 0.0
    ground: float = 1.0
    many: float = 8.0


IN_COLOUR = _Limits(tones=5.9, textures=2.8, surfaces=0.08, along=0.53, many=7.2)
WITHOUT_COLOUR = _Limits(tones=6.3, textures=2.8, surfaces=0.15, along=0.45, hard=0.15, ground=0.3)


def is_photograph(rgb: NDArray[np.uint8]) -> bool:
    """Whether a picture looks like a photograph.

    Parameters
    ----------
    rgb
        (h, w, 3) uint8 RGB, long side 160.
    """
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    limits = IN_COLOUR if _coloured(rgb, gray) > COLOURED else WITHOUT_COLOUR
    tones = _shares(gray, 256, 256)
    entropy = _entropy(tones)
    if entropy < limits.tones or np.convolve(tones, np.ones(AROUND)).max() > limits.ground:
        return False
    plane = gray.astype(np.float32)
    mean = cv2.blur(plane, (3, 3))
    variance = cv2.blur(plane * plane, (3, 3)) - mean * mean
    roughness = cv2.log(np.maximum(variance, 0) + 1)  # to 16,256 squared grey levels
    if _entropy(_shares(roughness, TEXTURES, 10)) < limits.textures:
        return False
    if entropy < limits.many and _share(cv2.inRange(variance, PLAIN, ROUGH)) < limits.surfaces:  # type: ignore[call-overload]
        return False
    if limits.hard and _share(cv2.inRange(variance, HARD, np.inf)) < limits.hard:  # type: ignore[call-overload]
        return False
    return _along(plane) <= limits.along


def _shares(plane: cv2.typing.MatLike, bins: int, top: float) -> NDArray[np.float32]:
    """Share of the pixels in each of equal parts of 0 to `top`."""
    return np.asarray(cv2.calcHist([plane], [0], None, [bins], [0, top]).ravel() / plane.size, np.float32)


def _entropy(shares: NDArray[np.float32]) -> float:
    """Bits."""
    there = shares[shares > 0]
    return -float(there @ np.log2(there))


def _share(mask: cv2.typing.MatLike) -> float:
    return cv2.countNonZero(mask) / mask.size


def _coloured(rgb: NDArray[np.uint8], gray: NDArray[np.uint8]) -> float:
    """Share of a picture that has another colour than the whole."""
    level = float(gray.mean())
    tinted = np.full(gray.shape, 255, np.uint8)
    for channel, mean in zip(cv2.split(rgb), rgb.mean(axis=(0, 1)).tolist(), strict=True):
        beside = cv2.addWeighted(channel, level / max(mean, 1.0), gray, -1, 0, dtype=cv2.CV_16S)
        tinted &= cv2.inRange(beside, -TINT, TINT)  # type: ignore[call-overload]
    return 1 - _share(tinted)


def _along(plane: NDArray[np.float32]) -> float:
    """Share of the edges that run along the sides of the picture; .5 where there are hardly any."""
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    steep = cv2.magnitude(dx, dy) > STEEP
    across, down = np.abs(dx[steep]), np.abs(dy[steep])
    if len(across) <= FEW_EDGES:
        return 0.5
    return float((np.minimum(across, down) < ALONG * np.maximum(across, down)).mean())
