from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from labelonce import embedding
from labelonce.embedding import lite0
from labelonce.embedding.dct import DIMENSION, ColourDCT, colour_dct
from labelonce.errors import ConfigurationError, MissingWeights
from networks import embed, save_keras, save_onnx, save_vgg16
from pictures import picture, texture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labelonce.embedding.base import Embedder


# Keras reads its variables in a way that NumPy 2 warns about
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PACKAGE = """
from labelonce.embedding.base import file_hash
from labelonce.embedding.memory import Thumbnail
from labelonce.errors import MissingWeights

class Tiny(Thumbnail):
    name = "tiny"

    def __init__(self, weights):
        self.identity = f"tiny/1/{file_hash(weights)}" if weights else "tiny/1"

class VGG16(Tiny):
    name = "not labelonce's own"

def text(weights):
    return "a text"

def broken(weights):
    raise RuntimeError("a wheel came off")

def weightless(weights):
    raise MissingWeights("Put weights.bin into the folder.")
"""
MODELS = ("dct", "keras", "lite0", "onnx", "thumbnail", "tiny", "vgg16")


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own, and an installed package that registers models."""
    package = tmp_path_factory.mktemp("site-packages")
    (package / "wonky_models.py").write_text(PACKAGE)
    about = package / "wonky_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: wonky-models\nVersion: 1.0\n")
    points = {"tiny": "Tiny", "vgg16": "VGG16", "text": "text", "broken": "broken", "weightless": "weightless"}
    lines = [f"{name} = wonky_models:{what}\n" for name, what in points.items()]
    (about / "entry_points.txt").write_text(f"[{embedding.GROUP}]\n{''.join(lines)}lost = wonky_models_extra:Lost\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@dataclass(frozen=True)
class Case:
    """A model as a user names it.

    Parameters
    ----------
    name
        The model, or the kind of its file.
    weights
        The file of its weights, if it has any.
    """

    name: str
    weights: Path | None

    def load(self, weights: Path | None = None) -> Embedder:
        """The model with its weights, or others."""
        chosen = weights or self.weights
        if self.name in embedding.FILES:
            return embedding.load(f"{self.name}:{chosen}")
        return embedding.load(self.name, chosen)


@pytest.fixture(scope="module", params=MODELS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Each model."""
    folder = tmp_path_factory.mktemp("weights")
    makers = {
        "keras": lambda: save_keras(folder / "model.keras"),
        "lite0": lite0._installed_weights,
        "onnx": lambda: save_onnx(folder / "model.onnx"),
        "vgg16": lambda: save_vgg16(folder / "seeded.weights.h5"),
    }
    return Case(request.param, makers[request.param]() if request.param in makers else None)


@pytest.fixture(scope="module")
def embedder(case: Case) -> Embedder:
    """Each model, ready to use."""
    return case.load()


class TestContract:
    """What every model promises to the pipeline."""

    def test_describes_itself(self, case: Case, embedder: Embedder) -> None:
        assert embedder.name == (f"{case.name}:{case.weights}" if case.name in embedding.FILES else case.name)
        assert embedder.identity.startswith(case.name)
        assert -1 < embedder.candidate_similarity <= embedder.similarity <= embedder.strict_similarity < 1

    def test_its_identity_stays(self, case: Case, embedder: Embedder) -> None:
        assert case.load().identity == embedder.identity

    def test_its_identity_follows_the_weights(self, case: Case, tmp_path: Path) -> None:
        if case.name in ("dct", "thumbnail"):
            with pytest.raises(ConfigurationError, match="has no weights"):
                case.load(tmp_path)
            return
        content = case.weights.read_bytes() if case.weights else b"weights"
        same, copy, other = (tmp_path / name for name in ("same", "copy", "other"))
        same.write_bytes(content)
        copy.write_bytes(content)
        other.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert case.load(same).identity == case.load(copy).identity != case.load(other).identity

    def test_rows_are_of_unit_norm(self, embedder: Embedder) -> None:
        rows = embed(embedder, texture(1), texture(2), texture(3, (30, 200)))
        assert rows.shape == (3, embedder.dimension)
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_nothing_gives_no_rows(self, embedder: Embedder) -> None:
        none = embedder.embed([])
        assert none.shape == (0, embedder.dimension)
        assert none.dtype == np.float32

    def test_a_vector_does_not_depend_on_its_batch(self, embedder: Embedder) -> None:
        images = [texture(seed) for seed in range(3)]
        together, reversed_ = embed(embedder, *images), embed(embedder, *images[::-1])[::-1]
        alone = np.concatenate([embed(embedder, image) for image in images])
        assert np.abs(together - alone).max() < 1e-4
        assert np.abs(together - reversed_).max() < 1e-4

    def test_several_threads_at_once(self, case: Case, embedder: Embedder) -> None:
        images = [texture(seed) for seed in range(3)] * 2
        fresh = case.load()  # so that the threads meet while it is loaded
        with ThreadPoolExecutor(len(images)) as threads:
            rows = list(threads.map(lambda image: embed(fresh, image)[0], images))
        assert np.abs(np.stack(rows) - np.tile(embed(embedder, *images[:3]), (2, 1))).max() < 1e-4

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


