"""From tasks to a plan: what is found, who is kept, and that neither order nor time matters."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from labelonce import embedding
from labelonce.embedding.memory import Thumbnail
from labelonce.errors import ConfigurationError
from labelonce.pipeline import find_clusters, make_plan
from labelonce.planning import Plan, Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task, Touch
from pictures import encoded, texture

QUIET = Progress()
SIDE = (320, 240)


@pytest.fixture(scope="module")
def files():
    """Two scenes in several files each, and one that is alone; `a9` is `a1` with other metadata."""
    a, b, alone = (texture(seed, SIDE) for seed in (1, 2, 3))
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "a1": encoded(a),
        "a2": encoded(a),
        "a3": encoded(a, "PNG", compress_level=1),
        "a4": encoded(a, "JPEG", quality=90),
        "a5": encoded(a.rotate(90, expand=True), "PNG", exif=turned),
        "a6": encoded(a.crop((8, 6, 312, 234))),
        "a7": encoded(a.resize((640, 480))),
        "b1": encoded(b),
        "b2": encoded(b, "JPEG", quality=85),
        "c": encoded(alone),
        "broken": encoded(alone, "JPEG")[:900],
        "page": b"<html>please log in</html>",
        "empty": b"",
    }


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", verify="none", store=tmp_path / "store.sqlite3")


def plan(files, settings, tasks=None, **changes) -> Plan:
    return make_plan(MemorySource(files, tasks), replace(settings, **changes), QUIET)


def by_task(made: Plan):
    return {decision.task: decision for decision in made.decisions}


def only(files, *names):
    return {name: files[name] for name in names}


@pytest.mark.parametrize("verify", ["none", "geometry"])
def test_scenes_are_found(files, settings, verify):
    made = plan(files, settings, verify=verify)
    found = by_task(made)
    assert [decision.task for decision in made.decisions] == sorted(files)
    assert {task for task, one in found.items() if one.representative == "a7"} == {f"a{n}" for n in range(1, 8)}
    assert found["a7"].role is Role.REPRESENTATIVE  # the largest
    assert {one.cluster for task, one in found.items() if task[0] == "a"} == {"a1"}
    assert found["b2"].role is Role.DUPLICATE or found["b1"].role is Role.DUPLICATE
    assert [found[task].role for task in ("c", "broken", "page", "empty")] == [Role.UNIQUE] * 4
    assert made.clusters() == 2
    assert made.settings["verify"] == verify
    why = "the same picture" if verify == "geometry" else "embedding"
    assert why in found["a4"].reason
    assert found["a4"].representative == "a7"
    problems = dict(made.problems)
    assert sorted(problems) == ["broken", "empty", "page"]
    assert "web page" in problems["page"]
    assert found["broken"].reason == f"kept: {problems['broken']}"


def test_exact_copies_say_so(files, settings):
    found = by_task(plan(only(files, "a1", "a2", "a3", "a5"), settings, verify="geometry"))
    assert [found[task].reason for task in ("a1", "a2", "a3", "a5")] == [
        "stands for its duplicates",
        "byte copy",
        "same pixels",
        "same pixels",
    ]


@pytest.mark.parametrize("verify", ["none", "geometry"])
@pytest.mark.parametrize("settings_changes", [{}, {"representatives": "one"}, {"min_samples": 3}, {"eps": "90%"}])
def test_the_order_of_the_tasks_does_not_matter(files, settings, tmp_path, verify, settings_changes):
    tasks = [Task(number, (name,)) for number, name in enumerate(sorted(files))]
    made = plan(files, settings, tasks, verify=verify, **settings_changes)
    for seed in range(5):
        shuffled = random.Random(seed).sample(tasks, len(tasks))
        store = tmp_path / f"{seed}.sqlite3"
        assert plan(files, settings, shuffled, verify=verify, store=store, **settings_changes) == made
    assert plan(files, settings, tasks, verify=verify, **settings_changes) == made  # from the store


class Red(Thumbnail):
    """How red a picture is, is an angle of so many hundredths of a radian."""

    name = identity = "red"
    dimension = 2

    def prepare(self, picture):
        return picture.rgb[:1, 0, 0]

    def embed(self, batch):
        angle = np.array(batch, np.float64).reshape(len(batch)) / 100
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_the_order_of_the_tasks_does_not_decide_where_a_border_point_belongs(settings, monkeypatch):
    """Points on a line; c and d have four within reach, x between them has only these two."""
    monkeypatch.setattr(embedding, "load", lambda *_: Red())
    line = {"a": 0, "b": 3, "c": 28, "x": 56, "d": 84, "e": 109, "f": 112}
    files = {name: encoded(Image.new("RGB", (8, 8), (red, 0, 0))) for name, red in line.items()}
    settings = replace(settings, eps=str(1 - math.cos(0.3)), min_samples=4)

    def clusters(numbers: dict[str, int], seed: int) -> dict[str, int | None]:
        tasks = random.Random(seed).sample([Task(number, (name,)) for name, number in numbers.items()], len(numbers))
        made = make_plan(MemorySource(files, tasks), settings, QUIET)
        found = find_clusters(MemorySource(files, tasks), settings, QUIET)
        assert [decision.task for decision in made.decisions] == sorted(numbers.values())
        return dict(zip((node.tasks[0].images[0] for node in found.nodes), found.labels.tolist(), strict=True))

    forth = {name: number for number, name in enumerate("abcxdef")}
    back = {name: number for number, name in enumerate("fedxcba")}
    for seed in range(5):
        # the cluster of the first id is found first, and takes the point
        assert clusters(forth, seed) == {"a": 0, "b": 0, "c": 0, "x": 0, "d": 1, "e": 1, "f": 1}
        assert clusters(back, seed) == {"f": 0, "e": 0, "d": 0, "x": 0, "c": 1, "b": 1, "a": 1}


def test_several_images_match_in_order_and_in_number(files, settings):
    tasks = [
        Task(1, ("a1", "b1")),
        Task(2, ("a3", "b2")),
        Task(3, ("b1", "a1")),
        Task(4, ("a1",)),
        Task(5, ("a1", "b1", "b1")),
        Task(6, ("a1", "c")),
        Task(7, ("a2", "b1")),
        Task(8, ("a1", "page")),
    ]
    for verify in ("none", "geometry"):
        made = plan(files, settings, tasks, verify=verify)
        found = by_task(made)
        assert {task for task, one in found.items() if one.role is not Role.UNIQUE} == {1, 2, 7}
        assert [task for task, _ in made.problems] == [8]
    assert "same pixels; the same picture" in found[2].reason + found[1].reason


def test_what_else_is_labelled_must_be_equal(files, settings):
    tasks = [Task(1, ("a1",), "what?"), Task(2, ("a2",), "who?"), Task(3, ("a4",), "what?"), Task(4, ("a2",), "who?")]
    found = by_task(plan(files, settings, tasks))
    assert {frozenset((one.task, one.representative)) for one in found.values() if one.role is Role.DUPLICATE} == {
        frozenset((1, 3)), frozenset((2, 4))
    }  # fmt: skip


@pytest.mark.parametrize("touch", list(Touch))
@pytest.mark.parametrize("name", ["a2", "a4"])
def test_what_people_did_goes_first(files, settings, touch, name):
    """One task that people touched, among exact copies or beside near-duplicates of it."""
    tasks = [Task(1, ("a1",)), Task(2, ("a3",)), Task(3, (name,), touch=touch), Task(4, ("a7",))]
    found = by_task(plan(files, settings, tasks, verify="geometry"))
    others = [found[task] for task in (1, 2, 4)]
    if touch is Touch.NONE:
        assert {one.representative for one in found.values()} == {4}
    elif touch is Touch.SKIPPED:
        assert (found[3].role, found[3].reason) == (Role.UNIQUE, "kept: skipped by a person")
        assert {one.representative for one in others} == {4}
    else:
        assert [one.role for one in others] == [Role.DUPLICATE] * 3
        assert {one.representative for one in others} == {3}
        if touch is Touch.RETURNED:
            assert (found[3].role, found[3].reason) == (Role.KEPT, "kept: a person took the skip back")
        else:
            assert (found[3].role, found[3].reason) == (
                Role.REPRESENTATIVE, f"stands for its duplicates; {touch.value}"
            )  # fmt: skip


def test_every_annotated_task_stays(files, settings):
    for chosen in ("cover", "one"):
        tasks = [Task(n, (f"a{n}",), touch=Touch.ANNOTATED if n in (2, 4, 6) else Touch.NONE) for n in range(1, 8)]
        found = by_task(plan(files, settings, tasks, representatives=chosen))
        assert {task for task, one in found.items() if one.role is Role.DUPLICATE} == {1, 3, 5, 7}
        assert {one.representative for one in found.values() if one.role is Role.DUPLICATE} <= {2, 4, 6}


def test_an_annotated_copy_stands_for_its_own_copies(files, settings):
    tasks = [Task(1, ("a1",), touch=Touch.ANNOTATED), Task(2, ("a4",), touch=Touch.DRAFTED), Task(3, ("a4",))]
    found = by_task(plan(files, settings, tasks))
    assert found[3].reason == "byte copy"
    assert [found[task].role for task in (1, 2)] == [Role.UNIQUE, Role.REPRESENTATIVE]


@pytest.mark.parametrize("verify", ["none", "geometry"])
def test_what_stands_stays(files, settings, verify):
    """The second run meets a larger picture of the scene and one more copy."""
    first = [Task(1, ("a1",)), Task(2, ("a4",)), Task(3, ("b1",))]
    made = plan(files, settings, first, verify=verify)
    standing = {one.task for one in made.decisions if one.role is not Role.DUPLICATE}
    assert len(standing) == 2
    (head,) = standing - {3}
    tasks = [replace(task, standing=task.id in standing) for task in first]
    added = [Task(4, ("a7",)), Task(5, ("a3",)), Task(6, ("b2",))]
    grown = plan(files, settings, [*tasks, *added], verify=verify)
    assert {task: one.representative for task, one in by_task(grown).items()} == {
        1: head, 2: head, 3: 3, 4: head, 5: head, 6: 3
    }  # fmt: skip
    assert {
        by_task(plan(files, settings, [*first, *added], verify=verify))[task].representative for task in (1, 4)
    } == {4}
    # what is written stands, and the run after that finds nothing to write
    stands = {one.task for one in grown.decisions if one.role is not Role.DUPLICATE}
    again = [replace(task, standing=task.id in stands) for task in [*tasks, *added]]
    assert plan(files, settings, again, verify=verify) == grown
    # people's work comes before what stands
    worked = [replace(task, touch=Touch.ANNOTATED if task.id == 4 else Touch.NONE) for task in again]
    assert by_task(plan(files, settings, worked, verify=verify))[head].representative == 4


def test_among_equal_pixels_the_standing_one_stays(files, settings):
    tasks = [Task(1, ("a1",)), Task(2, ("a2",)), Task(3, ("a3",), standing=True)]
    assert {one.representative for one in plan(files, settings, tasks).decisions} == {3}
    tasks[0] = replace(tasks[0], touch=Touch.DRAFTED)
    assert {one.representative for one in plan(files, settings, tasks).decisions} == {1}


def test_unusable_tasks_are_kept_with_the_reason(files, settings):
    tasks = [Task(1, ("nowhere",)), Task(2, ()), Task(3, (), problem="no image under 'image'"), Task(4, ("empty",))]
    made = plan(files, settings, tasks)
    assert made.problems == (
        (1, "there is no image nowhere"), (2, "the task has no image"), (3, "no image under 'image'"),
        (4, "the file is empty"),
    )  # fmt: skip
    assert [one.role for one in made.decisions] == [Role.UNIQUE] * 4


@pytest.mark.parametrize("verify", ["none", "geometry"])
def test_nothing_and_one_task(files, settings, verify):
    assert plan({}, settings, verify=verify).decisions == ()
    (one,) = plan(only(files, "a1"), settings, verify=verify).decisions
    assert (one.role, one.reason, one.cluster) == (Role.UNIQUE, "no near-duplicate found", None)


@pytest.mark.parametrize("verify", ["none", "geometry"])
def test_odd_shapes_stop_nothing(settings, verify):
    sizes = [(1, 1), (1, 500), (500, 1), (2, 2), (3, 700)]
    files = {str(size): encoded(texture(5, (64, 64)).resize(size)) for size in sizes}
    assert len(plan(files, settings, verify=verify).decisions) == len(sizes)


def test_eps(files, settings):
    files = only(files, "a1", "a2", "a4", "a6", "b1")
    for exact in ("100%", "0"):
        assert plan(files, settings, eps=exact).count(Role.DUPLICATE) == 1  # the copy
    assert plan(files, settings, eps="2").count(Role.DUPLICATE) == 4
    assert plan(files, settings, eps="97%") == plan(files, settings, eps="0.03")
    with pytest.raises(ConfigurationError, match="95% meant"):
        Settings(eps="95")


def test_min_samples(files, settings):
    files = only(files, "a1", "a2", "b1", "b2", "c")
    assert plan(files, settings, min_samples=1) == replace(
        plan(files, settings), settings={**plan(files, settings).settings, "min_samples": 1}
    )
    assert plan(files, settings, min_samples=3).count(Role.UNIQUE) == 5


def test_a_model_that_does_not_exist(files, settings):
    with pytest.raises(ConfigurationError, match="models are"):
        plan(files, settings, model="resnet")


def with_patch(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Another picture's part pasted in."""
    changed = image.copy()
    changed.paste(texture(77, SIDE).crop(box), box)
    return changed


