"""`kill -9` of labelonce and of Label Studio at any moment: the next run ends as if nothing had happened."""

import json
import random
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import ANNOTATOR
from forks import Forks, kill
from labelonce.planning import save_plan
from mortal import MortalServer
from pictures import encoded, texture
from proxy import Asked, Fault, Proxy, never
from shape import listed, shape
from studio import Person, plan_for

SCENES, COPIES = 4, 2  # tasks: scenes, and copies of the first ones; people have worked on some
MOMENTS = {"apply": 8, "run": 6, "sync": 12, "undo": 8}  # kills at random requests of each
PLANS = 16  # kills after a part of the time that a plan takes; `plan` writes nothing, so only the store may suffer
OF_THE_SERVER = 10


@dataclass(frozen=True)
class World:
    """A Label Studio behind a proxy, two people, and the command line."""

    proxy: Proxy
    owner: Person
    annotator: Person
    labelonce: Forks
    folder: Path

    def project(self) -> str:
        """A project in which somebody has annotated a copy, and begun another."""
        number = self.owner.project()
        tasks = self.owner.import_tasks(number, pictures())
        self.annotator.annotate(tasks[SCENES])
        self.annotator.draft(tasks[SCENES - 1])
        return str(number)

    def shape(self, project: str) -> dict[str, Any]:
        return shape(self.owner, int(project))

    def plan(self, project: str) -> str:
        """The plan that labelonce would make, in a file."""
        tasks = [task["id"] for task in listed(self.owner, int(project))]
        made = plan_for(self.proxy.url, int(project), tasks, {SCENES: [0], 1: [SCENES + 1]})
        save_plan(made, self.folder / "plan.json")
        return "plan.json"

    def arguments(self, command: str, project: str) -> tuple[str, ...]:
        return (command, self.plan(project)) if command == "apply" else (command, "-p", project)


def pictures() -> list[dict[str, str]]:
    scenes = [texture(seed, (96, 72)) for seed in range(SCENES)]
    files = [encoded(scene) for scene in scenes]
    files += [encoded(scene, "JPEG", quality=90) for scene in scenes[:COPIES]]
    return [{"image": f"data:image/png;base64,{b64encode(file).decode()}"} for file in files]


def world(url: str, token: str, annotator: str, folder: Path) -> Iterator[World]:
    with closing(Proxy(url)) as proxy:
        environment = {
            "LABEL_STUDIO_URL": proxy.url,
            "LABEL_STUDIO_API_KEY": token,
            "LABELONCE_STORE": str(folder / "store.sqlite3"),
            "LABELONCE_MODEL": "dct",
        }
        with closing(Forks(folder, environment)) as labelonce:
            yield World(proxy, Person(url, token), Person(url, annotator), labelonce, folder)


