"""Pairs that a person judged: how they are read, looked at, and what they recommend."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task
from labelonce.tuning.advice import advise, options
from labelonce.tuning.judgement import NONE, look, read_judgements
from labelonce.tuning.recommendation import Cut, cut, interval, recommend
from pictures import encoded, texture

QUIET = Progress()
SIDE = (320, 240)


def written(tmp_path, text: str | bytes):
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_every_way_to_answer(tmp_path):
    text = "a,b,same\n1,2,1\n1,3,0\n2,3,yes\n2,4,NO\n3,4, True \n4,5,false\n"
    found, unanswered = read_judgements(written(tmp_path, text))
    assert [one.same for one in found] == [True, False] * 3
    assert [one.line for one in found] == [2, 3, 4, 5, 6, 7]
    assert unanswered == 0


def test_what_a_spreadsheet_makes_of_it(tmp_path):
    text = '\ufeffnumber,Same, B ,a\r\n1,1,"x,\u2028""y"".png",z\r\n\r\n2,,p,q\r\n,,,\r\n3,0,"two\nlines",q,more\r\n'
    found, unanswered = read_judgements(written(tmp_path, text))
    assert [(one.a, one.b, one.same) for one in found] == [("z", 'x,\u2028"y".png', True), ("q", "two\nlines", False)]
    assert unanswered == 1


def test_names_that_are_no_utf_8(tmp_path):
    (found,), _ = read_judgements(written(tmp_path, b"a,b,same\ncaf\xe9.png,b.png,1\n"))
    assert found.a == "caf\udce9.png"


def test_the_same_pair_twice_counts_once(tmp_path):
    found, _ = read_judgements(written(tmp_path, "a,b,same\nx,y,1\ny,x,yes\n"))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the first line has to name the columns: a,b,same"),
        ("x,y,1\n", "line 1: the first line has to name"),
        ("a;b;same\nx;y;1\n", "line 1: the first line has to name"),
        ("a,b,same\nx,y,perhaps\n", "line 2: same is 'perhaps': give 1 or 0, yes or no"),
        ("a,b,same\nx,y,1\n,y,1\n", "line 3: two images have to be named"),
        ("a,b,same\nx,x,1\n", "line 2: 'x' is paired with itself"),
        ("a,b,same\nx,y,1\ny,x,0\n", "line 3: line 2 says the opposite of the same pair"),
        ("a,b,same\n" + "x,y,2\n" * 7, "line 6: same is '2': give 1 or 0, yes or no; and 2 more"),
        ('a,b,same\nx,"y' + "y" * 200_000 + '",1\n', "line 2: not CSV: field larger than field limit"),
    ],
)
def test_lines_that_are_wrong(tmp_path, text, message):
    with pytest.raises(ConfigurationError) as error:
        read_judgements(written(tmp_path, text))
    assert message in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_judgements(tmp_path / "missing.csv")


@pytest.fixture(scope="module")
def files():
    found = {}
    for seed in range(6):
        scene = texture(seed, SIDE)
        moved = scene.copy()
        moved.paste((210, 20, 40), (60, 60, 130, 130))
        found |= {f"{seed}": encoded(scene), f"{seed}-jpeg": encoded(scene, "JPEG", quality=70)}
        found |= {f"{seed}-moved": encoded(moved), f"{seed}-copy": encoded(scene)}
    return {**found, "broken": b"no picture"}


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", store=tmp_path / "store.sqlite3")


def judged(tmp_path, files, settings, lines, tasks=None):
    path = written(tmp_path, "a,b,same\n" + "".join(f"{a},{b},{int(same)}\n" for a, b, same in lines))
    return look(path, read_judgements(path)[0], MemorySource(files, tasks), settings, QUIET)


def jpegs():
    return [(f"{seed}", f"{seed}-jpeg", True) for seed in range(6)]


def strangers():
    return [(f"{a}", f"{b}-jpeg", False) for a, b in itertools.combinations(range(6), 2)]


def moved(same):
    return [(f"{seed}", f"{seed}-moved", same) for seed in range(6)]


@pytest.mark.parametrize(("same", "level"), [(True, "scene"), (False, "near")])
def test_the_level_follows_from_the_answers(tmp_path, files, settings, same, level):
    found = advise(judged(tmp_path, files, settings, jpegs() + strangers() + moved(same)), 10)
    best = found.recommendation
    assert best.level == level
    assert (
        found.options == f"--level {level} --eps {65 if level == 'scene' else 80}%"
    )  # the embedder's own threshold contradicts nothing
    assert (best.fitted.false, best.fitted.missed) == (0, 0)
    assert (best.expected.false, best.expected.missed) == (0, 0)
    assert best.fitted.same + best.fitted.different == 27
    assert found.against == ()
    assert found.few
    (now,) = [row for row in found.rows if row.name == "now"]
    assert now.level == "near"
    assert now.errors.missed == (6 if same else 0)


def test_equal_pixels_need_no_threshold(tmp_path, files, settings):
    path = written(tmp_path, "a,b,same\n0,0-jpeg,1\n0,1,0\n")
    source = MemorySource(files)
    source.controls = ("Pairwise",)
    with pytest.raises(ConfigurationError, match="only equal pixels count"):
        look(path, read_judgements(path)[0], source, settings, QUIET)


def test_a_threshold_follows_from_the_answers_without_verification(tmp_path, files, settings):
    from dataclasses import replace

    plain = replace(settings, verify="none", eps="10%")
    pairs = judged(tmp_path, files, plain, jpegs() + strangers())
    found = advise(pairs, 10)
    gap = max(pairs.similarity[~pairs.same]), min(pairs.similarity[pairs.same])
    assert gap[0] < found.recommendation.cut.eps <= gap[1]
    assert found.options.startswith("--verify none --eps ")
    percent = float(found.options.split()[-1].rstrip("%"))
    assert percent / 100 == pytest.approx(found.recommendation.cut.eps)
    assert [row.name for row in found.rows] == ["now", "recommended"]
    assert found.rows[0].errors.false > 0 == found.rows[1].errors.false


def test_answers_that_no_setting_fits_are_listed(tmp_path, files, settings):
    wrong = [("0", "0-copy", False), ("0", "1", True)]
    found = advise(judged(tmp_path, files, settings, jpegs() + strangers() + wrong), 10)
    assert {(one.a, one.b, one.same) for one in found.against} >= set(wrong[1:])
    assert [one.line for one in found.against] == sorted(one.line for one in found.against)


def test_the_order_of_lines_and_of_names_makes_no_difference(tmp_path, files, settings):
    lines = jpegs() + strangers() + moved(False)
    first = judged(tmp_path, files, settings, lines)
    again = judged(tmp_path, files, settings, [(b, a, same) for a, b, same in reversed(lines)])
    assert first.similarity.tolist() == again.similarity.tolist()
    assert first.reasons == again.reasons
    assert advise(first, 10).recommendation == advise(again, 10).recommendation


@pytest.mark.parametrize("lines", [jpegs(), strangers(), []])
def test_one_kind_of_answer_is_not_enough(tmp_path, files, settings, lines):
    with pytest.raises(ConfigurationError, match="judge pairs of both kinds"):
        advise(judged(tmp_path, files, settings, lines), 10)


def test_names_that_are_not_there(tmp_path, files, settings):
    with pytest.raises(ConfigurationError) as error:
        judged(tmp_path, files, settings, [*jpegs(), ("0", "nobody", True), ("none", "1", False)])
    assert "pairs.csv, line 8: there is no 'nobody'; line 9: there is no 'none'." in str(error.value)


def test_pairs_that_cannot_be_compared_are_left_out(tmp_path, files, settings):
    tasks = [Task(name, (name,)) for name in files]
    tasks += [
        Task("two", ("0", "1")),
        Task("two more", ("0-jpeg", "1-jpeg")),
        Task("question", ("0",), context="$why ab"),
    ]
    lines = [("0", "broken", True), ("0", "two", True), ("0", "question", True), ("two", "two more", True)]
    found = judged(tmp_path, files, settings, [*lines, *strangers()], tasks)
    why = {one.line: text for one, text in found.left_out}
    assert "not a picture" in why[2]
    assert "different numbers of images" in why[3]
    assert "differs: $why, so that they are never duplicates" in why[4]
    assert len(found.pairs) == 16
    assert found.accepted["near"][[one.a == "two" for one in found.pairs]].all()


def test_pictures_held_otherwise(tmp_path, settings):
    from dataclasses import replace

    scenes = [texture(seed, SIDE) for seed in range(3)]
    files = {f"{n}": encoded(one) for n, one in enumerate(scenes)}
    files |= {f"{n}-m": encoded(one.transpose(0)) for n, one in enumerate(scenes)}
    lines = [(f"{n}", f"{n}-m", True) for n in range(3)] + [("0", "1", False), ("1", "2", False), ("0", "2", False)]
    assert advise(judged(tmp_path, files, settings, lines), 10).recommendation.fitted.missed == 3
    turned = replace(settings, invariant="mirror")
    assert advise(judged(tmp_path, files, turned, lines), 10).recommendation.fitted.missed == 0


def test_the_exact_interval():
    """The example of SciPy's documentation, and the rule of three for nothing seen."""
    assert interval(7, 50) == pytest.approx((0.0581917, 0.2673960), abs=1e-6)
    assert interval(0, 100) == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert interval(0, 0) == (0, 1)


