"""What is read is the same however it is read: at once or in turn, anew or from the store, whole or in part."""

import gc
import threading
import time
import tracemalloc
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from labelonce import fetching, reading
from labelonce.embedding.memory import Thumbnail
from labelonce.features import extract
from labelonce.images.decoding import decode
from labelonce.images.regions import Region
from labelonce.images.views import VIEWS
from labelonce.progress import Progress
from labelonce.reading import FEATURES, KnownImages, Reader
from labelonce.sources.base import Content
from labelonce.sources.folder import FolderSource
from labelonce.sources.memory import MemorySource
from labelonce.store import Store
from labelonce.tasks import Task
from pictures import encoded, texture

QUIET = Progress()


@pytest.fixture(scope="module")
def files():
    """Forty pictures, some of them twice, and some that are none."""
    made = {f"{seed:02}.jpg": encoded(texture(seed, (120, 90)), "JPEG") for seed in range(40)}
    made |= {f"copy of {seed:02}.jpg": made[f"{seed:02}.jpg"] for seed in range(0, 40, 3)}
    made |= {f"{seed:02}.png": encoded(texture(seed, (120, 90))) for seed in range(0, 40, 7)}
    made |= {f"{seed:02}.bmp": encoded(texture(seed, (120, 90)), "BMP") for seed in range(0, 40, 7)}
    return {**made, "page.jpg": b"<html>please log in</html>", "empty.jpg": b""}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


class Counting(MemorySource):
    """Counts what is asked for, and what is handed out."""

    def __init__(self, files, tasks=None) -> None:
        super().__init__(files, tasks)
        self.asked: list[str] = []
        self.given: list[str] = []

    def read(self, task, location, known=None):
        self.asked.append(location)
        content = super().read(task, location, known)
        if content is not None:
            self.given.append(location)
        return content


def read(source, path=None, progress=QUIET, **options) -> KnownImages:
    with closing(Store(path, QUIET)) as store:
        tasks = sorted(source.tasks(), key=lambda task: str(task.id))
        return Reader(source, options.pop("embedder", Thumbnail()), store, **options).read(tasks, progress)


def same(one: KnownImages, other: KnownImages) -> bool:
    plain = [replace(images, vectors=0, views={}) for images in (one, other)]
    views = one.views.keys() == other.views.keys()
    return (
        plain[0] == plain[1]
        and np.allclose(one.vectors, other.vectors, atol=1e-6)
        and views
        and all(np.allclose(one.views[name], other.views[name], atol=1e-6) for name in one.views)
    )


def test_every_picture_has_one_row(files):
    images = read(MemorySource(files))
    assert sorted(images.problems) == ["empty.jpg", "page.jpg"]
    assert len(images.records) == len(images.vectors) == len(images.origins) == 40 + 6
    assert images.rows["00.png"] == images.rows["00.bmp"]
    assert images.digests["00.png"] != images.digests["00.bmp"]
    assert (images.rows["03.jpg"], images.digests["03.jpg"]) == (
        images.rows["copy of 03.jpg"], images.digests["copy of 03.jpg"]
    )  # fmt: skip
    for name in ("05.jpg", "07.png"):
        (row,) = images.rows[name]
        picture = decode(files[name])
        assert images.records[row].pixels == picture.digest
        embedder = Thumbnail()
        np.testing.assert_allclose(images.vectors[row], embedder.embed([embedder.prepare(picture)])[0], atol=1e-6)


def test_neither_threads_nor_speed_change_the_outcome(files):
    class Uneven(MemorySource):
        def read(self, task, location, known=None):
            time.sleep(hash(location) % 7 / 1000)
            return super().read(task, location, known)

    expected = read(MemorySource(files), workers=1)
    for workers in (1, 3, 16):
        assert same(read(Uneven(files), workers=workers), expected)


def test_fetches_overlap(files):
    """Sixteen at once: none of these goes on before the others have come."""
    together = threading.Barrier(16)

    class Meeting(MemorySource):
        def read(self, task, location, known=None):
            if location.startswith("meet"):
                together.wait(30)
            return super().read(task, location, known)

    some = {name: data for name, data in files.items() if name < "20"}
    meeting = {f"meet {number:02}": files["00.jpg"] for number in range(32)}
    assert len(read(Meeting(some | meeting), workers=16).rows) == len(some) + 32


