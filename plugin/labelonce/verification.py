"""Candidate pairs → true pairs: do two pictures show the same, and why?

An embedding proposes pairs that look alike; here they are laid on each other. The rules and their thresholds were
measured on near-duplicate corpora with truth.
"""

from dataclasses import dataclass

from labelonce.change import Change, changed_area
from labelonce.features import Features
from labelonce.geometry import Alignment, align_corners, align_pixels, fill
from labelonce.levels import Rules

VERIFICATION_VERSION = 3  # of the key of remembered verdicts: raise it when `verify` or what it calls changes

SKETCH = 0.95  # correlation of 32 x 32 pixels from which on two pictures may fill the same frame
IN_PLACE = 0.95  # agreement from which on they do


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures show the same, and why.

    Parameters
    ----------
    accepted
        They do.
    reason
        ``"same frame"``: the pictures agree as they lie; ``"geometry"``: they agree once their corners are laid on
        each other; ``"embedding"``: without corners, but hardly different at all. Where they do not show the same,
        what was missing: ``"few corners"``, ``"inliers"``, ``"scale"``, ``"overlap"``, ``"agreement"``,
        ``"changed"``, or equal ``"pixels"``. Byte copies and equal pixels are known before, and never get here.
    similarity
        100 x cosine similarity of the embeddings, percent.
    inliers
        Corners that agree on the alignment.
    overlap
        Share of each picture, 0 to 1, that lies inside the other.
    change
        What differs after alignment; None where nothing was compared.
    """

    accepted: bool
    reason: str
    similarity: float
    inliers: int = 0
    overlap: tuple[float, float] = (0.0, 0.0)
    change: Change | None = None

    def __str__(self) -> str:
        """The reason with its figures, for a person."""
        figures = []
        if self.inliers:
            figures.append(f"{self.inliers} corners agree")
            figures.append("overlap " + " and ".join(f"{100 * share:.0f} %" for share in self.overlap))
        if self.change is not None:
            figures.append(f"agreement {self.change.agreement:.2f}")
            figures.append(f"{100 * self.change.area:.1f} % changed")
        return f"{self.reason} ({', '.join(figures)})" if figures else self.reason


def verify(a: Features, b: Features, similarity: float, rules: Rules) -> Verdict:
    """Decide whether two pictures show the same.

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
    if (b.size, b.jpeg) < (a.size, a.jpeg):
        a, b = b, a
    percent = 100 * max(-1.0, min(1.0, similarity))
    return _as_they_lie(a, b, percent, rules) or _by_corners(a, b, percent, rules)


def _as_they_lie(a: Features, b: Features, percent: float, rules: Rules) -> Verdict | None:
    """The verdict on pictures that fill the same frame; None where only corners can tell.

    Plain grounds agree with each other, so the embedding has to agree too, and nothing may differ: a picture in which
    much has changed needs corners that prove it to be the same view.
    """
    if percent < 100 * rules.similarity or float(a.sketch @ b.sketch) < SKETCH:
        return None
    alignment = fill(a, b)
    if alignment is None:
        return None
    change = _change(a, b, alignment)
    if change.agreement < max(IN_PLACE, rules.agreement):
        return None
    if change.area <= min(rules.change, rules.plain_change):
        return Verdict(True, "same frame", percent, 0, alignment.overlap, change)
    return Verdict(False, "changed", percent, 0, alignment.overlap, change) if change.area > rules.change else None


def _by_corners(a: Features, b: Features, percent: float, rules: Rules) -> Verdict:
    found = align_corners(a, b, inliers=rules.inliers, share=rules.inlier_share)
    missing = _missing(found, rules)
    if missing:
        plain = _by_pixels(a, b, percent, rules) if percent >= 100 * rules.plain_similarity else None
        return plain or Verdict(False, missing, percent, found.inliers, found.overlap)
    return _compared(a, b, percent, found, "geometry", rules.change, rules.agreement)


def _missing(found: Alignment, rules: Rules) -> str | None:
    """What an alignment lacks to be believed."""
    if found.matches < rules.inliers:
        return "few corners"
    if found.transform is None or found.inliers < rules.inliers or found.share < rules.inlier_share:
        return "inliers"
    if not 1 / rules.scale < found.scale < rules.scale:
        return "scale"
    return "overlap" if min(found.overlap) < rules.overlap else None


def _by_pixels(a: Features, b: Features, percent: float, rules: Rules) -> Verdict | None:
    found = align_pixels(a, b)
    if found.transform is None or min(found.overlap) < rules.overlap:
        return None
    return _compared(a, b, percent, found, "embedding", min(rules.change, rules.plain_change), rules.agreement)


def _compared(
    a: Features, b: Features, percent: float, found: Alignment, reason: str, limit: float, agreement: float
) -> Verdict:
    change = _change(a, b, found)
    accepted = True
    if change.agreement < agreement:
        accepted, reason = False, "agreement"
    elif change.area > limit:
        accepted, reason = False, "changed"
    return Verdict(accepted, reason, percent, found.inliers, found.overlap, change)


def _change(a: Features, b: Features, found: Alignment) -> Change:
    if found.transform is None:
        return Change(area=1.0, agreement=0.0)
    return changed_area(a.small, b.small, found.transform)
