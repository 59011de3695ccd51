"""A drawing of two images that were compared: how one lies on the other, and where they differ."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from labelonce.comparing.drawing import draw
from labelonce.comparing.likeness import QUIET, Likeness, Look, opened
from labelonce.errors import ConfigurationError
from labelonce.fine import Box, look, rescaled
from labelonce.geometry import Transform
from labelonce.images.views import VIEWS
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.named import Named
from labelonce.verification import Rgb


def show(
    a: str | Path | Named,
    b: str | Path | Named,
    settings: Settings | None = None,
    progress: Progress = QUIET,
    *,
    controls: Sequence[str] = (),
) -> tuple[Likeness, Image.Image]:
    """Say how alike two images are, as `similarity` does, and draw them.

    Of tasks with several images those are drawn that decided. What is below the similarity from which on pairs are
    looked at, and what cannot be laid on each other, is drawn side by side only.

    Raises
    ------
    ConfigurationError
        As in `similarity`; or a picture could not be read again.
    """
    with opened(a, b, settings or Settings(), progress, controls=controls) as (measure, known, image):
        one, other = known.held(), image.held()
        found = measure.compare(one, other)
        looks = one.looks[found.image], other.looks[found.image]
        first, second = (each.picture() for each in looks)
        if first is None or second is None:
            name = a if first is None else b
            raise ConfigurationError(f"{name} cannot be drawn: it could not be read again. Try it once more.")
        if found.view:
            second = VIEWS[found.view](second)
        transform = _transform(found, looks, first, second)
        title = f"{found.similarity:.1f} % similar: {found.reason}"
        return found, draw(first, second, transform, _boxes(found, first, second, transform), title)


def _transform(found: Likeness, looks: tuple[Look, Look], first: Rgb, second: Rgb) -> Transform | None:
    """From pixels of the second picture to those of the first; None where they were not laid on each other."""
    if looks[0].pixels == looks[1].pixels and not found.view:
        return np.eye(2, 3)
    verdict = found.verdict
    one, other = (each.features() for each in looks)
    if verdict is None or verdict.transform is None or verdict.change is None or one is None or other is None:
        return None
    held = other.seen(VIEWS[found.view]) if found.view else other
    ratios = [
        (rgb.shape[1] / each.small.shape[1], rgb.shape[0] / each.small.shape[0])
        for rgb, each in ((first, one), (second, held))
    ]
    return rescaled(verdict.transform, *ratios)


def _boxes(found: Likeness, first: Rgb, second: Rgb, transform: Transform | None) -> tuple[Box, ...]:
    if transform is None or found.verdict is None:
        return ()
    return (found.verdict.difference or look(first, second, transform)).boxes