def test_the_level_follows_the_labelling_configuration_or_the_user(files, settings):
    images = {"plain": files["a1"], "patched": encoded(with_patch(texture(1, SIDE), (60, 60, 140, 140)))}
    source = MemorySource(images)

    def made(controls: tuple[str, ...], level: str = "auto") -> Plan:
        source.controls = controls
        return make_plan(source, replace(settings, verify="geometry", eps="60%", level=level), QUIET)

    for controls, level, named, duplicates in (
        ((), "near", "no labelling configuration", 0),
        (("RectangleLabels",), "near", "RectangleLabels", 0),
        (("RectangleLabels", "Choices"), "near", "RectangleLabels", 0),
        (("Choices",), "near", "Choices", 0),  # a pair alone is not proven to be one moment
        (("Pairwise",), "equal", "Pairwise", 0),
    ):
        found = made(controls)
        assert found.settings["level"] == level
        assert named in found.settings["level_reason"]
        assert found.count(Role.DUPLICATE) == duplicates
    given = made(("RectangleLabels",), "scene")
    assert (given.settings["level"], given.settings["level_reason"]) == ("scene", "as given")
    assert given.count(Role.DUPLICATE) == 1
    assert made(("Choices",), "copies").count(Role.DUPLICATE) == 0
    assert "as given, although" in made(("TextArea",), "scene").settings["level_reason"]


