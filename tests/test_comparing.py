"""Two images, the nearest of one, and whether one is there: the same verdicts as a plan's."""

from dataclasses import replace
from itertools import combinations

import annoy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example
from hypothesis import strategies as st
from PIL import ImageOps

from labelonce.catalogue import save_catalogue
from labelonce.comparing import checking
from labelonce.comparing.checking import check
from labelonce.comparing.likeness import Likeness, Look, Subject, measure_of, similarity
from labelonce.comparing.vicinity import _nodes, _ranked, nearest
from labelonce.embedding.memory import Thumbnail
from labelonce.errors import ConfigurationError
from labelonce.label_studio.server import Server
from labelonce.neighbours import NeighbourSearch
from labelonce.pipeline import find_clusters
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource
from labelonce.sources.memory import MemorySource
from labelonce.sources.named import Named, NamedSource, files_of
from labelonce.store import ImageRecord, Store
from labelonce.tasks import Task
from pictures import encoded, texture
from web import Web, reply

QUIET = Progress()
SIDE = (320, 240)
NAMES = ("a.png", "a2.png", "a3.png", "a4.jpg", "a5.jpg", "b.png", "b2.jpg", "c.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A scene in five files, one of them mirrored; another one twice, once with something else in it; and a third."""
    folder = tmp_path_factory.mktemp("photos")
    a, b, c = (texture(seed, SIDE) for seed in (1, 2, 3))
    changed = b.copy()
    changed.paste(texture(4, SIDE).crop((0, 0, 80, 90)), (120, 80))
    contents = (
        encoded(a),
        encoded(a),
        encoded(a, "PNG", compress_level=1),
        encoded(a, "JPEG", quality=88),
        encoded(ImageOps.mirror(a), "JPEG", quality=90),
        encoded(b),
        encoded(changed, "JPEG", quality=90),
        encoded(c),
    )
    for name, content in zip(NAMES, contents, strict=True):
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(model="thumbnail", store=tmp_path_factory.mktemp("store") / "store.sqlite3")


@pytest.fixture
def source(photos):
    return FolderSource(photos, max_bytes=1 << 24)


# ------------------------------------------------------------------------------------------------------ two images


@pytest.mark.parametrize(
    "changes",
    [{}, {"verify": "none"}, {"level": "scene"}, {"level": "copies", "invariant": "mirror"}, {"eps": "99%"}],
)
def test_the_verdict_is_the_plans(photos, source, settings, changes):
    settings = replace(settings, **changes)
    found = find_clusters(source, settings, QUIET, every=True)
    node_of = {task.id: number for number, node in enumerate(found.nodes) for task in node.tasks}
    verdicts = set()
    for one, other in combinations(NAMES, 2):
        like = similarity(photos / one, photos / other, settings)
        match = found.matches.find(node_of[one], node_of[other])
        assert like.duplicates == (node_of[one] == node_of[other] or match is not None), (one, other, like)
        if match is not None:
            assert like.similarity == pytest.approx(100 * match[0], abs=1e-3)
            assert settings.verify == "none" or like.reason == match[1]
        verdicts.add(like.duplicates)
    assert verdicts == {True, False}


def test_copies_are_told_as_such(photos, settings):
    found = [similarity(photos / "a.png", photos / name, settings) for name in ("a.png", "a2.png", "a3.png")]
    assert [one.reason for one in found] == ["byte copy", "byte copy", "same pixels"]
    assert all(one.duplicates and one.similarity == 100.0 for one in found)


def test_the_view_is_told(photos, settings):
    straight = similarity(photos / "a.png", photos / "a5.jpg", settings)
    assert not straight.duplicates
    held = similarity(photos / "a.png", photos / "a5.jpg", replace(settings, invariant="mirror,rotate"))
    assert (held.duplicates, held.view) == (True, "mirror")
    assert held.reason == "mirror: the same picture"
    assert held.similarity > 99 > straight.similarity
    as_it_is = similarity(photos / "a.png", photos / "a4.jpg", replace(settings, invariant="mirror,rotate"))
    assert (as_it_is.duplicates, as_it_is.view) == (True, "")


def test_a_rejection_says_what_is_missing(photos, settings):
    changed = similarity(photos / "b.png", photos / "b2.jpg", settings)
    assert not changed.duplicates
    assert changed.reason == "something in them is different"
    assert changed.level == "near"
    assert similarity(photos / "b.png", photos / "b2.jpg", replace(settings, level="scene")).duplicates
    other = similarity(photos / "a.png", photos / "c.png", settings)
    assert other.reason == "less alike than the 80 % from which on pairs are looked at"
    plain = similarity(photos / "a.png", photos / "c.png", replace(settings, verify="none"))
    assert (plain.reason, plain.level) == ("less than 95 % alike", None)


def test_the_level_comes_from_the_project(photos, settings):
    for controls, level in (("RectangleLabels", "near"), ("Choices", "near"), ("Pairwise", "equal")):
        found = similarity(photos / "b.png", photos / "b2.jpg", settings, controls=(controls,))
        assert (found.duplicates, found.level) == (False, level)
    assert found.reason == "only equal pixels count here"


def tasks_of(photos, **images):
    """Tasks in memory, with the pictures of the folder as images."""
    contents = {name: (photos / name).read_bytes() for name in NAMES}
    return MemorySource(contents, [Task(name, tuple(names)) for name, names in images.items()])


def named(source, number=0):
    task = list(source.tasks())[number]
    return Named(str(task.id), source, task)


def test_tasks_of_several_images_are_compared_in_order(photos, settings):
    source = tasks_of(photos, one=["a.png", "b.png"], two=["a4.jpg", "b.png"], turned=["b.png", "a.png"])
    found = similarity(named(source), named(source, 1), settings)
    assert found.duplicates
    assert "same pixels" in found.reason
    least = similarity(photos / "a.png", photos / "a4.jpg", settings)
    assert found.similarity == pytest.approx(least.similarity)
    assert not similarity(named(source), named(source, 2), settings).duplicates
    with pytest.raises(ConfigurationError, match=r"'one' has 2 images and .*c.png' 1"):
        similarity(named(source), photos / "c.png", settings)


def asked(photos):
    """One photo with two questions and a copy with one of them, and other photos with either."""
    contents = {name: (photos / name).read_bytes() for name in NAMES}
    cat, dog = "$question cat\n$where here", "$question dog\n$where here"
    said = {1: ("a.png", cat), 2: ("a2.png", dog), 3: ("a4.jpg", dog), 4: ("b.png", cat), 5: ("c.png", dog)}
    return MemorySource(contents, [Task(task, (name,), context) for task, (name, context) in said.items()])


def test_what_else_is_shown_has_to_be_equal(photos, settings):
    source = asked(photos)
    found = similarity(named(source), named(source, 1), settings)
    assert found == Likeness(100.0, False, "what is shown beside the picture differs: $question", "near")
    assert similarity(named(source, 1), named(source, 2), settings).duplicates
    assert similarity(named(source), photos / "a.png", settings).duplicates
    neighbours = nearest(named(source), source, settings, k=2).found
    assert [(one.task, one.likeness.duplicates) for one in neighbours] == [(2, False), (3, False)]


def test_what_else_is_shown_has_to_be_equal_where_it_is_looked_up(photos, tmp_path):
    source, settings = asked(photos), Settings(model="thumbnail", store=tmp_path / "store.sqlite3")
    find_clusters(source, settings, QUIET)
    one, two, three, *_ = check(
        [named(source, number) for number in range(5)], source.identity, settings, source=lambda: source
    )
    differs = "what is shown beside the picture differs: $question"
    assert (one.there, one.tasks, one.likeness.reason) == (False, (2,), differs)
    assert (two.there, two.tasks) == (True, (3,))
    assert (three.there, three.tasks) == (True, (2,))
    (file,) = check([photos / "a.png"], source.identity, settings)
    assert (file.there, file.tasks) == (True, (1, 2))
    settings.store.unlink()
    (one,) = check([named(source)], source.identity, settings)
    assert (one.there, one.tasks, one.likeness.reason) == (False, (2,), differs)


def test_an_image_that_cannot_be_compared(photos, settings, tmp_path):
    (tmp_path / "page.jpg").write_text("<html>please log in</html>")
    with pytest.raises(ConfigurationError, match=r"page.jpg' cannot be compared: .*web page"):
        similarity(photos / "a.png", tmp_path / "page.jpg", settings)
    with pytest.raises(ConfigurationError, match="more than max_bytes = 10"):
        similarity(photos / "a.png", photos / "c.png", replace(settings, max_bytes=10, store=tmp_path / "new.sqlite3"))


def test_what_is_no_image(photos, settings, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("", "nothing.png", "ftp://host/a.png", "\0", "x" * 5000, str(tmp_path / "loop")):
        with pytest.raises(ConfigurationError, match="is no file and no"):
            similarity(photos / "a.png", name, settings)
    with pytest.raises(ConfigurationError, match="is a folder"):
        similarity(photos / "a.png", photos, settings)


# ------------------------------------------------------------------------------------------------------------ URLs


@pytest.fixture
def web(photos):
    made = Web()
    made.answer = lambda handler: reply(handler, (photos / handler.path.rpartition("/")[2]).read_bytes())
    yield made
    made.close()


def test_a_url_is_an_image(photos, settings, web):
    found = similarity(f"{web.url}/deep/a4.jpg", photos / "a.png", settings)
    assert found == similarity(photos / "a4.jpg", photos / "a.png", settings)
    assert web.seen == [("/deep/a4.jpg", None)]
    with pytest.raises(ConfigurationError, match=r"cannot be compared: .*max_bytes"):
        similarity(f"{web.url}/a.png", photos / "a.png", replace(settings, max_bytes=100))


def test_the_token_goes_to_label_studio_only(web, photos):
    other = Web()
    try:
        source = NamedSource(timeout=5, max_bytes=1 << 24, server=Server(other.url, "secret"))
        image = source.image(f"{web.url}/a.png")
        assert source.read(image.task, image.task.images[0]).data == (photos / "a.png").read_bytes()
        assert [key for _, key in web.seen] == [None]
        own = source.image(f"{other.url}/data/upload/a.png")
        source.read(own.task, own.task.images[0])
        assert other.seen == [("/data/upload/a.png", "Token secret")]
        other.answer = lambda handler: reply(handler, status=302, Location=f"{web.url}/b.png")
        source.read(own.task, own.task.images[0])
        assert web.seen[-1] == ("/b.png", None)
    finally:
        other.close()


# --------------------------------------------------------------------------------------------------------- nearest


def listed(found):
    return [(one.rank, one.task, round(one.likeness.similarity), one.likeness.duplicates) for one in found.found]


def test_the_nearest_in_order(photos, source, settings):
    found = nearest(photos / "a4.jpg", source, settings, k=4)
    assert listed(found)[:3] == [(1, "a.png", 100, True), (2, "a2.png", 100, True), (3, "a3.png", 100, True)]
    assert found.compared == len(NAMES) - 1
    everything = nearest(photos / "a4.jpg", source, settings, k=100)
    assert everything.found[:4] == found.found
    assert len(everything.found) == len(NAMES) - 1
    similarities = [one.likeness.similarity for one in everything.found]
    assert similarities == sorted(similarities, reverse=True)
    for one in everything.found:
        assert one.likeness == similarity(photos / one.task, photos / "a4.jpg", settings)


def test_an_image_is_not_its_own_neighbour_and_its_copies_are(photos, source, settings, tmp_path):
    found = nearest(photos / "a.png", source, settings, k=3)
    assert listed(found)[:2] == [(1, "a2.png", 100, True), (2, "a3.png", 100, True)]
    assert [one.likeness.reason for one in found.found[:2]] == ["byte copy", "same pixels"]
    (tmp_path / "link").symlink_to(photos)
    assert nearest(tmp_path / "link" / "a.png", source, settings, k=3) == found
    (own,) = (one for one in files_of(photos, source) if one.task.id == "a.png")
    assert nearest(own, source, settings, k=3) == found
    (tmp_path / "elsewhere.png").write_bytes((photos / "a.png").read_bytes())
    assert [one.task for one in nearest(tmp_path / "elsewhere.png", source, settings, k=2).found] == ["a.png", "a2.png"]


def test_the_order_of_the_source_does_not_matter(photos, settings):
    contents = {name: (photos / name).read_bytes() for name in NAMES}
    found = [
        nearest(photos / "b.png", MemorySource(dict(sorted(contents.items(), reverse=turned))), settings, k=5).found
        for turned in (False, True)
    ]
    assert found[0] == found[1]


def test_one_image_is_compared_with_every_image_of_a_task(photos, settings):
    source = tasks_of(photos, one=["b.png", "a2.png"], two=["c.png"], three=["a4.jpg", "c.png"])
    found = nearest(photos / "a.png", source, settings, k=2)
    assert [(one.task, one.image) for one in found.found] == [("one", 2), ("three", 1)]
    assert found.compared == 5
    several = nearest(named(source), source, settings)
    assert [(one.task, one.image) for one in several.found] == [("three", None)]


def test_unreadable_images_are_told(photos, settings, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"nothing")
    (tmp_path / "c.png").write_bytes((photos / "c.png").read_bytes())
    found = nearest(photos / "a.png", FolderSource(tmp_path, max_bytes=1 << 24), settings)
    assert [one.task for one in found.found] == ["c.png"]
    assert list(found.problems) == ["broken.png"]
    (tmp_path / "c.png").unlink()
    assert nearest(photos / "a.png", FolderSource(tmp_path, max_bytes=1 << 24), settings).found == ()


def test_less_than_one_neighbour_is_refused(photos, source, settings):
    with pytest.raises(ConfigurationError, match="k = 0"):
        nearest(photos / "a.png", source, settings, k=0)


def test_annoy_is_asked_with_its_parameters(photos, source, settings, monkeypatch):
    exact = nearest(photos / "a4.jpg", source, settings, k=4)
    asked = []

    class Noting(annoy.AnnoyIndex):
        def __new__(cls, dimension, metric):
            asked.append(metric)
            return super().__new__(cls, dimension, metric)

        def build(self, trees, **options):
            asked.append(trees)
            return super().build(trees, **options)

        def get_nns_by_vector(self, vector, k, search_k):
            asked.append((k, search_k))
            return super().get_nns_by_vector(vector, k, search_k)

    monkeypatch.setattr(annoy, "AnnoyIndex", Noting)
    changes = {"engine": "annoy", "n_trees": 7, "search_k": 1000, "metric": "euclidean"}
    found = nearest(photos / "a4.jpg", source, replace(settings, **changes), k=4)
    assert asked == ["euclidean", 7, (4, 1000)]
    assert found == exact


@pytest.mark.parametrize("metric", ["angular", "euclidean", "dot"])
def test_annoy_with_views_and_several_images(photos, settings, metric):
    source = tasks_of(
        photos, one=["a.png", "b.png"], two=["a4.jpg", "b.png"], three=["a5.jpg", "c.png"], four=["c.png"]
    )
    settings = replace(settings, engine="annoy", metric=metric, invariant="mirror")
    found = nearest(named(source), source, settings)
    assert [one.task for one in found.found] == ["two", "three"]


@example(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=0, max_size=30), st.integers(1, 12), st.integers(0, 1 << 20))
def test_ranks_are_those_of_sorting_everything(rows, k, seed):
    vectors = np.random.default_rng(seed).integers(-1, 2, (11, 4)).astype(np.float32)  # many ties
    vectors[:, 0] += 3
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tasks = [Task(number, ("x",)) for number in range(len(rows))]
    records = [ImageRecord("", str(row), 1, 1, 0.0) for row in range(10)]
    images = KnownImages(records, vectors[:10], {task.id: (rows[task.id],) for task in tasks}, {}, {}, [], tasks=tasks)
    subject = Subject((Look("another", vectors[10], lambda: None, lambda: None),))
    ranked = _ranked(_nodes(tasks, images, 1, None), images, subject, NeighbourSearch(), k)
    cosine = {task.id: float(np.einsum("d,d->", vectors[rows[task.id]], vectors[10], dtype=float)) for task in tasks}
    assert [place.task.id for place in ranked] == sorted(cosine, key=lambda task: (-cosine[task], task))[:k]


# ----------------------------------------------------------------------------------------------------------- check


class Silent(MemorySource):
    """A source that nobody may ask."""

    def tasks(self):
        raise AssertionError

    def read(self, task, location, known=None):
        raise AssertionError


@pytest.fixture
def known(photos, tmp_path):
    """A folder that a run knows: `a.png`, its mirror image, `b.png` and a copy of it."""
    folder = tmp_path / "known"
    folder.mkdir()
    for name in ("a.png", "a5.jpg", "b.png"):
        (folder / name).write_bytes((photos / name).read_bytes())
    (folder / "b again.png").write_bytes((photos / "b.png").read_bytes())
    return FolderSource(folder, max_bytes=1 << 24)


@pytest.fixture
def run(known, tmp_path):
    made = Settings(model="thumbnail", store=tmp_path / "store.sqlite3")
    find_clusters(known, made, QUIET)
    return made


def test_what_is_there_and_what_is_not(photos, known, run):
    wanted = [photos / name for name in ("a2.png", "a4.jpg", "b.png", "b2.jpg", "c.png")]
    answers = check(wanted, known.identity, run)
    assert [one.image for one in answers] == [str(path) for path in wanted]
    assert [one.there for one in answers] == [True, True, True, False, False]
    assert [one.tasks for one in answers[:4]] == [("a.png",), ("a.png",), ("b again.png", "b.png"), answers[2].tasks]
    assert answers[0].likeness.reason == "same pixels"
    for path, one in zip(wanted, answers, strict=True):
        like = similarity(f"{known.identity}/{one.tasks[0]}", path, run)
        assert replace(like, reason="") == replace(one.likeness, reason="")
        assert like.reason.replace("byte copy", "same pixels") == one.likeness.reason
    assert [one.there for one in check([photos / "a4.jpg"], known.identity, replace(run, verify="none"))] == [True]


class Counting(FolderSource):
    """A folder that is not listed, and remembers what was read."""

    def __init__(self, folder):
        super().__init__(folder, max_bytes=1 << 24)
        self.read_names = set()

    def tasks(self):
        raise AssertionError

    def read(self, task, location, known=None):
        self.read_names.add(location)
        return super().read(task, location, known)


def test_only_what_is_compared_closely_is_read_again(photos, known, run):
    source = Counting(known._folder)
    wanted = [photos / name for name in ("a2.png", "a4.jpg", "c.png")]
    assert [one.there for one in check(wanted, known.identity, run, source=lambda: source)] == [True, True, False]
    assert source.read_names == {"a.png"}


def test_what_cannot_be_looked_at_closely_any_more_is_in_doubt(photos, known, run):
    for path in known._folder.iterdir():
        path.unlink()
    wanted = [photos / name for name in ("a2.png", "a4.jpg", "c.png")]
    answers = check(wanted, known.identity, run)
    assert [one.there for one in answers] == [True, False, False]
    assert answers[1].likeness.reason == "one of the pictures could not be read again to look closely"
    (known._folder / "a.png").write_bytes((photos / "c.png").read_bytes())  # another picture in its place
    assert [one.there for one in check(wanted, known.identity, run)] == [True, False, False]


def test_views_are_looked_up_too(photos, known, run):
    (known._folder / "a.png").unlink()
    find_clusters(known, run, QUIET)
    (answer,) = check([photos / "a4.jpg"], known.identity, run)
    assert not answer.there
    (answer,) = check([photos / "a4.jpg"], known.identity, replace(run, invariant="mirror"))
    assert (answer.there, answer.tasks, answer.likeness.view) == (True, ("a5.jpg",), "mirror")


def test_an_image_is_not_its_own_answer(known, run):
    own = {one.task.id: one for one in files_of(known._folder, known)}
    by_path = [f"{known.identity}/{name}" for name in own]
    for images in (list(own.values()), by_path):
        found = dict(zip(own, check(images, known.identity, run), strict=True))
        assert {name: one.there for name, one in found.items()} == {
            "a.png": False,
            "a5.jpg": False,
            "b again.png": True,
            "b.png": True,
        }
        assert found["b.png"].tasks == ("b again.png",)


def test_without_features_the_similarity_decides_and_says_so(photos, known, run):
    store = Store(run.store_path, QUIET)
    store._write(("DELETE FROM features WHERE pixels = pixels OR ? = 1", [(1,)]))
    store.close()
    answers = check([photos / "a4.jpg", photos / "b2.jpg"], known.identity, run)
    assert [one.there for one in answers] == [True, answers[1].likeness.similarity >= 95]
    assert {one.likeness.reason for one in answers} == {"by similarity alone: the features are not in the store"}


def test_a_store_that_was_deleted(photos, known, run):
    run.store_path.unlink()
    answers = check([photos / "a4.jpg", photos / "c.png"], known.identity, run)
    assert [one.there for one in answers] == [True, False]
    assert {one.likeness.reason for one in answers} == {"by similarity alone: the features are not in the store"}
    assert answers[0].likeness.similarity == pytest.approx(99.9, abs=0.2)
    run.store_path.unlink()
    (answer,) = check([photos / "a2.png"], known.identity, run)
    assert (answer.there, answer.likeness.reason) == (True, "same pixels")


def test_an_unreadable_image_is_an_answer(photos, known, run, tmp_path):
    (tmp_path / "page.jpg").write_text("<html>")
    page, a = check([tmp_path / "page.jpg", photos / "a.png"], known.identity, run)
    assert (page.there, page.likeness, a.there) == (None, None, True)
    assert page.problem
    several = tasks_of(photos, one=["a.png", "b.png"])
    (answer,) = check([named(several)], known.identity, run)
    assert answer.there is None
    assert "2 images" in answer.problem


def test_an_empty_catalogue(photos, run, tmp_path):
    source = Silent({})
    nothing = KnownImages([], np.zeros((0, Thumbnail.dimension), np.float32), {}, {}, {}, [])
    save_catalogue(run.store_path, source, Thumbnail.identity, nothing, QUIET)
    (answer,) = check([photos / "a.png"], source.identity, run)
    assert (answer.there, answer.tasks, answer.likeness) == (False, (), None)


def test_where_nothing_is_known_the_error_says_what_makes_it_known(photos, known, run):
    for identity, changes, command in [
        ("http://host:8080/ls/projects/12", {}, "labelonce plan --project 12 --model thumbnail"),
        ("/photos of us", {}, "labelonce folder '/photos of us' --model thumbnail"),
        (known.identity, {"model": "dct"}, f"labelonce folder {known.identity} --model dct"),
        (known.identity, {"roi": "0,0,50,50"}, f"labelonce folder {known.identity} --model thumbnail --roi 0,0,50,50"),
    ]:
        with pytest.raises(ConfigurationError) as caught:
            check([photos / "a.png"], identity, replace(run, **changes))
        assert str(caught.value).endswith(command)
    with pytest.raises(ConfigurationError, match="has no predictions"):
        check([photos / "a.png"], known.identity, replace(run, roi_from_predictions=True))


def test_a_region_counts(photos, known, run, tmp_path):
    run = replace(run, roi="0,0,30,100")  # what changed lies outside of it
    find_clusters(known, run, QUIET)
    (answer,) = check([photos / "b2.jpg"], known.identity, run)
    assert answer.there
    assert similarity(f"{known.identity}/b.png", photos / "b2.jpg", run).duplicates


def test_as_many_look_alikes_are_compared_as_are_worth_it(photos, known, run, monkeypatch):
    monkeypatch.setattr(checking, "CANDIDATES", 1)
    assert [one.there for one in check([photos / "a4.jpg"], known.identity, run)] == [True]


def test_a_measure_needs_no_project():
    measure = measure_of(Settings(model="thumbnail", eps="99%"), Thumbnail())
    assert (measure.threshold, measure.alone, measure.level) == (0.99, 0.99, "near")
    assert measure_of(Settings(), Thumbnail(), ("Pairwise",)).level == "equal"