class TestNames:
    """Models by name: labelonce's own, files, and those of other packages."""

    def test_all_of_them(self) -> None:
        assert {*embedding.MODELS, "tiny", "text", "broken", "lost"} <= set(embedding.names())

    def test_there_is_no_other_model(self) -> None:
        with pytest.raises(ConfigurationError, match=r"dct, .*lite0, .*vgg16, .*onnx:FILE and keras:FILE"):
            embedding.load("resnet")

    def test_own_names_win(self, tmp_path: Path) -> None:
        weights = tmp_path / "weights.h5"
        weights.write_bytes(b"weights")
        assert embedding.load("vgg16", weights).name == "vgg16"

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("text", "is a str, not an Embedder"),
            ("broken", "RuntimeError: a wheel came off"),
            ("lost", "No module named 'wonky_models_extra'"),
        ],
    )
    def test_a_package_that_fails(self, name: str, what: str) -> None:
        with pytest.raises(ConfigurationError, match=f"model {name} of the package wonky-models .*{what}"):
            embedding.load(name)

    def test_a_package_says_what_is_missing(self) -> None:
        with pytest.raises(MissingWeights, match=r"^Put weights\.bin into the folder\.$"):
            embedding.load("weightless")

    def test_only_files_have_a_scaling(self) -> None:
        with pytest.raises(ConfigurationError, match="leave --scaling out for lite0"):
            embedding.load("lite0", scaling="unit")

    def test_a_file_holds_its_weights(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="leave --weights out"):
            embedding.load("onnx:model.onnx", tmp_path)

    @pytest.mark.parametrize("kind", embedding.FILES)
    def test_a_file_is_named(self, kind: str) -> None:
        with pytest.raises(ConfigurationError, match=f"Give {kind}:FILE"):
            embedding.load(f"{kind}:")


@pytest.mark.parametrize("name", ["dct", "lite0", "thumbnail"])
def test_pictures_of_one_colour_are_not_like_everything(name: str) -> None:
    model = embedding.load(name)
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 300, dtype=np.uint8), (200, 1)))
    others = embed(model, texture(1), texture(2), ramp.rotate(90, expand=True))
    (flat,) = embed(model, Image.new("RGB", (60, 40)))
    assert max(flat @ other for other in others) < model.candidate_similarity


def test_lite0_knows_different_things_apart() -> None:
    model = embedding.load("lite0")
    rows = embed(model, *(texture(seed) for seed in range(6)))
    similarity = rows @ rows.T
    assert (similarity[~np.eye(6, dtype=bool)] < model.similarity).all()


class TestColourDCT:
    """Layout and colour in 93 numbers."""

    def test_sees_neither_brightness_nor_size(self) -> None:
        square = np.asarray(texture(7, (160, 160)))
        one, brighter = colour_dct(square), colour_dct(np.clip(square.astype(int) + 10, 0, 255).astype(np.uint8))
        assert one.shape == (DIMENSION,) == (93,)
        assert one @ brighter / np.linalg.norm(one) / np.linalg.norm(brighter) > 0.98

    @pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (77, 77, 77), (13, 200, 90)])
    def test_one_colour_has_no_layout(self, colour: tuple[int, int, int]) -> None:
        assert not colour_dct(np.full((160, 160, 3), colour, np.uint8)).any()

    def test_grey_pictures_have_no_colour(self) -> None:
        grey = np.asarray(texture(8, (160, 160)).convert("L").convert("RGB"))
        assert colour_dct(grey)[:63].any()
        assert not colour_dct(grey)[63:].any()

    def test_is_the_dct_of_opencv(self) -> None:
        square = np.asarray(texture(9, (32, 32)))
        luma = cv2.dct(square.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[:8, :8].ravel()[1:]
        assert np.allclose(colour_dct(square)[:63], np.sign(luma) * np.sqrt(np.abs(luma)), atol=0.11)

    def test_alone_it_is_what_it_is_beside_the_network(self) -> None:
        one, two = ColourDCT(), embedding.load("lite0")
        layout = embed(two, texture(1))[0, -DIMENSION:]
        assert embed(one, texture(1))[0] @ layout / np.linalg.norm(layout) > 0.99999