def test_pictures_that_are_compared_with_each_other_have_to_be_equal(files, settings):
    tasks = [Task(0, ("a1", "b1")), Task(1, ("a1", "b2")), Task(2, ("b1", "a1")), Task(3, ("a1", "b1"))]
    source = MemorySource(files, tasks)
    source.controls = ("Pairwise",)
    found = make_plan(source, replace(settings, verify="geometry"), QUIET)
    assert [one.task for one in found.decisions if one.role is Role.DUPLICATE] == [3]
    source.controls = ("RectangleLabels",)
    found = make_plan(source, replace(settings, verify="geometry"), QUIET)
    assert found.count(Role.DUPLICATE) == 2


SAME = "a person said that they are the same"


def same(number: int, image: str, *others: int, **more: object) -> Task:
    return Task(number, (image,), same=frozenset(others), **more)


def test_what_a_person_calls_the_same_is_one_group(files, settings):
    """Two groups of pictures that nothing finds alike, and one that is alone."""
    tasks = [same(0, "a1"), same(1, "a4", 3), same(2, "b1"), same(3, "b2", 1), same(4, "c")]
    for changes in ({}, {"verify": "geometry"}, {"representatives": "one"}, {"min_samples": 3}):
        apart = by_task(plan(files, settings, [replace(task, same=frozenset()) for task in tasks], **changes))
        alone = sum(one.role is not Role.DUPLICATE for one in apart.values())
        made = by_task(plan(files, settings, tasks, **changes))
        assert sum(one.role is not Role.DUPLICATE for one in made.values()) == (4 if "min_samples" in changes else 2)
        assert alone == (5 if "min_samples" in changes else 3)
        assert made[4].role is Role.UNIQUE
        (head,) = {one.representative for one in made.values() if one.role is Role.DUPLICATE}
        assert made[head].role is Role.REPRESENTATIVE
        assert len({one.cluster for one in made.values() if one.role is not Role.UNIQUE}) == 1
        moved = [one for one in made.values() if one.reason == "a person said that tasks 1 and 3 are the same"]
        assert bool(moved) == (changes.get("representatives") != "one" and "min_samples" not in changes)
        assert all(one.similarity < 60 for one in moved)


