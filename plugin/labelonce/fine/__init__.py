"""The fine look: is there anything in two aligned pictures that somebody may label in one and not in the other?

Pictures are compared at a resolution at which small things are seen, where the verification before it sees thumbnails.
One changed word, digit, scratch or colour tells them apart; what copying does to a picture (compression, scaling,
noise, blur, sharpening, light) does not.

    laying       both on one grid, aligned to a fraction of a pixel
    rim          what an editor filled up along the rim has no say
    light        in one light, and equally sharp
    structure    where structure differs by more than copying explains
    odd          where it differs in one place of many alike
    colour       where the colour is another
    spots        where that of small things is
    shade        where a soft area has another shade
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from labelonce.fine.colour import recoloured
from labelonce.fine.laying import Box, Mask, Plane, Rgb, gray, lay, reduced, rescaled
from labelonce.fine.light import equally_sharp, in_one_light
from labelonce.fine.rim import filled, without_rim
from labelonce.fine.shade import shaded
from labelonce.fine.spots import LEAST, spotted
from labelonce.fine.structure import VISIBLE, Differing, differing
from labelonce.geometry import Transform

EVIDENCE = 80.0  # of one region, above which it differs; see `structure`
COLOUR = 0.002  # share of the overlap, above which another colour tells pictures apart
COARSE = 4  # times smaller: soft things of little contrast are seen there
COARSE_EVIDENCE = 40.0  # there: a pixel is sixteen of the others
LEAST_COARSE = 48  # pixels of the shorter side
LEAST_OVERLAP = 100  # pixels
MOST_BOXES = 50
FIRST_SIDE = 640  # pixels, long side at which much larger pictures are looked at first
IN_THUMBNAILS = 1000.0  # evidence in thumbnails: copies that were turned or cropped reach some hundreds
CLEARLY = 4.0  # times the limit, from which on that is enough to tell them apart
UNMOVED = 1e-3  # pixels

__all__ = ["COLOUR", "EVIDENCE", "Box", "Difference", "differ_clearly", "look", "rescaled"]


@dataclass(frozen=True)
class Difference:
    """What two pictures differ in.

    Parameters
    ----------
    structure
        Evidence of the region that tells most, as a multiple of the limit: above 1 the pictures differ.
    colour
        Share of the overlap that has another colour, pixels of small things that have, or grey levels by which a soft
        area has another shade, as a multiple of the limit.
    boxes
        Left, top, width and height of the places that differ, in percent of the first picture; the largest first.
    """

    structure: float
    colour: float
    boxes: tuple[Box, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return max(self.structure, self.colour) <= 1


def look(a: Rgb, b: Rgb, transform: Transform, counted: tuple[Mask, Mask] | None = None) -> Difference:
    """Compare two pictures closely.

    Pure and deterministic.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, of any sizes.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`, to within a few pixels.
    counted
        (h, w) uint8 of each picture, 1 where it counts; None where all of both does.
    """
    if _plain_copy(a, b, transform):
        return Difference(0.0, 0.0)
    if counted is None and min(max(a.shape), max(b.shape)) > 1.5 * FIRST_SIDE:
        first = _looked(*_smaller(a, b, transform), None)
        if first.structure > CLEARLY:
            return first
    return _looked(a, b, transform, counted)


def _smaller(a: Rgb, b: Rgb, transform: Transform) -> tuple[Rgb, Rgb, Transform]:
    """The pictures, and how they lie on each other, at which a first look is taken: lines may look uneven there."""
    made, ratios = [], []
    for one in (a, b):
        scale = FIRST_SIDE / max(one.shape)
        size = max(1, round(one.shape[1] * scale)), max(1, round(one.shape[0] * scale))
        made.append(np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.uint8))
        ratios.append((size[0] / one.shape[1], size[1] / one.shape[0]))
    return made[0], made[1], rescaled(transform, *ratios)


def _looked(a: Rgb, b: Rgb, transform: Transform, counted: tuple[Mask, Mask] | None) -> Difference:
    laid = lay(a, b, transform)
    inside = without_rim(laid.inside if counted is None else laid.counting(*counted))
    empty = filled(laid.a), filled(laid.b)
    if empty[0].any() or empty[1].any():
        inside = inside & laid.both(1 - empty[0], 1 - empty[1])
    if cv2.countNonZero(inside) < LEAST_OVERLAP:
        return Difference(np.inf, 0.0)
    lit = in_one_light(laid, inside)
    planes = gray(lit.a), laid.moved(gray(lit.b))
    structure = _structure(*equally_sharp(*planes, inside), inside, laid.scale)
    if structure.regions is not None:
        boxes = laid.boxes(np.asarray(structure.regions > 0, np.uint8))
        return Difference(structure.evidence / (EVIDENCE * laid.scale), 0.0, tuple(boxes[:MOST_BOXES]))
    colour = recoloured(laid, lit, inside)
    share, regions = colour.share / (COLOUR * laid.scale), colour.regions
    if share <= 1 and colour.faint:
        spots = spotted(laid, lit, inside)
        share, regions = max(share, spots.pixels / (LEAST * laid.scale**2)), spots.regions
    if share <= 1:
        shade = shaded(*planes, inside)
        share, regions = max(share, shade.levels), shade.regions
    boxes = laid.boxes(regions) if share > 1 and regions is not None else []
    return Difference(structure.evidence / (EVIDENCE * laid.scale), share, tuple(boxes[:MOST_BOXES]))


def differ_clearly(a: Rgb, b: Rgb, transform: Transform) -> Difference | None:
    """What thumbnails differ in, where that is so much that no fine look is needed to say so; else None.

    Parameters
    ----------
    a, b, transform
        As in `look`; long sides 160.
    """
    laid = lay(a, b, transform)
    inside = without_rim(without_rim(laid.inside))
    if cv2.countNonZero(inside) < LEAST_OVERLAP:
        return None
    lit = in_one_light(laid, inside)
    planes = np.asarray(gray(lit.a), np.float32), np.asarray(laid.moved(gray(lit.b)), np.float32)
    structure = differing(*planes, inside, IN_THUMBNAILS)
    if structure.regions is None:
        return None
    boxes = laid.boxes(np.asarray(structure.regions > 0, np.uint8))
    return Difference(structure.evidence / EVIDENCE, 0.0, tuple(boxes[:MOST_BOXES]))


def _plain_copy(a: Rgb, b: Rgb, transform: Transform) -> bool:
    """Whether pictures of one size agree as they lie, so closely that nothing of them can differ."""
    if a.shape != b.shape or np.abs(transform - np.eye(2, 3)).max() > UNMOVED:
        return False
    difference = cv2.absdiff(a, b)
    red, green, blue = cv2.split(difference)
    strongest = cv2.max(cv2.max(red, green), blue)
    if float(cv2.blur(strongest, (3, 3)).max()) > 3 * VISIBLE:
        return False
    squared = cv2.multiply(strongest, strongest, dtype=cv2.CV_32F)
    return float(cv2.blur(squared, (5, 5)).max()) < VISIBLE**2


def _structure(a: Plane, b: Plane, inside: Mask, scale: float) -> Differing:
    """Where structure differs: first what is too soft for small windows, in pictures that are smaller."""
    coarse = Differing()
    if min(inside.shape) >= COARSE * LEAST_COARSE:
        small_a, small_b, seen = (reduced(one, COARSE) for one in (a, b, inside))
        coarse = differing(small_a, small_b, np.asarray(seen, np.uint8), COARSE_EVIDENCE, still=True)
        coarse = replace(coarse, evidence=coarse.evidence * EVIDENCE * scale / COARSE_EVIDENCE)
    fine = differing(a, b, inside, EVIDENCE * scale, scale=scale)
    if coarse.regions is None:
        return max(coarse, fine, key=lambda found: found.evidence)
    return coarse if fine.regions is None else replace(coarse, regions=fine.regions)  # places are told better there
