"""The commands dedupe and restore: what is asked, what is shown, and what is done."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from labelonce.cli import cli
from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders.trash import TRASH
from pictures import encoded, texture

MAIN = (
    "from labelonce import embedding; embedding.MODELS['lite0'] = embedding.MODELS['thumbnail']\n"
    "from labelonce.cli import main; main()"
)
FAST = ("--model", "thumbnail", "--verify", "none")
ODD = "2 \n\x1b[31m.jpg"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and TRASH not in path.parts
    }


@pytest.fixture
def photos(tmp_path):
    """Two scenes, twice each, one that is alone, and one that is broken."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(["1.png", "sub/2.png", "3.png"]):
        (folder / name).write_bytes(encoded(texture(seed, (160, 120))))
    (folder / "sub" / "1.jpg").write_bytes(encoded(texture(0, (160, 120)).resize((128, 96)), "JPEG", quality=90))
    (folder / ODD).write_bytes(encoded(texture(1, (160, 120)).resize((128, 96)), "JPEG", quality=90))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


LEAVE = {"sub/1.jpg", ODD}


@pytest.fixture
def run(tmp_path):
    def invoke(name, *arguments):
        options = [*FAST, "--store", tmp_path / "store"] if name == "dedupe" else []
        return CliRunner().invoke(cli, [str(one) for one in (name, *arguments, *options)])

    return invoke


def runs(folder):
    return sorted(path.name for path in (folder / TRASH).iterdir())


def test_a_dry_run_does_nothing(run, photos):
    before = contents(photos)
    done = run("dedupe", photos, "--dry-run")
    assert done.exit_code == 0
    assert "2 stand for 2 duplicates" in done.stdout
    assert "Nothing was done: this was a dry run." in done.stderr
    assert "\x1b" not in done.output
    assert contents(photos) == before
    assert not (photos / TRASH).exists()


def test_without_a_terminal_it_asks_for_yes(run, photos):
    before = contents(photos)
    for options in ((), ("--delete",)):
        done = run("dedupe", photos, *options)
        assert done.exit_code == 2
        assert f"Add --yes to {'delete' if options else 'move'} 2 duplicates" in done.stderr
        assert "2 stand for 2 duplicates" in done.stdout
    assert contents(photos) == before


def test_away_and_back(run, photos):
    before = contents(photos)
    done = run("dedupe", photos, "--yes")
    assert done.exit_code == 0
    assert "Moved 2 duplicates to" in done.stdout
    assert f"labelonce restore {photos}" in done.stdout
    assert contents(photos).keys() == before.keys() - LEAVE
    assert "There is nothing to remove." in run("dedupe", photos, "--yes").stdout

    (name,) = runs(photos)
    assert name in run("restore", photos, "--list").stdout
    assert json.loads(run("restore", photos, "--list", "--json").stdout)["trash"]["runs"] == {name: 2}
    shown = run("restore", photos, "--dry-run")
    assert "2 files would be restored" in shown.output
    assert "\x1b" not in shown.output
    assert set(json.loads(run("restore", photos, "--dry-run", "--json").stdout)["restored"]["would_restore"]) == LEAVE
    assert contents(photos).keys() == before.keys() - LEAVE
    done = run("restore", photos)
    assert (done.exit_code, "Restored 2 files" in done.stdout) == (0, True)
    assert contents(photos) == before
    for options in ((), ("--list",)):
        assert "There is nothing to restore" in run("restore", photos, *options).stdout
    assert json.loads(run("restore", photos, "--json").stdout)["restored"]["restored"] == 0


def test_json(run, photos):
    shown = json.loads(run("dedupe", photos, "--dry-run", "--json").stdout)
    assert (shown["removals"]["moved"], len(shown["plan"]["decisions"])) == (0, 6)
    done = json.loads(run("dedupe", photos, "--yes", "--json").stdout)
    assert (done["removals"]["moved"], done["removals"]["deleted"], done["removals"]["left"]) == (2, 0, [])
    assert json.loads(run("restore", photos, "--json").stdout)["restored"]["restored"] == 2