@pytest.fixture(scope="module")
def steady(labels: Any, annotator_token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(labels.url, labels.token, annotator_token, tmp_path_factory.mktemp("kills"))


@dataclass(frozen=True)
class Undisturbed:
    """The states that commands end in when nobody disturbs them, and how many requests they take."""

    ends: dict[str, dict[str, Any]]
    requests: dict[str, int]


@pytest.fixture(scope="module")
def undisturbed(steady: World) -> Undisturbed:
    requests = {}
    project = steady.project()
    before = steady.shape(project)
    ends = {}
    for command in ("apply", "undo", "run", "undo", "sync"):
        arguments = steady.arguments(command, project)
        steady.proxy.start_over()
        steady.labelonce.run(*arguments)
        requests[command] = len(steady.proxy.asked)
        ends[command] = steady.shape(project)
        if command == "undo":
            assert ends[command] == before
    skipped = [task for task in ends["sync"]["tasks"] if any(own for _, own, _ in task["annotations"])]
    assert len(skipped) == COPIES
    return Undisturbed(ends, requests)


def moments() -> list[tuple[str, float, bool]]:
    """Command, part of its requests that is let through, and whether the last of them is carried out."""
    dice = random.Random(20)
    return [(command, dice.random(), dice.random() < 0.5) for command, count in MOMENTS.items() for _ in range(count)]


def killed_at(world: World, number: int, *, carried_out: bool, arguments: tuple[str, ...]) -> None:
    """Run a command that is killed when its n-th request comes."""
    begun, process = threading.Event(), []

    def choose(asked: Asked) -> Fault | None:
        if asked.number == number:
            begun.wait()
            kill(process[0])
        return None if asked.number < number or carried_out else Fault.RESET

    world.proxy.start_over(choose)
    process.append(world.labelonce.begin(*arguments))
    begun.set()
    code, text = world.labelonce.end()
    world.proxy.choose = never
    assert code == -9, text


@pytest.mark.parametrize(("command", "part", "carried_out"), moments())
def test_labelonce_is_killed(steady: World, undisturbed: Undisturbed, command: str, part: float, carried_out: bool):
    project = steady.project()
    arguments = steady.arguments(command, project)
    if command == "undo":
        steady.labelonce.run("run", "-p", project)
    number = 1 + int(0.9 * part * undisturbed.requests[command])  # a run may take some requests fewer
    killed_at(steady, number, carried_out=carried_out, arguments=arguments)
    assert "damaged" not in steady.labelonce.run(*arguments)
    assert steady.shape(project) == undisturbed.ends[command]


def test_a_plan_is_killed(steady: World):
    """At moments of its time, with a store of its own: what is read, embedded, verified and written is met too."""
    number = steady.owner.project()
    scenes = [texture(100 + seed, (320, 240)) for seed in range(8)]
    files = [encoded(scene, "JPEG", quality=quality) for quality in (95, 85) for scene in scenes]
    uris = [f"data:image/jpeg;base64,{b64encode(file).decode()}" for file in files]
    steady.owner.import_tasks(number, [{"image": uri} for uri in uris])
    before = steady.shape(str(number))

    def decisions(store: Path) -> list[dict[str, Any]]:
        text = steady.labelonce.run(*plan, LABELONCE_STORE=str(store))
        assert "damaged" not in text
        found: list[dict[str, Any]] = json.loads((steady.folder / "plan.json").read_text())["decisions"]
        return found

    plan = ("plan", "-p", str(number), "--output", "plan.json", "--model", "dct")
    began = time.monotonic()
    expected = decisions(steady.folder / "first.sqlite3")
    whole = time.monotonic() - began
    assert sum(one["role"] == "duplicate" for one in expected) == len(scenes)
    dice, codes = random.Random(21), []
    for kill_number in range(PLANS):
        store = steady.folder / f"killed-{kill_number}.sqlite3"
        process = steady.labelonce.begin(*plan, LABELONCE_STORE=str(store))
        time.sleep(dice.random() * whole)
        kill(process)
        codes.append(steady.labelonce.end()[0])
        assert decisions(store) == expected
    assert codes.count(-9) >= PLANS // 2
    assert list(steady.folder.glob("*set-aside*")) == []
    assert steady.shape(str(number)) == before


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MortalServer, World]]:
    with closing(MortalServer(tmp_path_factory.mktemp("mortal"))) as server:
        server.start()
        annotator = server.add_user(*ANNOTATOR)
        for made in world(server.url, server.token, annotator, tmp_path_factory.mktemp("kills-of-the-server")):
            yield server, made


@pytest.mark.parametrize("number", range(OF_THE_SERVER))
def test_label_studio_is_killed(mortal: tuple[MortalServer, World], undisturbed: Undisturbed, number: int):
    """While it carries a request out; it is back soon, or later than labelonce has patience for."""
    server, world = mortal
    command = ("apply", "undo", "sync", "run", "sync")[number % 5]
    project = world.project()
    arguments = world.arguments(command, project)
    if command == "undo":
        world.labelonce.run("run", "-p", project)
    dice = random.Random(30 + number)
    moment, delay, soon = dice.randint(2, undisturbed.requests[command]), dice.uniform(0, 0.04), number % 2
    dead = threading.Event()

    def die() -> None:
        time.sleep(delay)
        server.kill()
        if soon:
            server.start()
        dead.set()

    def choose(asked: Asked) -> Fault | None:
        if asked.number == moment:
            threading.Thread(target=die).start()
        return None

    world.proxy.start_over(choose)
    world.labelonce.begin(*arguments, LABELONCE_TIMEOUT="5")
    code, text = world.labelonce.end()
    assert dead.wait(60)
    assert code in (0, 1, 3), text
    assert "Traceback" not in text
    if not soon:
        server.start()
    world.proxy.choose = never
    world.labelonce.run(*arguments)
    assert world.shape(project) == undisturbed.ends[command]
