"""Exact copies are one node, several images count by their least alike pair, and lost features are made again."""

import numpy as np
import pytest

from labelonce.embedding.memory import Thumbnail
from labelonce.matching import Matches, Verifier, accept_all, collapse, propose
from labelonce.neighbours import NeighbourSearch, Pairs
from labelonce.progress import Progress
from labelonce.reading import FEATURES, KnownImages, Reader
from labelonce.sources.memory import MemorySource
from labelonce.store import ImageRecord, Store
from labelonce.tasks import Task
from pictures import encoded, texture

QUIET = Progress()


def known(angles: list[float], tasks: dict[int, tuple[int, ...]]) -> KnownImages:
    """Images as directions in a plane, degrees."""
    radians = np.radians(np.array(angles, np.float64))
    return KnownImages(
        records=[ImageRecord(f"d{row}", f"p{row}", 4, 3, 1.0) for row in range(len(angles))],
        vectors=np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32),
        rows=tasks,
        digests={task: tuple(f"d{row}" for row in rows) for task, rows in tasks.items()},
        problems={},
        origins=[(Task(1, ()), "")] * len(angles),
    )


def test_equal_pixels_in_equal_order_are_one_node():
    images = known([0, 90], {1: (0, 1), 2: (1, 0), 3: (0, 1), 4: (0,), 5: (0, 1)})
    tasks = [Task(n, ("x",) * len(rows), context="other" if n == 5 else "") for n, rows in images.rows.items()]
    nodes = collapse(tasks, images)
    assert [[task.id for task in node.tasks] for node in nodes] == [[1, 3], [2], [4], [5]]


@pytest.mark.parametrize("engine", ["exact", "annoy"])
def test_the_least_alike_image_counts(engine):
    images = known([0, 10, 20, 60], {1: (0, 0), 2: (1, 1), 3: (1, 3), 4: (0,), 5: (1,), 6: (2, 1)})
    nodes = collapse([Task(n, ("x",) * len(rows)) for n, rows in images.rows.items()], images)
    pairs = propose(nodes, images, float(np.cos(np.radians(11))), NeighbourSearch(engine=engine))
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 1), (1, 5), (3, 4)]
    np.testing.assert_allclose(pairs.similarity, np.cos(np.radians([10, 10, 10])), atol=1e-6)


def test_no_nodes_and_no_pairs():
    pairs = propose([], known([], {}), 0.5, NeighbourSearch())
    assert len(pairs.left) == 0
    assert accept_all(pairs) == Matches(pairs, ())


def test_reasons():
    left, right = np.array([0, 0, 2]), np.array([1, 3, 3])
    matches = Matches(Pairs(left, right, np.ones(3, np.float32)), ("a", "b", "c"))
    assert [matches.reason(*pair) for pair in ((0, 1), (3, 0), (2, 3), (3, 2), (1, 2), (1, 3), (3, 4), (0, 2))] == [
        "a", "b", "c", "c", None, None, None, None,
    ]  # fmt: skip


class Scene:
    """Two files of one picture and one of another, read."""

    def __init__(self, path) -> None:
        image = texture(1, (240, 180))
        self.files = {
            "a": encoded(image),
            "b": encoded(image, "JPEG", quality=88),
            "c": encoded(texture(2, (240, 180))),
        }
        source, embedder = MemorySource(self.files), Thumbnail()
        self.source = source
        self.store = Store(path, QUIET)
        self.reader = Reader(source, embedder, self.store)
        tasks = sorted(source.tasks(), key=lambda task: task.id)
        self.images = self.reader.read(tasks, QUIET)
        self.nodes = collapse(tasks, self.images)
        self.pairs = propose(self.nodes, self.images, -1.0, NeighbourSearch())

    def verify(self) -> Matches:
        verifier = Verifier(self.store, self.reader, self.images, model="m", strict=0.97, workers=2)
        return verifier.verify(self.pairs, self.nodes, QUIET)


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path / "store.sqlite3")
    yield made
    made.store.close()


def test_only_one_view_of_one_scene_passes(scene):
    assert len(scene.pairs.left) == 3
    matches = scene.verify()
    assert list(zip(matches.pairs.left.tolist(), matches.pairs.right.tolist(), strict=True)) == [(0, 1)]
    assert matches.reasons[0].startswith("geometry (")


def test_lost_features_are_made_again(scene, tmp_path):
    expected = scene.verify()
    scene.store.close()
    scene.store = scene.reader._store = Store(tmp_path / "new.sqlite3", QUIET)
    assert scene.verify().reasons == expected.reasons
    assert all(scene.store.has_features(record.pixels, FEATURES) for record in scene.images.records)


def test_what_cannot_be_had_again_is_kept_and_not_remembered(scene, tmp_path):
    scene.store.close()
    scene.store = scene.reader._store = Store(tmp_path / "new.sqlite3", QUIET)
    files = dict(scene.files)
    scene.source._images = {"a": files["c"], "c": files["c"]}  # one was changed, one is gone
    assert scene.verify().reasons == ()
    scene.source._images = files
    assert len(scene.verify().reasons) == 1
