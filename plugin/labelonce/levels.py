"""How alike two pictures have to be: levels, the thresholds behind them, and which one a project asks for."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace

from labelonce.change import NEAR_AREA
from labelonce.images.regions import Region
from labelonce.settings import Settings

# Label Studio's control tags by what they do with an image, in lower case.
PLACING = frozenset(
    f"{shape}{labels}"
    for shape in ("rectangle", "polygon", "ellipse", "brush", "keypoint", "bitmask", "vector", "magicwand", "cuboid")
    for labels in ("", "labels")
)
JUDGING = frozenset({"choices", "rating", "taxonomy", "datetime"})
READING = frozenset({"textarea", "number"})
COMPARING = frozenset({"pairwise", "ranker"})


@dataclass(frozen=True)
class Rules:
    """When two pictures show the same.

    Parameters
    ----------
    inliers
        Least number of corners that agree on one transform. Eight let look-alikes through, fifteen lose true pairs.
    inlier_share
        Least share of them, 0 to 1, among the corners that look alike. Edited copies stay above .5, 99 of 100 next
        frames of a video above .35; repeating patterns, where corners match at random, seldom reach it.
    scale
        Largest ratio of the two pictures' scales.
    overlap
        Least share of each picture, 0 to 1, that lies inside the other: more than half; .65 loses next frames.
    inside
        Share of a picture, 0 to 1, from which on it counts as lying inside the other one; of what lies outside by more,
        something may be labelled.
    change
        Largest connected area that may differ after alignment, as a share of the overlap, 0 to 1.
    proven_change
        `change` where many corners prove the view: nearly all of it, in unsteady light, but never all.
    agreement
        Least agreement of the aligned pictures as a whole.
    similarity
        Least cosine similarity of the embeddings of pictures that are taken for the same without asking their
        corners, because they agree as they lie.
    plain_similarity
        Least cosine similarity of the embeddings of pictures that have too few corners to be aligned by them.
    candidate
        Cosine similarity of the embeddings below which only photographs are looked at, and little of them may differ.
    plain_change
        `change` for pictures whose corners do not speak for them, whatever the level, and for others than photographs
        where only these may differ.
    turn
        Largest angle, degrees, by which one picture may be turned against the other.
    photographs
        Whether photographs may differ in what only a close look shows: then only other pictures are looked at closely.
    equal
        Whether nothing but equal pixels is accepted.
    ignored
        Places of every picture that do not count.
    """

    inliers: int = 12
    inlier_share: float = 0.35
    scale: float = 2.5
    overlap: float = 0.55
    inside: float = 0.98
    change: float = NEAR_AREA
    proven_change: float = NEAR_AREA
    agreement: float = 0.3
    similarity: float = 0.75
    plain_similarity: float = 0.9
    candidate: float = -1.0
    plain_change: float = NEAR_AREA
    turn: float = 15.0
    photographs: bool = False
    equal: bool = False
    ignored: tuple[Region, ...] = ()

    @property
    def moving(self) -> bool:
        """Whether things may have moved in photographs."""
        return self.change > self.plain_change

    def overlapping(self, overlap: tuple[float, float]) -> tuple[float, float]:
        """The least share that has to lie inside the other picture, and the one that does.

        Parameters
        ----------
        overlap
            Share of each picture, 0 to 1, that lies inside the other.
        """
        return self.overlap, min(overlap)


CROP_SCALE = 4.0  # `Rules.scale` where photos within collages are found


@dataclass(frozen=True)
class CropRules(Rules):
    """When two pictures show the same, or one of them shows hardly anything that the other does not show."""

    inside: float = 0.9

    @classmethod
    def of(cls, rules: Rules) -> "CropRules":
        """The same thresholds, for crops as well: these look unlike as wholes, whatever they show."""
        same = {one.name: getattr(rules, one.name) for one in fields(Rules)}
        return cls(**{**same, "scale": max(rules.scale, CROP_SCALE), "inside": cls.inside, "candidate": -1.0})

    def overlapping(self, overlap: tuple[float, float]) -> tuple[float, float]:
        """As for other rules; or the share of the smaller picture, where they do not overlap as much."""
        return super().overlapping(overlap) if min(overlap) >= self.overlap else (self.inside, max(overlap))


COPIES, NEAR, SCENE = "copies", "near", "scene"
LEVELS = {
    COPIES: Rules(inlier_share=0.5, change=0.008, proven_change=0.008, agreement=0.8),
    NEAR: Rules(),
    SCENE: Rules(change=0.6, proven_change=0.95, photographs=True),
}
EQUAL = "equal"  # what projects ask for that compare pictures with each other; nobody chooses it
_ALL = {EQUAL: Rules(equal=True), **LEVELS}


@dataclass(frozen=True)
class Level:
    """What counts as the same, and why.

    Parameters
    ----------
    name
        One of `LEVELS`, or `EQUAL`.
    reason
        For a person.
    moments
        Whether pictures that `SCENE` would join may be joined where they are proven to be of one moment.
    """

    name: str
    reason: str
    moments: bool = False


def level_of(settings: Settings, controls: Sequence[str]) -> Level:
    """The level that the user set, else the one that the labelling configuration asks for.

    Parameters
    ----------
    controls
        Names of the configuration's control tags; none for a folder.
    """
    asked = level_for(controls)
    if settings.level == "auto":
        return asked
    unwise = settings.level == SCENE and _named(controls, READING | COMPARING)
    return Level(settings.level, f"as given, although {asked.reason}" if unwise else "as given")


def level_for(controls: Sequence[str]) -> Level:
    """The level that a labelling configuration asks for.

    Whether pictures of one scene are one to label depends on what is labelled: a box lies elsewhere when something
    moved, a meter shows another figure, and which of two pictures is better is another question for each pair.

    Parameters
    ----------
    controls
        Names of the configuration's control tags; none for a folder.
    """
    if comparing := _named(controls, COMPARING):
        return Level(EQUAL, f"the labelling configuration compares pictures with each other ({comparing})")
    if placing := _named(controls, PLACING):
        return Level(NEAR, f"the labelling configuration outlines or places things ({placing})")
    if other := _named(controls, {name.lower() for name in controls} - JUDGING - READING):
        return Level(NEAR, f"the labelling configuration has tags that may place things ({other})")
    if reading := _named(controls, READING):
        return Level(NEAR, f"the labelling configuration asks what can be read off a picture ({reading})")
    if judging := _named(controls, JUDGING):
        return Level(NEAR, f"the labelling configuration judges whole images ({judging})", moments=True)
    return Level(NEAR, "no labelling configuration says what matters")


def _named(controls: Sequence[str], kinds: AbstractSet[str]) -> str:
    """Those of the controls that are of some kinds, for a person."""
    return ", ".join(sorted({name for name in controls if name.lower() in kinds}))


def may_be_scene(level: Level, controls: Sequence[str]) -> bool:
    """Whether a person could choose `SCENE` instead: not where the configuration asks what only a close look shows."""
    return level.name == NEAR and not _named(controls, READING | COMPARING)


def rules_from(settings: Settings, level: str, *, similarity: float, strict: float, candidate: float = -1.0) -> Rules:
    """The thresholds of a level, with those that the user set in their place.

    Parameters
    ----------
    similarity, strict, candidate
        Of the embedder: `Rules.similarity`, `Rules.plain_similarity` and, for `SCENE`, `Rules.candidate`.
    """
    rules = replace(_ALL[level], similarity=similarity, plain_similarity=strict)
    if level == SCENE:
        rules = replace(rules, candidate=candidate)

    def share(percent: float | None, otherwise: float) -> float:
        return otherwise if percent is None else percent / 100

    return replace(
        rules,
        inliers=rules.inliers if settings.min_inliers is None else settings.min_inliers,
        inlier_share=share(settings.min_inlier_share, rules.inlier_share),
        scale=rules.scale if settings.max_scale is None else settings.max_scale,
        overlap=share(settings.min_overlap, rules.overlap),
        change=share(settings.max_change, rules.change),
        proven_change=share(settings.max_change, rules.proven_change),
        agreement=rules.agreement if settings.min_agreement is None else settings.min_agreement,
        plain_similarity=share(settings.strict, rules.plain_similarity),
        photographs=rules.photographs or settings.overlays == "ignore",
        ignored=settings.ignored,
        turn=180.0 if "rotate" in (settings.invariant or "") else rules.turn,
    )