pairs_of_numbers = st.lists(
    st.tuples(st.sampled_from([0.2, 0.4, 0.41, 0.5, 0.7, 0.9, 1.0]), st.booleans(), st.booleans()), max_size=12
)


@settings_of_hypothesis(deadline=None)
@given(pairs_of_numbers, st.sampled_from([0.3, 0.55, 0.8]), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
def test_no_threshold_is_cheaper(rows, present, cost):
    similarity = np.array([row[0] for row in rows], float)
    same, accepted = (np.array([row[place] for row in rows], bool) for place in (1, 2))

    def price(eps):
        said = (similarity >= eps) & accepted
        return cost * sum(said & ~same) / max(1, sum(~same)) + sum(same & ~said) / max(1, sum(same))

    found = cut(similarity, same, accepted, present, cost)
    tried = [*np.linspace(0, 1, 101), *similarity, present]
    assert price(found.eps) == pytest.approx(found.cost)
    assert found.cost <= min(price(eps) for eps in tried) + 1e-9
    assert found.above < found.eps <= found.up_to
    if math.isclose(price(present), found.cost, abs_tol=1e-9):
        assert found.eps == present
    inside = [eps for eps in tried if found.above < eps <= found.up_to]
    assert {tuple((similarity >= eps) & accepted) for eps in inside} == {tuple((similarity >= found.eps) & accepted)}


def test_in_doubt_images_are_kept():
    """A false duplicate costs more than a missed one, and of equally good thresholds the strictest is taken."""
    similarity = np.array([0.9, 0.8, 0.7, 0.6])
    same = np.array([True, False, True, False])
    everything = np.ones(4, bool)
    assert cut(similarity, same, everything, present=0.1).up_to == 0.9
    assert cut(similarity, same, everything, present=0.1, cost=0.5).up_to == 0.7
    assert cut(similarity, same, everything, present=0.1, cost=1).up_to == 0.9


def test_the_middle_of_a_gap_in_few_digits():
    everything = np.ones(2, bool)
    assert cut(np.array([0.9, 0.7]), np.array([True, False]), everything, 0.1).eps == pytest.approx(0.8)
    narrow = cut(np.array([0.90002, 0.90001]), np.array([True, False]), everything, 0.1)
    assert 0.90001 < narrow.eps <= 0.90002


def test_expected_errors_are_those_of_pairs_that_had_no_say():
    """One pair of each kind is what no other pair would recommend: it fits itself, and is missed without itself."""
    similarity = np.array([0.95, 0.94, 0.93, 0.5, 0.3, 0.2])
    same = np.array([True, True, True, True, False, False])
    images = [(f"a{n}", f"b{n}") for n in range(6)]
    accepted = {"near": np.ones(6, bool)}
    found = recommend(similarity, same, accepted, images, {"near": 0.99}, "near")
    assert (found.fitted.missed, found.fitted.false) == (0, 0)
    assert (found.expected.missed, found.expected.false) == (1, 0)


def test_pairs_that_share_an_image_have_no_say_on_each_other():
    random = np.random.default_rng(5)
    similarity = random.uniform(0, 1, 40).round(2)
    same = similarity + random.normal(0, 0.25, 40) > 0.5
    accepted = {"copies": random.random(40) < 0.7, "scene": np.ones(40, bool)}
    present = {"copies": 0.4, "scene": 0.4}
    images = [tuple(map(str, random.choice(12, 2, replace=False))) for _ in range(40)]
    false = missed = 0
    for number, pair in enumerate(images):
        rest = np.array([not set(pair) & set(other) for other in images])
        left = {level: flags[rest] for level, flags in accepted.items()}
        others = [one for one, stays in zip(images, rest, strict=True) if stays]
        found = recommend(similarity[rest], same[rest], left, others, present, "copies")
        said = accepted[found.level][number] and similarity[number] >= found.cut.eps
        false, missed = false + (said and not same[number]), missed + (same[number] and not said)
    expected = recommend(similarity, same, accepted, images, present, "copies").expected
    assert (expected.false, expected.missed) == (false, missed)
    assert min(false, missed) > 0


def test_the_level_in_use_stays_where_none_is_better():
    similarity, same = np.array([0.9, 0.2]), np.array([True, False])
    accepted = {level: np.ones(2, bool) for level in ("copies", "near", "scene")}
    present = dict.fromkeys(accepted, 0.5)
    for level in accepted:
        assert recommend(similarity, same, accepted, [("a", "b"), ("c", "d")], present, level).level == level
    accepted["near"] = np.array([False, False])
    assert recommend(similarity, same, accepted, [("a", "b"), ("c", "d")], present, "near").level == "copies"


def test_rather_another_level_than_another_threshold():
    similarity, same = np.array([0.9, 0.8, 0.1]), np.array([True, False, False])
    accepted = {"near": np.array([True, False, False]), "scene": np.ones(3, bool)}
    images = [("a", "b"), ("c", "d"), ("e", "f")]
    found = recommend(similarity, same, accepted, images, dict.fromkeys(accepted, 0.5), "scene")
    assert (found.level, found.cut.eps) == ("near", 0.5)


def test_options():
    assert options("near", Cut(0.912, 0.9, 0.92, 0)) == "--level near --eps 91.2%"
    assert options(NONE, Cut(0.75, 0.7, 0.92, 0)) == "--verify none --eps 75%"
