"""Candidate pairs → true pairs: do two pictures show the same, and why?

An embedding proposes pairs that look alike; here they are laid on each other. The rules and their thresholds were
measured on near-duplicate corpora with truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from labelonce.change import Change, changed_area
from labelonce.containing import Stands, finer, stands_of
from labelonce.features import Features
from labelonce.fine import Difference, differ_clearly, look, rescaled
from labelonce.geometry import Alignment, Transform, align_corners, align_more_corners, align_pixels, fill, inverse
from labelonce.levels import CropRules, Rules
from labelonce.wording import words_of

VERIFICATION_VERSION = 9  # of the key of remembered verdicts: raise it when `verify` or what it calls changes

SKETCH = 0.95  # correlation of 32 x 32 pixels from which on two pictures may fill the same frame
IN_PLACE = 0.95  # agreement from which on they do
UNLIKE = 0.95  # agreement below which thumbnails may tell pictures apart: a third of such pairs, and few others
LARGE = 500  # pixels, long side of pictures for which that is always tried first: a fine look costs ten times as much
MANY_INLIERS, MOST = 40, 0.7  # inliers and their share that prove one view, whatever moved in it


NO_PICTURES = "no pictures"
BESIDE = "beside"
UNPROVEN = "few corners", "inliers", "changed", "agreement"  # what more corners may make up for
SAME_CHANGE, SAME_AGREEMENT = 0.15, 0.6  # of photographs there: more corners also prove one table under other things

Rgb = NDArray[np.uint8]
Pictures = Callable[[], tuple[Rgb, Rgb] | None]


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures show the same, and why.

    Parameters
    ----------
    accepted
        They do.
    reason
        ``"same frame"``: the pictures agree as they lie; ``"geometry"``: they agree once their corners are laid on
        each other; ``"part"``: so, but one shows more around the other; ``"embedding"``: without corners, but hardly
        different at all. Where they do not show the same, what was missing: ``"unlike"``, ``"few corners"``,
        ``"inliers"``, ``"scale"``, ``"turned"``, ``"overlap"``, `BESIDE`, ``"agreement"``, ``"changed"``, equal
        ``"pixels"``, and after the fine look ``"different"``, ``"colour"`` or `NO_PICTURES`. Byte copies and equal
        pixels are known before, and never get here.
    similarity
        100 x cosine similarity of the embeddings, percent.
    inliers
        Corners that agree on the alignment.
    overlap
        Share of each picture, 0 to 1, that lies inside the other.
    change
        What differs after alignment; None where nothing was compared.
    transform
        (2, 3) float64. How the second picture lies on the first one, as in `Alignment`; None where that is not known.
    doubt
        Distance of an accepted pair to the threshold that decided: 0 is far from it, 1 at it.
    difference
        What the fine look found; None where it was not asked.
    stands
        Of an accepted pair, which picture shows all that the other one does, as finely.
    """

    accepted: bool
    reason: str
    similarity: float
    inliers: int = 0
    overlap: tuple[float, float] = (0.0, 0.0)
    change: Change | None = None
    transform: Transform | None = field(default=None, compare=False, repr=False)
    doubt: float = 0.0
    difference: Difference | None = None
    stands: Stands = Stands.EITHER

    def __str__(self) -> str:
        """What a person sees."""
        return words_of(self.accepted, self.reason, self.overlap, self.transform, self.difference, self.change)

    @property
    def figures(self) -> str:
        """What was measured, for those who want to know."""
        found = [self.reason]
        if self.inliers:
            found.append(f"{self.inliers} corners agree")
            found.append("overlap " + " and ".join(f"{100 * share:.0f} %" for share in self.overlap))
        if self.change is not None:
            found.append(f"agreement {self.change.agreement:.2f}")
            found.append(f"{100 * self.change.area:.1f} % changed")
        if self.difference is not None:
            found.append(
                f"structure {self.difference.structure:.2f} and colour {self.difference.colour:.2f} of the limits"
            )
        return ", ".join(found)


def verify(a: Features, b: Features, similarity: float, rules: Rules, pictures: Pictures) -> Verdict:
    """Decide whether two pictures show the same: by their thumbnails, and then by a fine look.

    Nothing is taken for the same on the evidence of thumbnails, but for photographs where the rules say so. In other
    pictures nothing may have moved then either.

    Parameters
    ----------
    a, b, similarity, rules
        As in `propose`.
    pictures
        Loads both pictures for `fine.look`, (h, w, 3) uint8 RGB each; None where one cannot be had: in doubt, they
        are two.
    """
    if _swapped(a, b):
        return _mirrored(verify(b, a, similarity, rules, lambda: _reversed(pictures())), a, b)
    found = propose(a, b, similarity, rules)
    transform = found.transform
    if not found.accepted or transform is None:
        return found
    photographs = rules.photographs and a.photographic and b.photographic
    stands = stands_of(a.small, b.small, transform, found.overlap, rules.inside)
    if photographs and rules.moving and not (isinstance(rules, CropRules) and stands):  # the camera may move, too
        stands = Stands.EITHER
    if not stands:
        return replace(found, accepted=False, reason=BESIDE)
    found = replace(found, stands=stands)
    if photographs:
        return found
    if rules.photographs and found.change is not None and found.change.area > rules.plain_change:
        return replace(found, accepted=False, reason="changed")
    return _looked_at(a, b, found, transform, rules, pictures)