def test_decoding_and_embedding_overlap(files, monkeypatch):
    together = threading.Barrier(2)
    monkeypatch.setattr(reading, "cores", lambda: 2)
    monkeypatch.setattr(fetching, "BATCH", 4)

    class Meeting(Thumbnail):
        def embed(self, batch):
            together.wait(30)
            return super().embed(batch)

    pictures = {f"{seed}.png": encoded(texture(seed, (60, 40))) for seed in range(16)}
    assert len(read(MemorySource(pictures), embedder=Meeting()).rows) == 16


@pytest.mark.parametrize(("size", "most"), [(0, 4 * 4 + 8 * 4), (1 << 20, 10)])
def test_files_under_way_are_few_and_fewer_when_they_are_large(files, monkeypatch, size, most):
    """However slow the decoding is."""
    under_way, peak, lock = set(), 0, threading.Lock()
    monkeypatch.setattr(reading, "cores", lambda: 1)
    monkeypatch.setattr(fetching, "BYTES_AHEAD", 1 << 22)
    monkeypatch.setattr(fetching, "BATCH_BYTES", 1 << 19)
    monkeypatch.setattr(fetching, "FIRST_GUESS", 1 << 20)
    original = reading.decode

    def slow(data, **options):
        time.sleep(0.002)
        return original(data, **options)

    monkeypatch.setattr(reading, "decode", slow)

    class Padded(MemorySource):
        def read(self, task, location, known=None):
            nonlocal peak
            with lock:
                under_way.add(location)
                peak = max(peak, len(under_way))
            content = super().read(task, location, known)
            return Content(content.data + bytes(size), None)

    source = Padded({f"{number:03}": files["00.png"] for number in range(100)})

    class Seen(Progress):
        done = 0

        @contextmanager
        def stage(self, title, total=None):
            def advance(count):
                with lock:
                    under_way.discard(f"{self.done:03}")
                self.done += count

            yield advance

    read(source, workers=4, progress=Seen())
    assert not under_way
    assert 4 <= peak <= most


def test_the_second_run_fetches_and_decodes_nothing(files, path, monkeypatch):
    usable = {name: data for name, data in files.items() if data[:1] not in (b"", b"<")}
    first = read(Counting(usable), path)
    monkeypatch.setattr(reading, "decode", lambda *_, **__: pytest.fail("decoded again"))
    source = Counting(usable)
    assert same(read(source, path), first)
    assert (len(source.asked), source.given) == (len(usable), [])


