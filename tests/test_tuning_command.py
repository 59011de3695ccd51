"""labelonce tune: what it prints and writes, on a folder and on a project."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from labelonce import cli
from labelonce.errors import ConfigurationError
from labelonce.images.regions import Region
from labelonce.progress import Progress
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task
from labelonce.tuning import contact_sheet
from labelonce.tuning.doubt import Doubt
from pictures import encoded, texture
from studio import Person

SIDE = (320, 240)
BLUE, ORANGE, GREY = (0, 114, 178), (213, 94, 0), (158, 158, 158)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(4):
        scene = texture(seed, SIDE)
        (folder / f"{seed}.png").write_bytes(encoded(scene))
        (folder / f"{seed} <b>again<b> \n\x1b[31m$x$.jpg").write_bytes(encoded(scene, "JPEG", quality=60))
        scene.paste((220, 30, 30), (50, 50, 90 + 30 * seed, 90 + 30 * seed))
        (folder / f"{seed}-moved.png").write_bytes(encoded(scene))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "store.sqlite3"


@pytest.fixture
def tune(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(
            cli.cli,
            ["tune", *map(str, arguments), "--model", "thumbnail", "--store", str(store)],
            catch_exceptions=False,
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def shows(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((pixels == colour).all(axis=2).sum() > 1000)


def test_the_table_is_that_of_the_files(tune, photos, tmp_path):
    out = tune(photos, "--csv", "steps.csv")
    found = json.loads(tune(photos, "--json"))["tuning"]
    rows = rows_of(tmp_path / "steps.csv")
    assert [float(row["similarity"]) for row in rows] == [step["similarity"] for step in found["steps"]]
    assert [int(row["left"]) for row in rows] == [step["left"] for step in found["steps"]]
    assert [row["present"] for row in rows].count("True") == 1
    (now,) = [line for line in out.splitlines() if "now" in line and "%" in line and "◀" in line]
    present = next(step for step in found["steps"] if step["present"])
    assert now.split()[:3] == ["80", "%", str(present["left"])]
    assert "13 tasks" in out
    assert "1 of them cannot be compared" in out
    assert "\x1b" not in out
    assert found["settings"]["level"] == "near"


def test_the_plot(tune, photos, tmp_path):
    tune(photos, "--plot", "tune.png")
    first = (tmp_path / "tune.png").read_bytes()
    tune(photos, "--plot", "tune.png")
    assert (tmp_path / "tune.png").read_bytes() == first
    image = pixels_of(tmp_path / "tune.png")
    assert image.shape == (960, 1600, 3)
    assert shows(image, BLUE)
    assert shows(image, ORANGE)
    tune(photos, "--plot", "tune.png", "--verify", "none")
    assert not shows(pixels_of(tmp_path / "tune.png"), ORANGE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tune.png"]


def test_an_empty_folder(tune, tmp_path):
    (tmp_path / "empty").mkdir()
    out = tune("empty", "--plot", "tune.png", "--sheet", "pairs.jpg", "--questions", "q.csv")
    assert "0 tasks" in out
    assert (tmp_path / "pairs.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert (tmp_path / "q.csv").read_text().count("\n") == 1


def test_the_sheet_and_the_questions_show_the_same_pairs(tune, photos, tmp_path):
    tune(photos, "--sheet", "pairs.png", "--questions", "questions.csv")
    rows = rows_of(tmp_path / "questions.csv")
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))
    assert {row["verdict"] for row in rows} == {"duplicates", "kept apart"}
    sheet = pixels_of(tmp_path / "pairs.png")
    for colour, verdict in ((BLUE, "duplicates"), (ORANGE, "kept apart")):
        # a filled headline for each pair: as many separate runs as there are lines of pairs
        filled = ((sheet == colour).all(axis=2).mean(axis=1) > 0.2).astype(int)
        heads = sum(np.diff(filled, prepend=0) == 1)
        pairs = sum(row["verdict"] == verdict for row in rows)
        assert heads >= -(-pairs // contact_sheet.COLUMNS)


def test_from_questions_to_a_recommendation(tune, photos, tmp_path):
    tune(photos, "--questions", "questions.csv", "--level", "scene", "--eps", "50%")
    rows = rows_of(tmp_path / "questions.csv")
    for row in rows[:-1]:
        row["same"] = int(row["a"][0] == row["b"][0] and "moved" not in row["a"] + row["b"])
    assert {row["same"] for row in rows} == {0, 1, ""}
    with (tmp_path / "answers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    out = tune(photos, "--pairs", "answers.csv", "--level", "scene")
    assert "1 lines have no answer yet" in out
    assert "Use: --level copies --eps 80%" in out
    assert "These are few answers" in out
    advice = json.loads(tune(photos, "--pairs", "answers.csv", "--level", "scene", "--json"))["advice"]
    assert advice["unanswered"] == 1
    assert advice["recommendation"]["fitted"]["false"] == 0
    assert advice["rows"][0]["level"] == "scene"
    assert advice["rows"][0]["errors"]["false"] > 0
    # what is recommended can be given back as it stands
    assert json.loads(tune(photos, *advice["options"].split(), "--json"))["tuning"]["settings"]["level"] == "copies"


def test_a_costlier_false_duplicate_makes_the_threshold_stricter(tune, photos, tmp_path):
    lines = [f"{n}.png,{n}-moved.png,{int(n > 1)}" for n in range(4)]
    (tmp_path / "answers.csv").write_text("\n".join(["a,b,same", *lines]) + "\n")

    def missed(cost: float) -> int:
        out = tune(photos, "--pairs", "answers.csv", "--verify", "none", "--cost", cost, "--json")
        return int(json.loads(out)["advice"]["recommendation"]["fitted"]["missed"])

    assert missed(0.1) == 0 < missed(10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name a folder, or a Label Studio project"),
        (("nowhere",), "is not a folder"),
        ((".", "--plot", "tune.png"), "would be one of the images"),
        (("photos", "--plot", "tune.jpg"), "ends in .png"),
        (("photos", "--sheet", "tune.gif"), "ends in .png or .jpg or .jpeg"),
        (("photos", "--sheet", "no/tune.png"), "there is no folder no"),
        (("photos", "--pairs", "p.csv", "--csv", "c.csv"), "leave --csv out"),
        (("photos", "--pairs", "p.csv"), "p.csv cannot be read"),
    ],
)
def test_what_cannot_be(tune, tmp_path, arguments, message):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ConfigurationError, match=message):
        tune(*arguments)


def test_a_project(tune, labels, tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", labels.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", labels.token)
    owner = Person(labels.url, labels.token)
    project = owner.project()
    files = {}
    for seed in range(3):
        scene = texture(seed, SIDE)
        files |= {f"{seed}.png": encoded(scene), f"{seed}.jpg": encoded(scene, "JPEG", quality=70)}
    tasks = owner.upload(project, files)
    owner.annotate(tasks[0])
    before = owner.snapshot(project)
    out = tune("-p", project, "--sheet", "pairs.png", "--json")
    found = json.loads(out)["tuning"]
    assert found["tasks"] == 6
    (present,) = [step for step in found["steps"] if step["present"]]
    assert present["left"] == 3
    assert {(one["left"], one["right"]) for one in found["doubts"] if one["accepted"]} == set(
        zip(tasks[::2], tasks[1::2], strict=True)
    )
    assert not shows(pixels_of(tmp_path / "pairs.png")[100:], GREY)
    rows = [f"{a},{b},1" for a, b in zip(tasks[::2], tasks[1::2], strict=True)] + [f"{tasks[0]},{tasks[2]},0"]
    (tmp_path / "answers.csv").write_text("\n".join(["a,b,same", *rows]))
    assert "Use: --level near --eps 80%" in tune("-p", project, "--pairs", "answers.csv")
    assert owner.snapshot(project) == before


def test_pictures_that_are_gone_are_grey(tmp_path):
    scene = texture(1, SIDE)
    tasks = [Task("here", ("here",), regions=(Region(0, 0, 50, 100),)), Task("gone \x1b[31m" + "x" * 300, ("gone",))]
    doubt = Doubt(tasks[0], tasks[1], 0, "", False, 81.2, "changed " * 60, 1.1)
    source = MemorySource({"here": encoded(scene)}, tasks)
    sheet = contact_sheet.draw([doubt], source, Progress(), title="t " * 500, max_pixels=10**8)
    pixels = np.asarray(sheet)
    assert sheet.width < 1000
    assert (pixels == GREY).all(axis=2).mean() > 0.1
    left = pixels[contact_sheet.MARGIN + 2 * contact_sheet.TITLE + contact_sheet.HEAD + contact_sheet.GAP :]
    assert len(np.unique(left.reshape(-1, 3), axis=0)) > 1000  # the other one is there


def test_help_imports_nothing_heavy():
    code = "import sys; from labelonce.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "tune", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Example: labelonce tune" in done.stdout
    assert not {"matplotlib", "numpy", "PIL", "scipy", "cv2"} & {name.partition(".")[0] for name in done.stderr.split()}
