from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelonce import embedding
from labelonce.embedding import kept as keeping
from labelonce.embedding import litert
from labelonce.embedding.base import Once, resized
from labelonce.embedding.kept import kept
from labelonce.embedding.litert import GREETING
from labelonce.embedding.runtime import compiled, quiet_tensorflow
from labelonce.embedding.saying import without_line
from labelonce.errors import MissingWeights
from networks import embed
from pictures import picture, texture

# Keras reads its variables in a way that NumPy 2 warns about
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; the folder of networks in it."""
    monkeypatch.setattr(keeping, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache" / "networks"


def run(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [Path(embedding.__file__).parents[2], Path(__file__).parent]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_BACKEND"))}
    # platformdirs looks at the first on Linux, and at the home folder on macOS
    environment |= {"PYTHONPATH": path, "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)


class TestRuntime:
    """LiteRT runs what TensorFlow converted once."""

    def test_tensorflow_is_imported_once_and_quiet(self, tmp_path: Path) -> None:
        code = (
            "import sys; from labelonce import embedding; from networks import embed; from pictures import texture\n"
            "model = embedding.load('lite0'); row = embed(model, texture(1))[0]\n"
            "print('tensorflow' in sys.modules, 'keras' in sys.modules, model.identity, row[:5].tolist())"
        )
        first, second = run(code, tmp_path), run(code, tmp_path)
        assert first.stdout.startswith("True True lite0")
        assert second.stdout == first.stdout.replace("True True", "False False")
        assert first.stderr == second.stderr == ""

    def test_both_runtimes_give_the_same_vectors(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        images = [texture(seed) for seed in range(5)]
        lite = embedding.load("lite0")
        rows = embed(lite, *images)
        assert len(list(cache.iterdir())) == 1
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
        keras = embedding.load("lite0")
        for made in (embed(keras, *images), np.concatenate([embed(keras, image) for image in images])):
            assert (np.sum(rows * made, axis=1) > 0.9999).all()
        assert keras.identity == lite.identity
        assert litert._made_by() is quiet_tensorflow().lite.Interpreter
        monkeypatch.undo()
        assert litert._made_by() is not quiet_tensorflow().lite.Interpreter

    def test_eight_bits_are_enough(self) -> None:
        images = [texture(seed) for seed in range(5)]
        lite, exact = embedding.load("lite0"), embedding.load("lite0")
        exact._network = lambda: compiled(exact._built(), (128, 128, 3))
        rows, wanted = embed(lite, *images), embed(exact, *images)
        assert (np.sum(rows * wanted, axis=1) > 0.95).all()
        assert np.abs(rows @ rows.T - wanted @ wanted.T).max() < 0.1

    def test_only_its_greeting_is_left_out(self, capfd: pytest.CaptureFixture[str]) -> None:
        with without_line(GREETING):
            os.write(2, b"before\n" + GREETING + b"\nafter\n")
        os.write(2, b"later\n")
        assert capfd.readouterr().err == "before\nafter\nlater\n"

    def test_without_standard_error(self, tmp_path: Path) -> None:
        code = (
            "import os; from labelonce.embedding.saying import without_line\n"
            "os.close(2)\n"
            "with without_line(b'greeting'): print('done')"
        )
        assert run(code, tmp_path).stdout == "done\n"

    def test_an_error_passes(self, capfd: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            with without_line(GREETING):
                os.write(2, b"said\n")
                raise ValueError("wrong")

        with pytest.raises(ValueError, match="wrong"):
            fail()
        assert capfd.readouterr().err == "said\n"


class TestOnce:
    """Made once, whichever threads ask."""

    def test_threads_that_ask_at_once(self) -> None:
        made: list[object] = []
        together = threading.Barrier(4)

        def make() -> object:
            made.append(object())
            return made[-1]

        once = Once(make)

        def ask(_: int) -> object:
            together.wait(30)
            return once()

        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(ask, range(4))) == set(made)
        assert len(made) == 1

    def test_an_error_is_raised_to_each(self) -> None:
        def fail() -> object:
            raise MissingWeights("none")

        once = Once(fail)
        for _ in range(2):
            with pytest.raises(MissingWeights):
                once()


def must_not() -> bytes:
    raise AssertionError("it is there")


class TestKept:
    """What is kept is sound, or made anew."""

    def test_is_made_once(self, cache: Path) -> None:
        assert kept("net", lambda: b"content") == kept("net", must_not) == b"content"
        assert kept("other", lambda: b"others") == b"others"
        assert sorted(path.name for path in cache.iterdir()) == ["net", "other"]

    @pytest.mark.parametrize("damage", [b"", b"x", b"content", b"kontent" + bytes(32), None])
    def test_a_damaged_file_is_made_anew(self, cache: Path, damage: bytes | None) -> None:
        kept("net", lambda: b"content")
        sound = (cache / "net").read_bytes()
        (cache / "net").write_bytes(sound[:-1] if damage is None else damage)
        assert kept("net", lambda: b"content") == b"content"
        assert (cache / "net").read_bytes() == sound

    def test_the_folder_cannot_be_made(self, cache: Path) -> None:
        cache.parent.write_text("a file")
        assert kept("net", lambda: b"content") == b"content"

    def test_the_file_cannot_be_replaced(self, cache: Path) -> None:
        (cache / "net").mkdir(parents=True)
        assert kept("net", lambda: b"content") == b"content"
        assert [path.name for path in cache.iterdir()] == ["net"]

    def test_a_full_disk(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*arguments: Any, **options: Any) -> Any:
            handle = real(*arguments, **options)
            monkeypatch.setattr(handle, "write", write)
            return handle

        def write(_: bytes) -> int:
            raise OSError(28, "No space left on device")

        real = keeping.NamedTemporaryFile
        monkeypatch.setattr(keeping, "NamedTemporaryFile", full)
        assert kept("net", lambda: b"content") == b"content"
        assert list(cache.iterdir()) == []

    def test_several_at_once(self, cache: Path) -> None:
        together = threading.Barrier(4)

        def make() -> bytes:
            together.wait(30)  # nobody finds what another made
            return b"content" * 100_000

        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda _: kept("net", make), range(4)))
        assert made == [b"content" * 100_000] * 4
        assert kept("net", must_not) == made[0]
        assert [path.name for path in cache.iterdir()] == ["net"]


class TestResized:
    """The whole picture, without aliasing."""

    @pytest.mark.parametrize("side", [12, 32, 160, 224])
    def test_fine_stripes_become_grey(self, side: int) -> None:
        stripes = np.zeros((480, 640, 3), np.uint8)
        stripes[:, ::2] = 255
        image = Image.fromarray(stripes)
        small = resized(picture(image), side).astype(int)
        assert small.shape == (side, side, 3)
        assert abs(small - 127).max() <= 70

    def test_width_and_height(self) -> None:
        halves = np.zeros((200, 300, 3), np.uint8)
        halves[:, 150:] = 200
        small = resized(picture(Image.fromarray(halves)), 40, 10)
        assert small.shape == (10, 40, 3)
        assert not small[:, :19].any()
        assert (small[:, 21:] == 200).all()
