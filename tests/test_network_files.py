from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from labelonce import embedding
from labelonce.embedding.base import resized, unit
from labelonce.embedding.network_file import SCALINGS
from labelonce.errors import ConfigurationError, MissingWeights
from networks import INT64, UINT8, embed, save_keras, save_onnx
from pictures import picture, texture

if TYPE_CHECKING:
    from pathlib import Path

# Keras reads its variables in a way that NumPy 2 warns about
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def blocks(scaled: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What a convolution of 8 x 8 pixels in steps of 8 makes of a picture (h, w, 3): (8, h / 8, w / 8)."""
    rows, columns, _ = scaled.shape
    cut = scaled.reshape(rows // 8, 8, columns // 8, 8, 3)
    return np.einsum("hawbc,kcab->khw", cut, weights)


@pytest.mark.parametrize(
    ("scaling", "low", "high"),
    [("raw", [0, 0, 0], [255, 255, 255]), ("unit", [0, 0, 0], [1, 1, 1]), ("symmetric", [-1, -1, -1], [1, 1, 1]),
     ("imagenet", [-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.6400])],
)  # fmt: skip
def test_scalings(scaling: str, low: list[float], high: list[float]) -> None:
    mean, deviation = SCALINGS[scaling]
    assert np.allclose((np.zeros(3) - mean) / deviation, low, atol=1e-4)
    assert np.allclose((np.full(3, 255) - mean) / deviation, high, atol=1e-4)


class TestOnnx:
    """Networks that onnxruntime runs."""

    weights = np.random.default_rng(5).normal(0, 0.1, (8, 3, 8, 8)).astype(np.float32)

    def load(self, path: Path, scaling: str | None = None) -> embedding.Embedder:
        return embedding.load(f"onnx:{path}", scaling=scaling)

    @pytest.mark.parametrize("scaling", [None, *SCALINGS])
    def test_runs_what_is_in_the_file(self, tmp_path: Path, scaling: str | None) -> None:
        model = self.load(save_onnx(tmp_path / "net.onnx", weights=self.weights), scaling)
        mean, deviation = SCALINGS[scaling or "imagenet"]
        square = (resized(picture(texture(1)), 32) - mean) / deviation
        assert np.allclose(embed(model, texture(1)), unit(blocks(square, self.weights).reshape(1, -1)), atol=1e-4)
        assert (scaling or "imagenet") in model.identity

    def test_whole_numbers_are_not_scaled(self, tmp_path: Path) -> None:
        path = save_onnx(tmp_path / "net.onnx", kind=UINT8, weights=self.weights)
        square = resized(picture(texture(1)), 32).astype(np.float32)
        wanted = unit(blocks(square, self.weights).reshape(1, -1))
        assert np.allclose(embed(self.load(path), texture(1)), wanted, atol=1e-4)
        assert np.allclose(embed(self.load(path, "raw"), texture(1)), wanted, atol=1e-4)
        with pytest.raises(ConfigurationError, match="whole numbers from 0 to 255: leave --scaling out"):
            embed(self.load(path, "unit"), texture(1))

    def test_maps_of_any_size_are_averaged(self, tmp_path: Path) -> None:
        path = save_onnx(tmp_path / "net.onnx", ("batch", 3, "height", "width"), weights=self.weights, flat=False)
        model = self.load(path, "unit")
        maps = blocks(resized(picture(texture(1)), 224) / 255, self.weights)
        assert model.dimension == 8
        assert np.allclose(embed(model, texture(1)), unit(np.maximum(maps, 0).mean(axis=(1, 2))[None]), atol=1e-4)

    def test_sides_of_two_lengths(self, tmp_path: Path) -> None:
        model = self.load(save_onnx(tmp_path / "net.onnx", (1, 3, 16, 48)))
        assert model.prepare(picture(texture(1))).shape == (16, 48, 3)
        assert model.dimension == 8 * 2 * 6

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"inputs": ("picture", "mask")}, "takes 2 inputs, not one picture"),
            ({"shape": (4, 3, 32, 32)}, "takes 4 x 3 x 32 x 32 numbers, not one picture of three colours at a time"),
            ({"shape": ("n", 1, 32, 32)}, "takes any x 1 x 32 x 32 numbers"),
            ({"shape": ("n", 3, 7, 7)}, "cannot be run"),
            ({"kind": INT64}, "takes values of int64"),
            ({"weights": np.full((8, 3, 8, 8), np.nan)}, "gives what is no number"),
            ({"weights": np.zeros((0, 3, 8, 8))}, "gives nothing"),
            ({"elsewhere": "net.data"}, "is not one ONNX file with its weights inside"),
        ],
    )
    def test_what_is_no_network_of_pictures(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], text: str
    ) -> None:
        monkeypatch.chdir(tmp_path)  # where onnxruntime would look for further files
        model = self.load(save_onnx(tmp_path / "net.onnx", **options))
        with pytest.raises(ConfigurationError, match=f"net.onnx {text}"):
            embed(model, texture(1))

    @pytest.mark.parametrize("content", [b"", b"noise" * 100])
    def test_what_is_no_network(self, tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "noise.onnx"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"noise\.onnx is not one ONNX file"):
            embed(self.load(path), texture(1))
        assert capfd.readouterr() == ("", "")

    def test_onnxruntime_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        model = self.load(save_onnx(tmp_path / "net.onnx"))
        with pytest.raises(ConfigurationError, match=r"pip install labelonce\[onnx\]$"):
            embed(model, texture(1))

    def test_no_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nowhere.onnx", tmp_path):
            with pytest.raises(MissingWeights, match=f"There is no file {path}"):
                self.load(path)

    def test_no_scaling(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="raw, unit, symmetric, imagenet"):
            self.load(save_onnx(tmp_path / "net.onnx"), "best")


class TestKeras:
    """Whole models that Keras saved."""

    @pytest.mark.parametrize("name", ["net.keras", "net.h5"])
    @pytest.mark.parametrize("scaling", [None, "unit"])
    def test_embeds_as_keras_does(self, tmp_path: Path, name: str, scaling: str | None) -> None:
        path = save_keras(tmp_path / name)
        import keras

        mean, deviation = SCALINGS[scaling or "raw"]
        square = (resized(picture(texture(1)), 32) - mean) / deviation
        wanted = keras.models.load_model(path, compile=False)(square[None]).numpy()
        rows = embed(embedding.load(f"keras:{path}", scaling=scaling), texture(1))
        assert np.allclose(rows, unit(wanted), atol=1e-5)

    def test_maps_of_any_size_are_averaged(self, tmp_path: Path) -> None:
        model = embedding.load(f"keras:{save_keras(tmp_path / 'net.keras', (None, None, 3))}")
        assert model.dimension == 8
        assert model.prepare(picture(texture(1))).shape == (224, 224, 3)

    def test_code_in_a_model_is_refused(self, tmp_path: Path) -> None:
        import keras

        source = keras.Input((32, 32, 3))
        path = tmp_path / "net.keras"
        keras.Model(source, keras.layers.Lambda(lambda x: x + 1)(source)).save(path)
        with pytest.raises(ConfigurationError, match=r"net\.keras is not a whole model of Keras"):
            embed(embedding.load(f"keras:{path}"), texture(1))

    @pytest.mark.parametrize(
        ("shapes", "bias", "text"),
        [
            ([(32, 32, 3), (32, 32, 3)], 0.0, "takes 2 inputs, not one picture"),
            ([(32, 32, 1)], 0.0, "takes any x 32 x 32 x 1 numbers"),
            ([(32, 32, 3)], np.nan, "gives what is no number"),
        ],
    )
    def test_what_is_no_network_of_pictures(
        self, tmp_path: Path, shapes: list[tuple[int, ...]], bias: float, text: str
    ) -> None:
        model = embedding.load(f"keras:{save_keras(tmp_path / 'net.keras', *shapes, bias=bias)}")
        with pytest.raises(ConfigurationError, match=f"net.keras {text}"):
            embed(model, texture(1))

    @pytest.mark.parametrize("name", ["noise.keras", "noise.h5"])
    def test_what_is_no_model(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"noise" * 100)
        with pytest.raises(ConfigurationError, match=r"is not a whole model of Keras \(.keras or .h5"):
            embed(embedding.load(f"keras:{tmp_path / name}"), texture(1))