def test_delete(run, photos):
    before = contents(photos)
    done = run("dedupe", photos, "--delete", "--yes")
    assert (done.exit_code, "Deleted 2 duplicates for good." in done.stdout) == (0, True)
    assert contents(photos) == {name: data for name, data in before.items() if name not in LEAVE}
    assert not (photos / TRASH).exists()


def test_delete_in_a_region(run, photos):
    assert "Deleted 2" in run("dedupe", photos, "--delete", "--yes", "--roi", "10,10,80,80").stdout


def test_representatives(run, photos):
    """The first of each cluster, or the one that shows most."""
    (photos / "0.png").write_bytes(encoded(texture(0, (160, 120)).resize((80, 60))))
    left = {}
    for name in ("one", "cover"):
        run("dedupe", photos, "--yes", "--representatives", name)
        left[name] = contents(photos).keys() & {"0.png", "1.png", "sub/1.jpg"}
        run("restore", photos)
    assert left == {"one": {"0.png"}, "cover": {"1.png"}}


def test_another_trash(run, photos, tmp_path):
    before, bin_ = contents(photos), tmp_path / "bin"
    done = run("dedupe", photos, "--yes", "--trash", bin_)
    assert f"labelonce restore {photos} --trash {bin_}" in done.stdout
    assert not (photos / TRASH).exists()
    assert "Restored 2 files" in run("restore", photos, "--trash", bin_).stdout
    assert contents(photos) == before
    assert isinstance(run("dedupe", photos, "--trash", photos / "bin").exception, ConfigurationError)


def test_a_taken_place_is_told(run, photos):
    run("dedupe", photos, "--yes")
    (photos / "sub" / "1.jpg").write_bytes(b"new")
    done = run("restore", photos)
    assert "sub/1.jpg is sub/1 (restored).jpg now: another file had taken its place" in done.stdout


def test_what_could_not_be_done_is_told(run, photos, monkeypatch):
    from labelonce import pipeline

    def late(*arguments, **options):
        found = real(*arguments, **options)
        (photos / "sub" / "1.jpg").write_bytes(b"changed")
        return found

    real = pipeline.find_clusters
    monkeypatch.setattr(pipeline, "find_clusters", late)
    done = run("dedupe", photos, "--yes")
    assert done.exit_code == 3
    assert "Moved 1 duplicates" in done.stdout
    assert "sub/1.jpg: it changed meanwhile" in done.stderr
    assert (photos / "sub" / "1.jpg").read_bytes() == b"changed"


def test_what_stands_for_others_is_not_removed_later(run, photos):
    """A larger copy of what was kept comes in: it would be preferred, and what is in the trash was compared with the
    smaller one."""
    run("dedupe", photos, "--yes")
    (photos / "larger.png").write_bytes(encoded(texture(0, (160, 120)).resize((480, 360))))
    run("dedupe", photos, "--yes")
    assert (photos / "1.png").exists()
    assert not (photos / "larger.png").exists()
    assert "The trash holds 1 older runs" in run("restore", photos).stdout
    run("restore", photos)
    run("dedupe", photos, "--yes")
    assert (photos / "larger.png").exists()
    assert not (photos / "1.png").exists()


def test_wrong_arguments(run, photos, tmp_path):
    for arguments, error in (
        (("dedupe", tmp_path / "nowhere"), ConfigurationError),
        (("restore", tmp_path / "nowhere"), ConfigurationError),
        (("restore", photos, "--run", "nine"), FilesError),
    ):
        assert isinstance(run(*arguments).exception, error)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of its own")
@pytest.mark.parametrize(
    ("options", "typed", "left"),
    [((), "y", 4), ((), "n", 6), (("--delete",), "y", 6), (("--delete",), "delete", 4)],
)
def test_at_a_terminal_it_asks(photos, tmp_path, options, typed, left):
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "dedupe", str(photos), "--verify", "none", *options],
            env={**os.environ, "LABELONCE_STORE": str(tmp_path / "store")},
            stdin=theirs, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert ("Type delete" if options else "Move 2 duplicates (0.0 MB) to") in done.stderr
    assert len(contents(photos)) == left
    assert ("Nothing was done." in done.stderr) == (left == 6)
    assert (photos / TRASH).exists() == (left == 4 and not options)