def _looked_at(
    a: Features, b: Features, found: Verdict, transform: Transform, rules: Rules, pictures: Pictures
) -> Verdict:
    """The verdict after the fine look.

    Thumbnails are asked first where that costs less than it saves: of an unlike pair before the pictures are loaded, of
    large ones before they are looked at closely.
    """
    unlike = found.change is not None and found.change.agreement < UNLIKE
    if unlike and not rules.ignored and (clear := differ_clearly(a.small, b.small, transform)):
        return _different(found, clear)
    shown = pictures()
    if shown is None:  # in doubt, they are two
        return replace(found, accepted=False, reason=NO_PICTURES)
    large = min(max(rgb.shape) for rgb in shown) > LARGE
    if large and not unlike and not rules.ignored and (clear := differ_clearly(a.small, b.small, transform)):
        return _different(found, clear)
    ratios = [
        (rgb.shape[1] / one.small.shape[1], rgb.shape[0] / one.small.shape[0])
        for rgb, one in zip(shown, (a, b), strict=True)
    ]
    transform = rescaled(transform, *ratios)
    stands = found.stands
    if not (a.photographic and b.photographic):  # a line of text is lost in thumbnails
        stands &= stands_of(*shown, transform, found.overlap, rules.inside)
    by_size = Stands.EITHER if isinstance(rules, CropRules) else finer(*shown, transform)
    if stands == Stands.EITHER:
        stands = by_size
    elif not by_size & Stands.ENLARGED:
        stands &= by_size
    if not stands:
        return replace(found, accepted=False, reason=BESIDE)
    difference = look(*shown, transform, _counted(a, b, shown, rules))
    if not difference.same:
        return _different(found, difference)
    doubt = max(difference.structure, difference.colour)
    return replace(found, doubt=doubt, difference=difference, stands=stands)


def _different(found: Verdict, difference: Difference) -> Verdict:
    reason = "different" if difference.structure > 1 else "colour"
    return replace(found, accepted=False, reason=reason, difference=difference)


def propose(a: Features, b: Features, similarity: float, rules: Rules) -> Verdict:
    """Decide, by their thumbnails, whether two pictures may show the same, and how they lie on each other.

    The verdict depends on the two pictures and the rules alone: not on the order of the pictures, on earlier calls, or
    on the thread.

    Parameters
    ----------
    a, b
        Features of the pictures.
    similarity
        Cosine similarity of their embeddings, -1 to 1.
    rules
        The thresholds.
    """
    if rules.equal:
        return Verdict(False, "pixels", 100 * similarity)
    percent = 100 * max(-1.0, min(1.0, similarity))
    if _swapped(a, b):
        return _mirrored(propose(b, a, similarity, rules), a, b)
    if similarity < rules.candidate:
        return _by_more_corners(a, b, percent, rules) or Verdict(False, "unlike", percent)
    return _as_they_lie(a, b, percent, rules) or _by_corners(a, b, percent, rules)


def _swapped(a: Features, b: Features) -> bool:
    """Whether the second picture is looked at as the first, so that the order in which they come has no say."""
    return (b.size, b.jpeg) < (a.size, a.jpeg)


def _reversed(pictures: tuple[Rgb, Rgb] | None) -> tuple[Rgb, Rgb] | None:
    return None if pictures is None else (pictures[1], pictures[0])


def _mirrored(found: Verdict, a: Features, b: Features) -> Verdict:
    """The verdict on `a` and `b`, where it was found for `b` and `a`."""
    if found.transform is None:
        return found
    transform, difference = inverse(found.transform), found.difference
    if difference is not None and difference.boxes:
        sizes = [np.array(one.small.shape[1::-1]) / 100 for one in (b, a)]
        boxes = np.array(difference.boxes).reshape(-1, 2, 2)
        corners = np.stack([boxes[:, 0], boxes.sum(axis=1)], axis=1) * sizes[0]
        corners = np.clip((corners @ transform[:, :2].T + transform[:, 2]) / sizes[1], 0, 100)
        low, high = corners.min(axis=1), corners.max(axis=1)
        moved = (tuple(map(float, box)) for box in np.concatenate([low, high - low], axis=1))
        difference = replace(difference, boxes=tuple((x, y, width, height) for x, y, width, height in moved))
    overlap, stands = found.overlap[::-1], found.stands.swapped
    return replace(found, transform=transform, overlap=overlap, difference=difference, stands=stands)


