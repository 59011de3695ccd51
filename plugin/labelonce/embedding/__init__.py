"""Pixels → vectors: the models by name."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from labelonce.embedding.base import Embedder
from labelonce.errors import ConfigurationError, LabelOnceError

GROUP = "labelonce.models"  # of the entry points by which other packages add models
FILES = ("onnx", "keras")


def _lite0(weights: Path | None) -> Embedder:
    from labelonce.embedding.lite0 import Lite0

    return Lite0(weights)


def _vgg16(weights: Path | None) -> Embedder:
    from labelonce.embedding.vgg16 import VGG16

    return VGG16(weights)


def _dct(weights: Path | None) -> Embedder:
    from labelonce.embedding.dct import ColourDCT

    _refuse(weights, "dct")
    return ColourDCT()


def _thumbnail(weights: Path | None) -> Embedder:
    from labelonce.embedding.memory import Thumbnail

    _refuse(weights, "thumbnail")
    return Thumbnail()


def _refuse(weights: Path | None, name: str) -> None:
    if weights is not None:
        raise ConfigurationError(f"The model {name} has no weights: leave --weights out.")


MODELS: dict[str, Callable[[Path | None], Embedder]] = {
    "dct": _dct,
    "lite0": _lite0,
    "thumbnail": _thumbnail,
    "vgg16": _vgg16,
}


def names() -> list[str]:
    """All models that have a name: labelonce's own, and those that installed packages register."""
    return sorted({*MODELS, *_registered()})


def load(name: str, weights: Path | None = None, scaling: str | None = None) -> Embedder:
    """Make an embedder; its network is loaded when it is first used.

    Parameters
    ----------
    name
        One of `names`, where labelonce's own come first, or ``onnx:FILE`` or ``keras:FILE``.
    weights
        File of the weights of a named model; None for its own.
    scaling
        Of the pixels for a network from a file, see `NetworkFile`; None for the usual.

    Raises
    ------
    ConfigurationError
        There is no model of that name, the package that registers it fails, or a parameter does not fit the model.
    MissingWeights
        The weights are not on this machine; the text says which file to put where.
    """
    kind, colon, file = name.partition(":")
    if colon and kind in FILES:
        if weights is not None:
            raise ConfigurationError(f"The file of {name} holds its weights: leave --weights out.")
        return _from_file(kind, file, scaling)
    if scaling is not None:
        raise ConfigurationError(f"Only onnx:FILE and keras:FILE take a scaling: leave --scaling out for {name}.")
    if name in MODELS:
        return MODELS[name](weights)
    found = _registered().get(name)
    if found is None:
        raise ConfigurationError(
            f"There is no model {name!r}. The models are: {', '.join(names())}, onnx:FILE and keras:FILE."
        )
    return _from_package(found, weights)


def _from_file(kind: str, file: str, scaling: str | None) -> Embedder:
    if not file:
        raise ConfigurationError(f"{kind}: names no file. Give {kind}:FILE.")
    path = Path(file).expanduser()
    if kind == "onnx":
        from labelonce.embedding.onnx_file import OnnxFile

        return OnnxFile(path, scaling)
    from labelonce.embedding.keras_file import KerasFile

    return KerasFile(path, scaling)


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _from_package(point: EntryPoint, weights: Path | None) -> Embedder:
    package = point.dist.name if point.dist is not None else point.value
    try:
        made = point.load()(weights)
    except LabelOnceError:
        raise
    except Exception as error:  # another package's code
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ConfigurationError(
            f"The model {point.name} of the package {package} cannot be loaded ({text}). Mend or remove the package."
        ) from error
    if not isinstance(made, Embedder):
        raise ConfigurationError(
            f"The model {point.name} of the package {package} is a {type(made).__name__}, not an Embedder. "
            "Mend or remove the package."
        )
    return made