def test_a_picture_that_is_met_again_in_other_bytes_is_remembered(path, monkeypatch):
    """Its features and vectors are those of the first file, which may be written together with it."""
    monkeypatch.setattr(reading, "cores", lambda: 1)
    monkeypatch.setattr(fetching, "BATCH", 1)
    image = texture(1, (60, 40))
    some = {f"{seed:02}": encoded(texture(seed, (60, 40))) for seed in range(10, 20)}
    files = {"00": encoded(image), **some, "99": encoded(image, "BMP")}
    first = read(MemorySource(files), path)
    assert first.rows["00"] == first.rows["99"]
    monkeypatch.setattr(reading, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert same(read(MemorySource(files), path), first)


def test_a_folder_is_not_read_twice(files, path, tmp_path, monkeypatch):
    monkeypatch.setattr("labelonce.sources.folder.RACY_NS", 0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("00.jpg", "01.jpg", "02.jpg"):
        (folder / name).write_bytes(files[name])
    source = FolderSource(folder, max_bytes=1_000_000)
    first = read(source, path)
    with monkeypatch.context() as patch:
        patch.setattr("labelonce.roots.Place.reading", lambda *_: pytest.fail("read again"))
        assert same(read(source, path), first)
    (folder / "01.jpg").write_bytes(files["05.jpg"])
    again = read(source, path)
    assert again.digests["01.jpg"] == read(MemorySource(files)).digests["05.jpg"]
    assert again.digests["00.jpg"] == first.digests["00.jpg"]


def test_what_moved_is_fetched_but_not_decoded(files, path, monkeypatch):
    some = {name: files[name] for name in ("00.jpg", "01.jpg", "02.jpg")}
    first = read(MemorySource(some), path)
    monkeypatch.setattr(reading, "decode", lambda *_, **__: pytest.fail("decoded again"))
    source = Counting({f"moved {name}": data for name, data in some.items()})
    assert np.array_equal(read(source, path).vectors, first.vectors)
    assert len(source.given) == 3
    source.given.clear()
    read(source, path)
    assert source.given == []


def test_what_another_run_did_not_need_is_made_now(files, path):
    some = {name: files[name] for name in ("00.jpg", "01.jpg", "02.jpg")}
    read(MemorySource(some), path, with_features=False)
    images = read(MemorySource(some), path, views=("mirror",))
    with closing(Store(path, QUIET)) as store:
        assert store.featured([record.pixels for record in images.records], FEATURES) == {
            record.pixels for record in images.records
        }
    assert list(images.views) == ["mirror"]
    source = Counting(some)
    assert same(read(source, path, views=("mirror",)), images)
    assert source.given == []


def test_a_source_that_takes_everything_for_known(files):
    class Sure(MemorySource):
        def read(self, task, location, known=None):
            return None

    assert read(Sure({"a": files["00.jpg"]})).problems == {"a": "its source takes it for known, but it is not"}


def test_one_bad_image_spoils_its_task_only(files):
    tasks = [Task(1, ("00.jpg", "page.jpg")), Task(2, ("00.jpg", "01.jpg")), Task(3, ("gone.jpg", "page.jpg"))]
    images = read(MemorySource(files, tasks))
    assert images.rows.keys() == images.digests.keys() == {2}
    assert "web page" in images.problems[1]
    assert images.problems[3] == "there is no image gone.jpg"  # the first that is wrong


def test_an_interrupt_drops_what_has_not_begun(files):
    source = Counting({f"{number:03}": files["00.jpg"] for number in range(500)})

    class Interrupting(Progress):
        @contextmanager
        def stage(self, title, total=None):
            def advance(_count):
                raise KeyboardInterrupt

            yield advance

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        read(source, workers=4, progress=Interrupting())
    assert len(source.asked) < 100
    assert threading.active_count() == before


def test_a_fault_of_the_programme_is_not_an_image_problem(files):
    class Broken(Thumbnail):
        def embed(self, batch):
            raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        read(MemorySource(files), embedder=Broken())


def framed(seed: int, side: int = 200) -> Image.Image:
    """Two scenes side by side; the right one is the same for all seeds."""
    image = Image.new("RGB", (2 * side, side))
    image.paste(texture(seed, (side, side)), (0, 0))
    image.paste(texture(99, (side, side)), (side, 0))
    return image


LEFT, RIGHT = Region(0, 0, 50, 100), Region(50, 0, 50, 100)


def test_only_the_region_counts():
    files = {f"{seed}": encoded(framed(seed)) for seed in range(3)}
    assert len(read(MemorySource(files)).records) == 3
    assert len(read(MemorySource(files), region=LEFT).records) == 3
    images = read(MemorySource(files), region=RIGHT)
    (record,) = images.records
    assert (record.width, record.height) == (200, 200)
    assert record.pixels == decode(encoded(texture(99, (200, 200)))).digest
    assert len(set(images.digests.values())) == 3


def test_a_task_may_name_the_regions_of_its_images():
    files = {"a": encoded(framed(1)), "b": encoded(framed(2))}
    tasks = [
        Task(1, ("a", "b"), regions=(LEFT, RIGHT)),
        Task(2, ("a", "a"), regions=(RIGHT, None)),
        Task(3, ("a", "b")),
        Task(4, ("a", "a"), regions=(LEFT, RIGHT)),
    ]
    images = read(MemorySource(files, tasks))
    assert images.rows[1][1] == images.rows[2][0] == images.rows[4][1]
    assert images.rows[1][0] == images.rows[4][0] != images.rows[2][0]
    assert images.rows[2][1] == images.rows[3][0]
    assert len(images.records) == 4
    # equal bytes say nothing about unequal regions
    assert len({images.digests[1][0], images.digests[2][0], images.digests[2][1]}) == 3
    assert images.digests[2][1] == images.digests[3][0]
    general = read(MemorySource(files, tasks), region=RIGHT)
    assert general.rows[3] == (general.rows[2][1],) * 2
    assert general.rows[1][0] != general.rows[2][1]


def test_regions_are_remembered_apart(path):
    files = {"a": encoded(framed(1))}
    for region in (None, LEFT, RIGHT, None, LEFT, RIGHT):
        source = Counting(files)
        images = read(source, path, region=region)
        assert images.records[0].pixels == decode(files["a"], region=region).digest
    assert source.given == []


def test_lost_features_of_a_region_are_made_again():
    source = MemorySource({"a": encoded(framed(1))}, [Task(1, ("a", "a"), regions=(LEFT, RIGHT))])
    with closing(Store(None, QUIET)) as store, closing(Store(None, QUIET)) as other:
        images = Reader(source, Thumbnail(), store).read(list(source.tasks()), QUIET)
        reader = Reader(source, Thumbnail(), other)
        for row, region in enumerate((LEFT, RIGHT)):
            expected = extract(decode(source.read(None, "a").data, region=region)).to_bytes()
            assert reader.features(images, row) == expected
            assert other.featured([images.records[row].pixels], FEATURES)


def test_views(files, path):
    some = {name: files[name] for name in ("00.jpg", "01.jpg")}
    image = texture(0, (120, 90))
    plain = read(MemorySource(some), path)
    images = read(MemorySource(some), path, views=tuple(VIEWS))
    assert np.array_equal(images.vectors, plain.vectors)
    assert plain.views == {}
    assert list(images.views) == list(VIEWS)
    assert {vectors.shape for vectors in images.views.values()} == {plain.vectors.shape}
    by_hand = {
        "mirror": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "turn 90": image.rotate(90, expand=True),
        "turn 180": image.rotate(180),
        "turn 270": image.rotate(270, expand=True),
        "mirror turn 90": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(90, expand=True),
        "mirror turn 180": image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        "mirror turn 270": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(270, expand=True),
    }
    others = read(MemorySource({name: encoded(turned, "PNG") for name, turned in by_hand.items()}))
    (row,) = images.rows["00.jpg"]
    for name in VIEWS:
        (other,) = others.rows[name]
        assert float(images.views[name][row] @ others.vectors[other]) > 0.99, name


def test_what_is_done_with_is_let_go(monkeypatch):
    """Features are ten times as large as all that is kept of an image."""
    monkeypatch.setattr(reading, "cores", lambda: 1)
    monkeypatch.setattr(reading, "WRITTEN", 8)
    alive = []

    class Counting(Progress):
        @contextmanager
        def stage(self, title, total=None):
            yield lambda _count: alive.append(sum(isinstance(one, reading._Outcome) for one in gc.get_objects()))

    pictures = {f"{seed}.png": encoded(texture(seed, (40, 30))) for seed in range(120)}
    assert len(read(MemorySource(pictures), progress=Counting()).records) == 120
    assert 1 <= max(alive) < 60


def test_what_is_kept_of_an_image_is_small_beside_its_vector(tmp_path, monkeypatch):
    """The pictures, thumbnails and files of those that were read are gone."""
    for module in (reading, fetching):
        monkeypatch.setattr(module, "TOGETHER", 32)
    monkeypatch.setattr(reading, "WRITTEN", 16)

    class Drawn(MemorySource):
        """Makes its files when they are asked for."""

        def read(self, task, location, known=None):
            if known is not None:
                return None
            flat = Image.new("RGB", (16, 12), (int(location) % 251, int(location) // 251, 0))
            return Content(encoded(flat, "BMP") + bytes(10_000), location)

    def held(path, count):
        source = Drawn({}, [Task(number, (f"{number}",)) for number in range(count)])
        tracemalloc.start()
        try:
            images = read(source, path)
            gc.collect()
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(images.records) == count
        return kept - images.vectors.nbytes, peak - images.vectors.nbytes

    held(None, 100)  # what is made once
    for _ in range(2):  # the second time from the store
        few, many = held(tmp_path / "few", 200), held(tmp_path / "many", 600)
        for before, after in zip(few, many, strict=True):
            assert (after - before) / 400 < 1500