def test_a_word_needs_no_likeness(files, settings):
    made = by_task(plan(files, settings, [same(0, "a1", 1), same(1, "c", 0)], verify="geometry"))
    assert (made[0].role, made[1].role, made[1].reason) == (Role.REPRESENTATIVE, Role.DUPLICATE, SAME)
    assert 0 <= made[1].similarity < 60
    asked = [same(0, "a1", 1, context="$q 1"), same(1, "a2", context="$q 2"), same(2, "a3", context="$q 3")]
    made = by_task(plan(files, settings, asked))
    assert (made[1].representative, made[1].reason, made[2].role) == (0, SAME, Role.UNIQUE)
    two = Task(1, ("a1", "c"), same=frozenset({0}))
    made = by_task(plan(files, settings, [same(0, "a1"), two]))
    assert (made[0].representative, made[0].reason, made[0].similarity) == (1, SAME, None)  # there is more to see


def test_a_word_gives_way_to_work_and_to_what_was_told_apart(files, settings):
    worked = [same(0, "a1", 1), same(1, "c", touch=Touch.ANNOTATED)]
    made = by_task(plan(files, settings, worked))
    assert (made[0].representative, made[1].role) == (1, Role.REPRESENTATIVE)
    both = [replace(task, touch=Touch.ANNOTATED) for task in worked]
    assert plan(files, settings, both).count(Role.DUPLICATE) == 0
    apart = [same(0, "a1", 1), same(1, "c", 0), same(2, "c", distinct=frozenset({0}))]
    made = by_task(plan(files, settings, apart))
    assert made[0].role is not Role.DUPLICATE
    assert {made[0].role, made[2].role} & {Role.UNIQUE}
    assert not {0, 2} <= {task for task, one in made.items() if made[1].task in (task, one.representative)}
    gone = by_task(plan(files, settings, [same(0, "a1", 1), same(1, "broken", 0)]))
    assert {one.role for one in gone.values()} == {Role.UNIQUE}