def _counted(a: Features, b: Features, shown: tuple[Rgb, Rgb], rules: Rules) -> tuple[Rgb, Rgb] | None:
    """Where pictures of both count, as `look` takes it."""
    if not rules.ignored:
        return None
    return a.counted(rules.ignored, shown[0].shape), b.counted(rules.ignored, shown[1].shape)


def _as_they_lie(a: Features, b: Features, percent: float, rules: Rules) -> Verdict | None:
    """The verdict on pictures that fill the same frame; None where only corners can tell.

    Plain grounds agree with each other, so the embedding has to agree too, and nothing may differ: a picture in which
    much has changed needs corners that prove it to be the same view.
    """
    plain = a.plain and b.plain  # of one tone each: colours are for the fine look
    if not plain and (percent < 100 * rules.similarity or float(a.sketch @ b.sketch) < SKETCH):
        return None
    alignment = fill(a, b)
    if alignment is None:
        return None
    change = _change(a, b, alignment, rules)
    if change.agreement < max(IN_PLACE, rules.agreement):
        return None
    if change.area <= min(rules.change, rules.plain_change):
        doubt = max(_share(change.area, min(rules.change, rules.plain_change)), (1 - change.agreement) / (1 - IN_PLACE))
        return Verdict(True, "same frame", percent, 0, alignment.overlap, change, alignment.transform, doubt)
    if change.area > rules.change:
        return Verdict(False, "changed", percent, 0, alignment.overlap, change, alignment.transform)
    return None


def _by_corners(a: Features, b: Features, percent: float, rules: Rules) -> Verdict:
    found = align_corners(a, b, inliers=rules.inliers, share=rules.inlier_share)
    verdict = _by_alignment(a, b, percent, found, rules)
    return (_by_more_corners(a, b, percent, rules) if verdict.reason in UNPROVEN else None) or verdict


def _by_more_corners(a: Features, b: Features, percent: float, rules: Rules) -> Verdict | None:
    """The verdict on photographs that weak corners lay on each other, in which little may differ; None elsewhere."""
    if not rules.photographs or not (a.photographic or b.photographic):
        return None
    found = align_more_corners(a, b)
    if found.transform is None:
        return None
    change, agreement = min(rules.change, SAME_CHANGE), max(rules.agreement, SAME_AGREEMENT)
    return _by_alignment(a, b, percent, found, replace(rules, change=change, proven_change=change, agreement=agreement))


def _by_alignment(a: Features, b: Features, percent: float, found: Alignment, rules: Rules) -> Verdict:
    missing = _missing(found, rules)
    if missing:
        plain = _by_pixels(a, b, percent, rules) if percent >= 100 * rules.plain_similarity else None
        return plain or Verdict(False, missing, percent, found.inliers, found.overlap, None, found.transform)
    certain = found.inliers >= MANY_INLIERS and found.share >= MOST
    reason = "geometry" if min(found.overlap) >= rules.overlap else "part"
    verdict = _compared(a, b, percent, found, reason, rules.proven_change if certain else rules.change, rules)
    overlap = rules.overlapping(found.overlap)
    least = ((rules.inliers, found.inliers), (rules.inlier_share, found.share), overlap)
    return replace(verdict, doubt=max(verdict.doubt, *(_share(*pair) for pair in least)))


def _missing(found: Alignment, rules: Rules) -> str | None:
    """What an alignment lacks to be believed."""
    if found.matches < rules.inliers:
        return "few corners"
    if found.transform is None or found.inliers < rules.inliers or found.share < rules.inlier_share:
        return "inliers"
    if not 1 / rules.scale < found.scale < rules.scale:
        return "scale"
    if found.turn > rules.turn:
        return "turned"
    least, share = rules.overlapping(found.overlap)
    return "overlap" if share < least else None


def _by_pixels(a: Features, b: Features, percent: float, rules: Rules) -> Verdict | None:
    found = align_pixels(a, b)
    if found.transform is None or min(found.overlap) < rules.overlap or found.turn > rules.turn:
        return None
    return _compared(a, b, percent, found, "embedding", min(rules.change, rules.plain_change), rules)


def _compared(
    a: Features, b: Features, percent: float, found: Alignment, reason: str, limit: float, rules: Rules
) -> Verdict:
    change = _change(a, b, found, rules)
    accepted = True
    if change.agreement < rules.agreement:
        accepted, reason = False, "agreement"
    elif change.area > limit:
        accepted, reason = False, "changed"
    doubt = max(_share(change.area, limit), _share(1 - change.agreement, 1 - rules.agreement))
    return Verdict(accepted, reason, percent, found.inliers, found.overlap, change, found.transform, doubt)


def _change(a: Features, b: Features, found: Alignment, rules: Rules) -> Change:
    if found.transform is None:
        return Change(area=1.0, agreement=0.0)
    return changed_area(a.small, b.small, found.transform, _counted(a, b, (a.small, b.small), rules))


def _share(value: float, limit: float) -> float:
    """How far a value is on its way to a limit, 0 to 1."""
    return min(1.0, max(0.0, value / limit)) if limit > 0 else 1.0
