"""Pixels → vectors: the models by name."""

from collections.abc import Callable
from pathlib import Path

from labelonce.embedding.base import Embedder
from labelonce.errors import ConfigurationError


def _lite0(weights: Path | None) -> Embedder:
    from labelonce.embedding.lite0 import Lite0

    return Lite0(weights)


def _vgg16(weights: Path | None) -> Embedder:
    from labelonce.embedding.vgg16 import VGG16

    return VGG16(weights)


def _thumbnail(weights: Path | None) -> Embedder:
    from labelonce.embedding.memory import Thumbnail

    if weights is not None:
        raise ConfigurationError("The model thumbnail has no weights: leave --weights out.")
    return Thumbnail()


MODELS: dict[str, Callable[[Path | None], Embedder]] = {"lite0": _lite0, "thumbnail": _thumbnail, "vgg16": _vgg16}


def load(name: str, weights: Path | None = None) -> Embedder:
    """Make an embedder; its network is loaded when it is first used.

    Raises
    ------
    ConfigurationError
        There is no model of that name.
    MissingWeights
        The weights are not on this machine; the text says which file to put where.
    """
    if name not in MODELS:
        raise ConfigurationError(f"There is no model {name!r}. The models are: {', '.join(sorted(MODELS))}.")
    return MODELS[name](weights)
