"""The command line: what it prints where, how it ends, and what it never shows."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from labelonce import cli, progress
from labelonce.planning import Plan, Role, load_plan, save_plan
from pictures import encoded, texture

HEAVY = {"PIL", "annoy", "cv2", "keras", "label_studio_sdk", "numpy", "requests", "rich", "scipy", "sklearn",
         "tensorflow"}  # fmt: skip
README = Path(__file__).resolve().parents[1] / "README.md"
# the thumbnail in place of the network, which takes seconds to load
SMALL = "from labelonce import embedding; embedding.MODELS['lite0'] = embedding.MODELS['thumbnail']\n"
MAIN = "from labelonce.cli import main; main()"
KEY = "very-secret-key-0123456789"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three scenes, two of them twice; an unreadable file; a name with a comma, a line break and an escape."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for seed, name in enumerate(["a.png", "more/b, c.png", "d.png"]):
        image = texture(seed, (240, 180))
        (folder / name).write_bytes(encoded(image))
        if seed < 2:
            (folder / f"{seed} again \n\x1b[31m.jpg").write_bytes(encoded(image, "JPEG", quality=88))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "store.sqlite3"


@pytest.fixture
def start(tmp_path, store):
    """Begin the command line as a process of its own, in an empty folder."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO", "LABELONCE"))}

    def begin(*arguments: object, before: str = SMALL, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", before + MAIN, *map(str, arguments)],
            env={**clean, "LABELONCE_STORE": str(store), **environment},
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return begin


@pytest.fixture
def run(start):
    """Run the command line to its end: exit code, standard output, standard error."""

    def finish(*arguments: object, **options: str) -> tuple[int, str, str]:
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        assert KEY not in out + err
        return process.returncode, out, err

    return finish


def test_help_is_instant_and_imports_nothing_heavy(start):
    code = "import sys, atexit; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        process = start("--help", before=code)
        out, err = process.communicate(timeout=60)
        seconds.append(time.perf_counter() - began)
        assert process.returncode == 0
        assert "labelonce run --project 3" in out
        assert not HEAVY & {name.partition(".")[0] for name in err.split()}
    assert min(seconds) < 0.5


@pytest.mark.parametrize("name", sorted(cli.cli.commands))
def test_every_command_is_documented(name):
    command = cli.cli.commands[name]
    assert f"Example: labelonce {name}" in command.help
    assert command.help.splitlines()[0].endswith(".")
    assert f"labelonce {name}" in README.read_text(encoding="utf-8")
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help, option


def test_help_of_every_command_hides_the_key(run):
    for name in cli.cli.commands:
        code, out, _ = run(name, "--help", LABEL_STUDIO_API_KEY=KEY, before="")
        assert code == 0
        assert ("LABEL_STUDIO_API_KEY" in out) == (name not in ("folder", "group", "dedupe", "restore", "webhook"))


def test_options_come_from_the_settings():
    from dataclasses import fields

    from labelonce.settings import Settings

    declared = {one.name for one in fields(Settings)}
    offered = {option.name for command in cli.cli.commands.values() for option in command.params}
    of_one_command = {
        "a",
        "b",
        "config",
        "cost",
        "csv",
        "decisions",
        "delete",
        "drawing",
        "dry_run",
        "figures",
        "folder",
        "html",
        "image",
        "images",
        "json_output",
        "k",
        "listed",
        "markdown",
        "mode",
        "one",
        "opened",
        "other",
        "out",
        "output",
        "pairs",
        "plan_file",
        "plot",
        "projects",
        "questions",
        "recheck",
        "run_name",
        "sheet",
        "subject",
        "table",
        "tasks",
        "trash",
        "verbose",
        "watch",
        "with_duplicates",
        "yes",
    }
    assert offered - declared == of_one_command  # every other one is a setting
    assert declared <= offered


def test_a_folder(run, photos, tmp_path):
    code, out, err = run("folder", photos)
    assert (code, "\x1b" in out) == (0, False)
    assert "6 tasks: 2 unique, 2 stand for 2 duplicates, 2 clusters" in out
    assert "broken.jpg: not a picture of a supported format" in out
    assert "Reading images: 6 in" in err
    assert "money saved" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_a_folder_as_json(run, photos):
    code, out, _ = run("folder", photos, "--json", "--seconds-per-label", 30, "--hourly-rate", 36)
    found = json.loads(out)
    assert code == 0
    assert len(found["plan"]["decisions"]) == 6
    assert found["savings"]["money_saved"] == pytest.approx(0.6)


def test_files_of_a_folder(run, photos, tmp_path):
    code, _, _ = run("folder", photos, "--decisions", "who.csv", "--output", "plan.json")
    assert code == 0
    with (tmp_path / "who.csv").open(newline="") as handle:
        rows = dict(list(csv.reader(handle))[1:])
    images = {path.relative_to(photos).as_posix() for path in photos.rglob("*.*") if path.suffix in (".png", ".jpg")}
    assert rows.keys() == images
    plan = load_plan(tmp_path / "plan.json")
    assert {one.task for one in plan.decisions} == images
    assert [task for task, head in rows.items() if task != head] == [
        one.task for one in plan.decisions if one.role is Role.DUPLICATE
    ]
    with (tmp_path / "plan.csv").open(newline="") as handle:
        assert {row["task"] for row in csv.DictReader(handle)} == images
    assert len(list(tmp_path.iterdir())) == 3


def test_an_empty_folder(run, tmp_path):
    code, out, _ = run("folder", tmp_path)
    assert code == 0
    assert "there are no images in it" in out


WRONG = [
    (("folder", "nowhere"), "Error: nowhere is not a folder"),
    (("folder", ".", "--n-trees", "many"), "Invalid value for '--n-trees'"),
    (("folder", ".", "--eps", "near"), "Error: eps = 'near'"),
    (("folder", ".", "--model", "resnet"), "The models are: dct, lite0"),
    (("folder", ".", "--config", "missing.toml"), "missing.toml cannot be read"),
    (("folder", ".", "--output", "plan.csv"), "name the JSON file"),
    (("folder", ".", "--output", "no/plan.json"), "there is no folder no"),
    (("folder", ".", "--decisions", "no/who.csv"), "there is no folder no"),
    (("folder", ".", "--decisions", "plan.csv", "--output", "plan.json"), "name another file"),
    (("folder",), "Missing argument 'PATH'"),
    (("fodler", "."), "No such command 'fodler'"),
    (("plan", "--project", "3"), "Set LABEL_STUDIO_URL"),
    (("plan", "--project", "x", "--api-key", KEY), "/ '--project' (env var: 'LABELONCE_PROJECT'): 'x' is not a valid"),
    (("plan", "--url", "localhost:8080", "--api-key", KEY, "-p", "3"), "not an http(s) URL"),
    (("plan", "--url", "http://127.0.0.1:9", "-p", "3"), "set LABEL_STUDIO_API_KEY"),
    (("apply", "missing.json"), "missing.json cannot be read"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_setting_ends_with_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_server_that_does_not_answer_ends_with_1(run):
    code, out, err = run("doctor", LABEL_STUDIO_URL="http://127.0.0.1:9", LABEL_STUDIO_API_KEY=KEY, before="")
    assert (code, "Traceback" in err) == (1, False)
    assert "BAD  server: Label Studio does not answer at http://127.0.0.1:9" in out


def test_plans_that_cannot_be_applied(run, tmp_path):
    connection = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": KEY}
    save_plan(Plan("photos", None, ()), tmp_path / "folder.json")
    save_plan(Plan("http://127.0.0.1:9", 3, ()), tmp_path / "three.json")
    (tmp_path / "damaged.json").write_text("{")
    for name, options, message in (
        ("folder.json", (), "made on a folder"),
        ("three.json", ("--project", "4"), "made for project 3, but the settings name project 4"),
        ("damaged.json", (), "is not a plan, or is damaged"),
    ):
        code, out, err = run("apply", name, *options, **connection)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1


SLOW = (
    # a shell's background jobs are born deaf to Ctrl-C, and so would the tests' processes be there
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    + SMALL
    + "import time; from labelonce.sources.folder import FolderSource as F; read = F.read\n"
    "F.read = lambda *a: (time.sleep(0.3), print('reading', file=__import__('sys').stderr, flush=True), read(*a))[2]\n"
)


def test_control_c_ends_soon(start, tmp_path):
    for seed in range(60):
        (tmp_path / f"{seed}.png").write_bytes(encoded(texture(seed, (60, 40))))
    process = start("folder", ".", before=SLOW, LABELONCE_STORE=str(tmp_path / "store"))
    for line in process.stderr:
        if "reading" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.count("reading") < 30  # of 60: the others were not begun
    assert err.splitlines()[-1] == "Interrupted. Run it again: it continues where it stopped."
    assert "Traceback" not in err


@pytest.mark.parametrize("options", [("--json",), ()])
def test_a_pipe_that_is_closed(start, photos, options):
    process = start("folder", photos, *options)
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("options", ["--json", "--store=other"])
def test_a_full_disk_behind_standard_output(photos, tmp_path, options, store):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SMALL + MAIN, "folder", str(photos), options],
            env={**os.environ, "LABELONCE_STORE": str(store)},
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_names_that_the_terminal_cannot_show(run, tmp_path):
    name = os.fsdecode(b"caf\xe9 \xc3\xa9.png")
    try:
        (tmp_path / name).write_bytes(b"no picture")
    except OSError:
        pytest.skip("this file system has names in Unicode only")
    for options in ((), ("--json",), ("--decisions", "who.csv")):
        code, _, err = run("folder", ".", *options, PYTHONIOENCODING="ascii")
        assert (code, "Traceback" in err) == (0, False)
    assert b"caf\xe9 \xc3\xa9.png," in (tmp_path / "who.csv").read_bytes()


def test_an_unexpected_error_does_not_show_the_key(run):
    broken = SMALL + "import labelonce.label_studio.project as p\ndef fail(*a, **k): raise RuntimeError(a)\n"
    code, _, err = run(
        "plan", "--project", "3", before=broken + "p.read_project = fail\n",
        LABEL_STUDIO_URL="http://127.0.0.1:9", LABEL_STUDIO_API_KEY=KEY,
    )  # fmt: skip
    assert code == 1
    assert "RuntimeError" in err


def test_version(run):
    code, out, _ = run("--version", before="")
    assert (code, out.startswith("labelonce, version 0.")) == (0, True)


def test_progress_goes_to_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(progress.Lines, "EVERY_SECONDS", 0.0)
    for shown in (progress.Bars(), progress.Lines()):
        for total in (2, None):
            with shown.stage("A stage", total) as advance:
                advance(1)
                shown.message("as it is: [red]x")
                advance(1)
        out, err = capsys.readouterr()
        assert out == ""
        assert "A stage" in err
        assert "as it is: [red]x" in err
