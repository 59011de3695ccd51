"""The published recipe's model: VGG16 (Simonyan and Zisserman 2015) with ImageNet weights, from keras.applications."""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder, Once, file_hash, resized, unit
from labelonce.embedding.runtime import compiled, quiet_tensorflow
from labelonce.errors import MissingWeights
from labelonce.images.decoding import Picture

SIDE: Final = 224
POOLED: Final = 512
PREPROCESSING: Final = 2
FILE: Final = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
MD5: Final = "6d6bbae143d832006294945121d1f1fc"
# subtracted from blue, green and red: the means of ImageNet, as the weights were trained
MEANS_BGR: Final = (103.939, 116.779, 123.68)


class VGG16(Embedder):
    """Average-pooled features of VGG16's last block, 512 numbers.

    Parameters
    ----------
    weights
        A file of weights without the top layers. None takes Keras's own copy, or downloads it.

    Raises
    ------
    MissingWeights
        There are none, and they cannot be downloaded: the text says which file to put where.
    """

    name = "vgg16"
    dimension = POOLED
    candidate_similarity = 0.6
    similarity = 0.95
    strict_similarity = 0.97

    def __init__(self, weights: Path | None = None) -> None:
        self._path = weights or _keras_weights()
        if not self._path.is_file():
            raise MissingWeights(f"There are no VGG16 weights at {self._path}. {_advice()}")
        self.identity = f"vgg16/{SIDE}/{PREPROCESSING}/{file_hash(self._path)}"
        self._network = Once(self._load)

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Squeeze into a square of 224 pixels."""
        return resized(picture, SIDE)

    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Run the network and normalise."""
        if not batch:
            return np.zeros((0, self.dimension), np.float32)
        return unit(np.asarray(self._network()(np.stack(batch)), np.float32))

    def _load(self) -> Callable[[Any], Any]:
        tensorflow = quiet_tensorflow()
        import keras
        from keras import layers

        trunk = keras.applications.VGG16(weights=None, include_top=False, pooling="avg", input_shape=(SIDE, SIDE, 3))
        try:
            trunk.load_weights(self._path)
        except Exception as error:  # Keras and h5py raise what they meet
            text = " ".join(str(error).split())[:200]
            raise MissingWeights(f"{self._path} does not hold the weights of VGG16 ({text}). {_advice()}") from None
        if not all(tensorflow.reduce_all(tensorflow.math.is_finite(weight.value)) for weight in trunk.weights):
            raise MissingWeights(f"{self._path} holds what is no number. {_advice()}")
        source = keras.Input((SIDE, SIDE, 3))
        flipped = layers.Lambda(lambda rgb: rgb[..., ::-1] - np.array(MEANS_BGR, np.float32))(source)
        return compiled(keras.Model(source, trunk(flipped)), (SIDE, SIDE, 3))


def _keras_folder() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def _advice() -> str:
    return (
        f"Get {FILE} (md5 {MD5}) from the releases of fchollet/deep-learning-models on GitHub on a machine with "
        f"internet, and put it into {_keras_folder()} or name it with --weights FILE."
    )


def _keras_weights() -> Path:
    """Keras's own copy, checked; downloaded where there is none."""
    path = _keras_folder() / FILE
    if not path.is_file():
        quiet_tensorflow()
        import keras

        try:
            with redirect_stdout(sys.stderr):  # Keras prints its progress, and ours may be a file of JSON
                keras.applications.VGG16(weights="imagenet", include_top=False)
        except Exception as error:  # Keras raises a bare Exception when it cannot download
            text = " ".join(str(error).split())[:200]
            raise MissingWeights(f"The weights of VGG16 cannot be downloaded ({text}). {_advice()}") from None
    if path.is_file() and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != MD5:
        raise MissingWeights(f"{path} is damaged or not the published file. Remove it. {_advice()}")
    return path
