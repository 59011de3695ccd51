"""Networks from a file: what the ways of running them have in common."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder, Once, file_hash, resized, unit
from labelonce.errors import ConfigurationError, MissingWeights
from labelonce.images.decoding import Picture

PREPROCESSING: Final = 1  # counts up when anything here changes the vectors
SIDE: Final = 224  # pixels, where the network takes any size: what most were trained with

# what is subtracted from values of 0 to 255, and then divided by
SCALINGS: Final[dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]] = {
    name: (np.array(mean, np.float32), np.array(deviation, np.float32))
    for name, mean, deviation in (
        ("raw", 0, 1),
        ("unit", 0, 255),
        ("symmetric", 127.5, 127.5),
        ("imagenet", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),  # 255 x torchvision's constants
    )
}


@dataclass(frozen=True)
class Loaded:
    """A network that is ready to run.

    Parameters
    ----------
    run
        One picture as the network takes it, with a leading axis of length 1 → the network's first output. Several
        threads may run it at once.
    shapes
        Of its inputs; None where an axis may have any length.
    dtype
        Of its first input.
    """

    run: Callable[[NDArray[Any]], Any]
    shapes: Sequence[Sequence[int | None]]
    dtype: str


@dataclass(frozen=True)
class _Ready:
    """A network whose input and output were looked at."""

    run: Callable[[NDArray[Any]], NDArray[np.float32]]
    width: int
    height: int
    dimension: int


class NetworkFile(Embedder):
    """A network from a file. Its first output is the vector; of a map of features the mean over all places.

    How alike its vectors are is not known: the similarities here are guesses, to be set by ``--eps``.

    Parameters
    ----------
    path
        The file.
    scaling
        What the network was trained with: ``"raw"`` 0 to 255, ``"unit"`` 0 to 1, ``"symmetric"`` -1 to 1,
        ``"imagenet"`` less the mean and divided by the deviation of ImageNet. None takes `usual_scaling`, and raw where
        the network takes whole numbers.

    Raises
    ------
    MissingWeights
        There is no such file, or it cannot be read.
    ConfigurationError
        When it is first used: it does not take one picture of three colours, or gives no numbers.
    """

    kind: str
    wanted: str  # in words, what file it is
    usual_scaling: str
    candidate_similarity = 0.6
    similarity = 0.95
    strict_similarity = 0.97

    def __init__(self, path: Path, scaling: str | None = None) -> None:
        if not path.is_file():
            raise MissingWeights(f"There is no file {path}: {self.kind}:FILE names one file that holds a network.")
        if scaling is not None and scaling not in SCALINGS:
            raise ConfigurationError(f"There is no scaling {scaling!r}. Choose one of: {', '.join(SCALINGS)}.")
        self.path = path
        self._scaling = scaling
        self.name = f"{self.kind}:{path}"
        self.identity = f"{self.kind}/{scaling or self.usual_scaling}/{PREPROCESSING}/{file_hash(path)}"
        self._ready = Once(self._look)

    @abstractmethod
    def load(self) -> Loaded:
        """Read the file; raises ConfigurationError, or whatever the runtime raises."""

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """Length of a vector; loads the network."""
        return self._ready().dimension

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Squeeze to the size that the network takes."""
        ready = self._ready()
        return resized(picture, ready.width, ready.height)

    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Run the network on each, for it may take one at a time only, and normalise."""
        ready = self._ready()
        if not batch:
            return np.zeros((0, ready.dimension), np.float32)
        return unit(np.stack([ready.run(rgb) for rgb in batch]))

    def _look(self) -> _Ready:
        try:
            loaded = self.load()
        except ConfigurationError:
            raise
        except Exception as error:  # each runtime has classes of its own for what it meets
            raise ConfigurationError(f"{self.path} is not {self.wanted}: {_one_line(error)}") from None
        channels_first, height, width = self._layout(loaded.shapes)
        mean, deviation = SCALINGS[self._chosen_scaling(loaded.dtype)]
        places = (2, 3) if channels_first else (1, 2)

        def run(rgb: NDArray[Any]) -> NDArray[np.float32]:
            scaled = ((rgb - mean) / deviation).astype(loaded.dtype)
            picture = scaled.transpose(2, 0, 1) if channels_first else scaled
            try:
                output = np.asarray(loaded.run(np.ascontiguousarray(picture[None])), np.float32)
            except Exception as error:  # whatever the runtime meets in a network that it does not like
                raise ConfigurationError(f"{self.path} cannot be run: {_one_line(error)}") from None
            vector = (output.mean(axis=places) if output.ndim == 4 else output).ravel()
            if not len(vector) or not np.isfinite(vector).all():
                raise ConfigurationError(
                    f"{self.path} gives {'what is no number' if len(vector) else 'nothing'}: it is damaged, or needs "
                    "another --scaling."
                )
            return vector

        grey = np.full((height, width, 3), 128, np.uint8)
        return _Ready(run, width, height, len(run(grey)))

    def _layout(self, shapes: Sequence[Sequence[int | None]]) -> tuple[bool, int, int]:
        """Whether the colours come first, height and width."""
        if len(shapes) != 1:
            raise ConfigurationError(f"{self.path} takes {len(shapes)} inputs, not one picture.")
        shape = shapes[0]
        if len(shape) == 4 and shape[0] in (1, None) and 3 in (shape[1], shape[3]):
            channels_first = shape[3] != 3
            height, width = shape[2:] if channels_first else shape[1:3]
            return channels_first, height or SIDE, width or SIDE
        shown = " x ".join(str(length or "any") for length in shape) or "single"
        raise ConfigurationError(f"{self.path} takes {shown} numbers, not one picture of three colours at a time.")

    def _chosen_scaling(self, dtype: str) -> str:
        if dtype.startswith("float"):
            return self._scaling or self.usual_scaling
        if dtype != "uint8":
            raise ConfigurationError(f"{self.path} takes values of {dtype}: pictures are uint8 or floating point.")
        if self._scaling not in (None, "raw"):
            raise ConfigurationError(f"{self.path} takes whole numbers from 0 to 255: leave --scaling out.")
        return "raw"


def _one_line(error: BaseException) -> str:
    """What a library says, short enough for one line."""
    return " ".join(str(error).split())[:200]