def test_a_word_joins_what_stands_already(files, settings):
    standing = [same(0, "a1", standing=True), same(1, "c", 0, standing=True), same(2, "b1", 1)]
    made = by_task(plan(files, settings, standing, verify="geometry"))
    assert {task: one.representative for task, one in made.items()} == {0: 0, 1: 0, 2: 0}
    settled = [replace(task, settled=task.standing) for task in standing]
    made = by_task(plan(files, settings, settled, verify="geometry"))
    assert [made[task].role is Role.DUPLICATE for task in range(3)] == [False, False, True]


def test_only_the_region_counts(files, settings):
    patched = encoded(with_patch(texture(1, SIDE), (200, 20, 310, 220)))  # the right third
    images = {"plain": files["a1"], "patched": patched}
    assert plan(images, settings, verify="geometry", eps="60%").count(Role.DUPLICATE) == 0
    left = plan(images, settings, verify="geometry", roi="0,0,60,100")
    assert [one.reason for one in left.decisions if one.role is Role.DUPLICATE] == ["same pixels"]
    right = plan(images, settings, verify="geometry", eps="60%", roi="60,0,40,100")
    assert right.count(Role.DUPLICATE) == 0
    assert right.settings["roi"] == "60,0,40,100"


@pytest.mark.parametrize("every", [False, True], ids=["cover", "one"])
def test_mirrored_and_turned_pictures_are_found_on_request(settings, every):
    image = texture(1, SIDE)
    images = {
        "a": encoded(image),
        "mirrored": encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG", quality=90),
        "turned": encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90),
        "upside down": encoded(image.transpose(Image.Transpose.ROTATE_180), "JPEG", quality=90),
    }
    expected = {
        None: set(),
        "mirror": {"mirrored"},
        "rotate": {"turned", "upside down"},
        "mirror,rotate": {"mirrored", "turned", "upside down"},
    }
    for invariant, names in expected.items():
        settings = replace(settings, verify="geometry", representatives="one" if every else "cover")
        made = plan(images, settings, invariant=invariant)
        found = {one.task: one for one in made.decisions}
        grouped = {task for task, one in found.items() if one.cluster == "a"} - {"a"}
        assert grouped == names
        reasons = [one.reason for one in made.decisions if one.role is Role.DUPLICATE]
        assert all(reason.split(": ")[0].startswith(("mirror", "turn")) for reason in reasons)
        assert all(one.similarity > 90 for one in made.decisions if one.role is Role.DUPLICATE)


def test_thresholds_reach_the_decision(files, settings):
    files = only(files, "a1", "a6")
    found = plan(files, settings, verify="geometry", eps="60%")
    assert found.count(Role.DUPLICATE) == 1
    assert found.settings["thresholds"]["inliers"] == 12
    strict = plan(files, settings, verify="geometry", eps="60%", min_overlap=99.0)
    assert strict.count(Role.DUPLICATE) == 0
    assert strict.settings["thresholds"]["overlap"] == 0.99


def test_what_is_proven_to_be_one_moment_is_joined_where_whole_images_are_judged(settings):
    image = texture(1, SIDE)
    frames = {
        f"PXL_20240601_151241{100 * number}.png": encoded(
            with_patch(image, (60 + 40 * number, 60, 110 + 40 * number, 110))
        )
        for number in range(1, 3)
    }
    source = MemorySource(frames)
    chosen = replace(settings, verify="geometry", eps="60%")
    assert make_plan(source, chosen, QUIET).count(Role.DUPLICATE) == 0
    source.controls = ("Choices",)
    found = make_plan(source, chosen, QUIET)
    (skipped,) = [one for one in found.decisions if one.role is Role.DUPLICATE]
    assert skipped.reason == "taken 0.1 s apart by one camera"
    assert make_plan(source, chosen, QUIET) == found
