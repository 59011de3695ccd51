"""`similarity`, `neighbors` and `check` on the command line: what they print, how they end, and whom they ask."""

import csv
import io
import json
import os
import subprocess
import sys
from base64 import b64encode

import pytest

from labelonce import cli, embedding
from labelonce.label_studio.server import Server
from pictures import encoded, texture
from studio import CONFIG, Person
from web import Web, reply

SIDE = (320, 240)
HOSTILE = "b \n\x1b[31m.jpg"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A scene twice, another one under a hostile name, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    a, b = texture(1, SIDE), texture(2, SIDE)
    (folder / "a.png").write_bytes(encoded(a))
    (folder / "a2.jpg").write_bytes(encoded(a, "JPEG", quality=88))
    (folder / HOSTILE).write_bytes(encoded(b, "JPEG", quality=88))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Images that are in no folder of known ones: a third copy of a scene, and something else."""
    folder = tmp_path_factory.mktemp("new")
    (folder / "a3.jpg").write_bytes(encoded(texture(1, SIDE), "JPEG", quality=70))
    (folder / "c.png").write_bytes(encoded(texture(3, SIDE)))
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder, without the network: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith(("LABEL_STUDIO", "LABELONCE"))]:
        monkeypatch.delenv(name)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("LABELONCE_STORE", str(tmp_path / "store.sqlite3"))
    monkeypatch.setitem(embedding.MODELS, "lite0", embedding.MODELS["thumbnail"])

    def finish(*arguments: object, given: bytes = b"", **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["labelonce", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            try:
                cli.main()
            except SystemExit as stop:
                code = int(stop.code or 0)
            else:
                code = 0
        out, err = capsys.readouterr()
        return code, out, err

    return finish


@pytest.fixture
def studio(labels):
    """What the command line needs to find Label Studio, and its owner."""
    return {"LABEL_STUDIO_URL": labels.url, "LABEL_STUDIO_API_KEY": labels.token}, Person(labels.url, labels.token)


# ------------------------------------------------------------------------------------------------------ similarity


def test_a_line_for_a_person_and_json_for_a_program(run, photos):
    code, out, _ = run("similarity", photos / "a.png", photos / "a2.jpg")
    assert code == 0
    assert out == "100.0 % similar: duplicates at level near: the same picture\n"
    code, out, _ = run("similarity", photos / "a.png", photos / HOSTILE)
    assert code == 0
    assert "% similar: not duplicates at level near: less alike than the 80 % from" in out
    code, out, _ = run("similarity", photos / "a.png", photos / "a.png", "--verify", "none", "--json")
    assert code == 0
    assert json.loads(out) == {
        "a": str(photos / "a.png"),
        "b": str(photos / "a.png"),
        "model": "lite0",
        "similarity": 100.0,
        "duplicates": True,
        "reason": "byte copy",
        "level": None,
        "view": "",
    }


def test_a_url_is_told_nothing_that_is_not_its_own(run, photos):
    web = Web()
    try:
        web.answer = lambda handler: reply(handler, (photos / "a2.jpg").read_bytes())
        settings = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "secret"}
        code, out, _ = run("similarity", f"{web.url}/x?signature=1", photos / "a.png", **settings)
        assert (code, web.seen) == (0, [("/x?signature=1", None)])
        assert "duplicates at level near: the same picture" in out
        web.answer = lambda handler: reply(handler, status=404)
        code, _, err = run("similarity", f"{web.url}/gone", photos / "a.png")
        assert code == 2
        assert "answered 404: there is no such file" in err.splitlines()[-1]
    finally:
        web.close()


# ------------------------------------------------------------------------------------------------------- neighbors


def test_a_table(run, photos, new):
    code, out, err = run("neighbors", new / "a3.jpg", "--in", photos, "-k", "3")
    assert code == 0
    rows = [line.split() for line in out.splitlines() if "%" in line]
    assert [row[0] for row in rows[:2]] == ["1", "2"]
    assert {row[3] for row in rows[:2]} == {"a.png", "a2.jpg"}
    assert [row[4] for row in rows[:2]] == ["yes", "yes"]
    assert "\x1b[31m" not in out + err
    assert "not compared: broken.png: " in err


def test_json_and_csv(run, photos, new, tmp_path):
    code, out, _ = run("neighbors", new / "a3.jpg", "--in", photos, "--json")
    found = json.loads(out)
    assert (code, found["compared"], [one["task"] for one in found["problems"]]) == (0, 3, ["broken.png"])
    assert [one["rank"] for one in found["neighbors"]] == [1, 2, 3]
    assert [one["duplicates"] for one in found["neighbors"]] == [True, True, False]
    assert found["neighbors"][2]["task"] == HOSTILE
    code, out, _ = run("neighbors", new / "a3.jpg", "--in", photos, "--csv", "-")
    table = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["task"] for row in table] == [one["task"] for one in found["neighbors"]]
    assert [float(row["similarity"]) for row in table] == [one["similarity"] for one in found["neighbors"]]
    assert [row["duplicate"] for row in table] == ["1", "1", "0"]
    code, shown, _ = run("neighbors", new / "a3.jpg", "--in", photos, "--csv", tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes().decode() == out
    assert "a2.jpg" in shown
    code, annoy, _ = run("neighbors", new / "a3.jpg", "--in", photos, "--csv", "-", "--engine", "annoy", "--n-trees", 9)
    assert (code, annoy) == (0, out)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only names that are Unicode")
def test_a_name_that_is_not_utf8(run, photos, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.png")).write_bytes((photos / "a.png").read_bytes())
    code, out, _ = run("neighbors", photos / "a.png", "--in", folder, "--json")
    assert (code, json.loads(out)["neighbors"][0]["task"]) == (0, "\udcff.png")
    code, _, _ = run("neighbors", photos / "a.png", "--in", folder, "--csv", tmp_path / "table.csv")
    assert b"\n1,\xff.png,," in (tmp_path / "table.csv").read_bytes()
    run("folder", folder)
    code, out, _ = run("check", "-", "--in", folder, "--json", given=os.fsencode(folder / "\udcff.png") + b"\0")
    assert (code, json.loads(out)["answers"][0]["image"]) == (4, str(folder / "\udcff.png"))


# ----------------------------------------------------------------------------------------------------------- check


def test_answers_and_exit_codes(run, photos, new):
    code, _, err = run("check", new / "a3.jpg", "--in", photos)
    assert code == 2
    assert err.splitlines()[-1].endswith(f"Make it known with: labelonce folder {photos}")
    assert run("folder", photos)[0] == 0
    code, out, _ = run("check", new / "a3.jpg", "--in", photos)
    assert code == 0
    assert out.startswith(f"{new / 'a3.jpg'}: yes: a")
    assert "%, the same picture)" in out
    code, out, err = run("check", new, "--in", photos)
    assert code == 4
    assert [line.split(": ")[1][:4] for line in out.splitlines()] == ["yes", "no; "]
    assert "2 images: 1 there, 1 not there\n" in err
    code, out, err = run("check", new / "c.png", photos / "broken.png", "--in", photos)
    assert code == 3
    assert out.count("\n") == 1
    assert f"{photos / 'broken.png'}: cannot be looked up: " in err
    assert "2 images: 0 there, 1 not there, 1 cannot be read\n" in err


def test_names_from_standard_input(run, photos, new):
    run("folder", photos)
    names = [str(new / "a3.jpg"), "nothing.png", str(photos / HOSTILE), str(new)]
    code, out, _ = run("check", "-", "--in", photos, "--json", given="\0".join(names).encode())
    answers = json.loads(out)["answers"]
    assert code == 3
    assert [one["image"] for one in answers] == names
    assert [one["there"] for one in answers] == [True, None, False, None]
    assert "is no file" in answers[1]["problem"]
    assert "is a folder" in answers[3]["problem"]
    assert set(answers[0]) == {"image", "there", "tasks", "similarity", "reason", "level", "view"}
    code, out, _ = run("check", "-", new / "a3.jpg", "--in", photos, given=f"{names[0]}\r\n\n{names[0]}".encode())
    assert (code, out.count(": yes: ")) == (0, 3)
    code, out, err = run("check", photos / HOSTILE, "--in", photos)
    assert (code, out.count("\n")) == (4, 1)
    assert "\x1b" not in out + err
    assert run("check", "-", "--in", photos, given=b"")[:2] == (0, "")


# --------------------------------------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("similarity", "a.png", "{c}"), "'a.png' is no file and no http(s) URL. Name an image."),
        (("similarity", "17", "{c}"), "There is no file 17. For a task of that number, name its --project too."),
        (("similarity", "{new}", "{c}"), "is a folder. Name an image."),
        (("similarity", "{c}"), "Missing argument 'B'"),
        (("neighbors", "{c}"), "Where? Name a folder with --in DIR, or a Label Studio project with --project P."),
        (("check", "{c}"), "Where? Name a folder with --in DIR, or a Label Studio project with --project P."),
        (("neighbors", "{c}", "--in", "{new}", "-p", "3"), "Give --in DIR or --project P, not both."),
        (("check", "{c}", "--in", "{new}", "--project", "3"), "Give --in DIR or --project P, not both."),
        (("neighbors", "{c}", "--in", "{new}", "-k", "0"), "'-k': 0 is not in the range x>=1."),
        (("neighbors", "{c}", "--in", "{c}"), "is not a folder. Name a folder that holds images."),
        (("neighbors", "x.png", "--in", "{new}"), "'x.png' is no file"),
        (("neighbors", "17", "--in", "{new}"), "There is no file 17."),
        (("neighbors", "{c}", "--in", "{new}", "--json", "--csv", "-"), "Choose one."),
        (("neighbors", "{c}", "--in", "{new}", "--csv", "no/where.csv"), "there is no folder no."),
        (("check", "x.png", "--in", "{new}"), "'x.png' is no file"),
        (("check", "x\n\x1b[31m.png", "--in", "{new}"), r"'x\n\x1b[31m.png' is no file"),
        (("check", "--in", "{new}"), "Missing argument 'IMAGE...'"),
        (("check", "{c}", "--project", "3"), "Label Studio's address is missing"),
        (("check", "{c}", "--in", "{new}", "--roi-from-predictions"), "A folder has no predictions"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(run, new, arguments, text):
    names = {"{c}": new / "c.png", "{new}": new}
    code, out, err = run(*(names.get(one, one) for one in arguments))
    assert (code, out) == (2, "")
    assert text in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_folder_goes_before_a_project_of_the_environment(run, photos, new):
    code, out, _ = run("neighbors", new / "a3.jpg", "--in", photos, "--json", LABELONCE_PROJECT="7")
    assert (code, json.loads(out)["compared"]) == (0, 3)


# ----------------------------------------------------------------------------------------------- Label Studio


def test_the_tasks_of_a_project(run, studio, photos, new, monkeypatch):
    settings, owner = studio
    number = owner.project()
    first, second, third = owner.upload(
        number, {name: (photos / name).read_bytes() for name in ("a.png", "a2.jpg")}
    ) + owner.upload(number, {"c.png": (new / "c.png").read_bytes()})

    code, out, _ = run("similarity", first, second, "--project", number, **settings)
    assert (code, "duplicates at level near: the same picture" in out) == (0, True)
    code, out, _ = run("similarity", new / "c.png", third, "--project", number, "--json", **settings)
    assert (code, json.loads(out)["reason"]) == (0, "byte copy")

    code, out, _ = run("neighbors", first, "--project", number, "--json", **settings)
    assert [one["task"] for one in json.loads(out)["neighbors"]] == [second, third]
    code, out, _ = run("neighbors", new / "a3.jpg", "--project", number, "-k", "1", **settings)
    assert (code, "task" in out, "yes" in out) == (0, True, True)

    code, _, err = run("check", new / "a3.jpg", "--project", number, **settings)
    assert code == 2
    assert err.splitlines()[-1].endswith(f"labelonce plan --project {number}")
    assert run("plan", "--project", number, **settings)[0] == 0
    code, out, _ = run("check", first, third, "--project", number, **settings)
    assert code == 4
    assert out.startswith(f"{first}: yes: task {second} (")
    assert f"\n{third}: no; the nearest is task " in out
    with monkeypatch.context() as patch:
        patch.delattr(Server, "_send")  # nobody is asked about equal pixels
        code, out, _ = run("check", new / "c.png", "--project", number, "--json", **settings)
    assert (code, [one["tasks"] for one in json.loads(out)["answers"]]) == (0, [[third]])
    code, out, _ = run("check", new / "a3.jpg", new / "c.png", "--project", number, "--json", **settings)
    answers = json.loads(out)
    assert (code, answers["known"]) == (0, f"{settings['LABEL_STUDIO_URL']}/projects/{number}")
    assert [one["there"] for one in answers["answers"]] == [True, True]
    assert answers["answers"][1]["tasks"] == [third]

    code, _, err = run("similarity", 1 << 40, first, "--project", number, **settings)
    assert code == 2
    assert f"Project {number} has no task {1 << 40}." in err
    (name := new / str(first)).write_bytes((new / "c.png").read_bytes())
    monkeypatch.chdir(new)  # a file of that name goes first
    code, out, _ = run("similarity", first, third, "--project", number, "--json", **settings)
    assert json.loads(out)["reason"] == "byte copy"
    name.unlink()


def test_a_project_says_how_alike_and_which_region(run, studio):
    settings, owner = studio
    plain = texture(21, SIDE)
    changed = plain.copy()
    changed.paste(texture(22, SIDE).crop((0, 0, 90, 120)), (210, 70))
    uris = [f"data:image/png;base64,{b64encode(encoded(image)).decode()}" for image in (plain, changed)]
    value = {"x": 5, "y": 10, "width": 45, "height": 80, "rectanglelabels": ["Object"]}
    region = {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}
    rows = [{"data": {"image": uri}, "predictions": [{"result": [region]}]} for uri in uris]
    placing = owner.project(CONFIG)
    one, other = owner.import_tasks(placing, rows)
    code, out, _ = run("similarity", one, other, "-p", placing, **settings)
    assert (code, "not duplicates at level near: something in them is different" in out) == (0, True)
    code, out, _ = run("similarity", one, other, "-p", placing, "--roi-from-predictions", **settings)
    assert (code, "100.0 % similar: duplicates at level near: same pixels\n" in out) == (0, True)
    judging = owner.project(
        '<View><Image name="image" value="$image"/><Choices name="kind" toName="image">'
        '<Choice value="good"/><Choice value="bad"/></Choices></View>'
    )
    one, other = owner.import_tasks(judging, [{"data": {"image": uri}} for uri in uris])
    code, out, _ = run("similarity", one, other, "-p", judging, **settings)
    assert (code, "not duplicates at level near" in out) == (0, True)
    code, out, _ = run("similarity", one, other, "-p", judging, "--level", "scene", **settings)
    assert (code, " duplicates at level scene" in out) == (0, True)


def test_what_is_shown_beside_a_picture_counts(run, studio):
    settings, owner = studio
    number = owner.project(
        '<View><Header value="$question"/><Image name="image" value="$image"/><Choices name="kind" toName="image">'
        '<Choice value="yes"/><Choice value="no"/></Choices></View>'
    )
    uri = f"data:image/png;base64,{b64encode(encoded(texture(1, SIDE))).decode()}"
    rows = [{"image": uri, "question": question} for question in ("a cat?", "a dog?")]
    one, other = owner.import_tasks(number, rows)
    code, out, _ = run("similarity", one, other, "-p", number, **settings)
    differs = "what is shown beside the picture differs: $question"
    assert (code, out) == (0, f"100.0 % similar: not duplicates at level near: {differs}\n")
    assert run("plan", "-p", number, **settings)[0] == 0
    code, out, _ = run("check", one, "-p", number, **settings)
    assert (code, out) == (4, f"{one}: no; the nearest is task {other} (100.0 %, {differs})\n")


def test_the_commands_start_without_what_is_heavy():
    code = "import sys, labelonce.cli.comparing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"numpy", "cv2", "requests", "rich", "PIL", "scipy"} & set(done.stdout.split())
