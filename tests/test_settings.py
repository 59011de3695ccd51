"""Where a setting's value comes from, and what is said about a wrong one."""

from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from labelonce.config_file import read_config
from labelonce.eps import similarity_from
from labelonce.errors import ConfigurationError
from labelonce.options import settings_from, with_settings
from labelonce.settings import GROUPS, Settings, environment_variable

ALL = fields(Settings)
BY_NAME = {one.name: one for one in ALL}


def values(one) -> tuple:
    """Three different values of a setting, none of them its default."""
    if one.metadata["kind"] is bool:
        return True, False, True
    if one.name == "eps":
        return "95%", "0.1", "0.2"
    if one.name in ("roi", "ignore"):
        return "0,0,50,50", "10,0,50,50", "20,0,50,50"
    if one.metadata["choices"]:
        others = [choice for choice in one.metadata["choices"] if choice != one.default]
        return others[0], one.metadata["choices"][-2], others[0]
    kind = one.metadata["kind"]
    return tuple(Path(f"file{n}") if kind is Path else f"text{n}" if kind is str else kind(n) for n in (3, 5, 7))


def toml(value) -> str:
    return str(value).lower() if isinstance(value, bool | int | float) else f'"{value}"'


@pytest.fixture
def resolve(tmp_path, monkeypatch):
    """The settings that a command line gives; ends like the real one when something is wrong."""
    monkeypatch.chdir(tmp_path)
    for one in ALL:
        monkeypatch.delenv(environment_variable(one.name), raising=False)
    monkeypatch.delenv("LABELONCE_CONFIG", raising=False)

    @click.command()
    @with_settings(*GROUPS)
    def command(**given):
        found.append(settings_from(given))

    found: list[Settings] = []

    def run(*arguments: str) -> Settings:
        command.main(list(arguments), standalone_mode=False)
        return found[-1]

    return run


def flag(one, value) -> list[str]:
    name = one.name.replace("_", "-")
    return [f"--{name}" if value else f"--no-{name}"] if isinstance(value, bool) else [f"--{name}", str(value)]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_precedence(resolve, monkeypatch, one):
    by_file, by_environment, by_flag = values(one)
    assert getattr(resolve(), one.name) == one.default
    Path("labelonce.toml").write_text(f"{one.name} = {toml(by_file)}\n")
    assert getattr(resolve(), one.name) == by_file
    monkeypatch.setenv(environment_variable(one.name), str(by_environment))
    assert getattr(resolve(), one.name) == by_environment
    assert getattr(resolve(*flag(one, by_flag)), one.name) == by_flag
    monkeypatch.setenv(environment_variable(one.name), "")  # as good as unset
    assert getattr(resolve(), one.name) == by_file


def test_environment_variables():
    named = {one.name: environment_variable(one.name) for one in ALL}
    assert named.pop("url") == "LABEL_STUDIO_URL"
    assert named.pop("api_key") == "LABEL_STUDIO_API_KEY"
    assert named.pop("host") == "LABELONCE_SERVE_HOST"
    assert named.pop("port") == "LABELONCE_SERVE_PORT"
    assert all(variable == f"LABELONCE_{name.upper()}" for name, variable in named.items())
    assert {one.metadata["group"] for one in ALL} == set(GROUPS)


def test_the_configuration_file_can_be_named(resolve, monkeypatch):
    Path("labelonce.toml").write_text("n_trees = 7")
    Path("other.toml").write_text("n_trees = 8\neps = 0.05")
    assert resolve().n_trees == 7
    assert (resolve("--config", "other.toml").n_trees, resolve("--config", "other.toml").eps) == (8, "0.05")
    monkeypatch.setenv("LABELONCE_CONFIG", "other.toml")
    assert resolve().n_trees == 8


WRONG = [
    ('n_trees = "many"', "n_trees = 'many': give a whole number"),
    ("n_trees = 0", "n_trees = 0: give 1 or more"),
    ("n_trees = 2.5", "n_trees = 2.5: give a whole number"),
    ("n_trees = true", "n_trees = True: give a whole number"),
    ("project = [3]", "project = .*: give a whole number"),
    ("url = 3", "url = 3: give a text in quotes"),
    ("store = 3", "store = 3: give a file name"),
    ('timeout = "long"', "timeout = 'long': give a number"),
    ("timeout = nan", "timeout = nan: give 0.1 or more"),
    ("hourly_rate = nan", "hourly_rate = nan: give 0 or more"),
    ("hourly_rate = inf", "hourly_rate = inf: give a finite number"),
    ("cost_per_label = inf", "cost_per_label = inf: give a finite number"),
    ("seconds_per_label = inf", "seconds_per_label = inf: give a finite number"),
    ('ignore_skipped = "perhaps"', "give true or false"),
    ('engine = "magic"', "engine = 'magic': choose one of auto, exact, cells, annoy, faiss"),
    ('eps = "close"', "eps = 'close': give a similarity"),
    ("eps = 95", "Is 95% meant"),
    ("trees = 3", "no setting: trees.*The settings are: url"),
    ("[similarity]\nn_trees = 3", "no setting: similarity"),
    ("n_trees = ", "not TOML"),
    (b"url = '\xff'", "not TOML"),
]


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_wrong_configuration_file(resolve, content, message):
    Path("labelonce.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=message) as raised:
        resolve()
    assert "labelonce.toml" in str(raised.value)


def test_a_configuration_file_that_is_not_there(resolve):
    with pytest.raises(ConfigurationError, match=r"elsewhere\.toml cannot be read: No such file"):
        resolve("--config", "elsewhere.toml")
    assert read_config(None) == {}


def test_help_works_whatever_the_file_says(resolve):
    Path("labelonce.toml").write_text("nonsense")

    @click.command()
    @with_settings("server")
    def command(**given):
        """Do nothing."""

    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


def test_a_wrong_key_is_not_shown(resolve):
    Path("labelonce.toml").write_text("api_key = 1234567890")
    with pytest.raises(ConfigurationError, match="api_key") as raised:
        resolve()
    assert "1234567890" not in str(raised.value)
    assert "hidden-key" not in repr(Settings(api_key="hidden-key"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_trees", "many"), ("n_trees", 0), ("engine", "magic"), ("verify", "maybe"), ("preset", "recipes"),
     ("representatives", "all"), ("eps", "near"), ("workers", None), ("timeout", 0), ("mark", "")],
)  # fmt: skip
def test_wrong_values_in_python(name, value):
    with pytest.raises(ConfigurationError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("text", "similarity"),
    [("95%", 0.95), (" 95 % ", 0.95), ("0.05", 0.95), ("0", 1.0), ("2", -1.0), ("100%", 1.0), ("0.5%", 0.005),
     (0.05, 0.95), (1, 0.0)],
)  # fmt: skip
def test_eps(text, similarity):
    assert similarity_from(text) == pytest.approx(similarity)


@pytest.mark.parametrize("text", ["", "%", "0%", "101%", "-5%", "-0.1", "2.1", "nan", "nan%", "inf", "near", "95%%"])
def test_nonsense_for_eps(text):
    with pytest.raises(ConfigurationError, match="eps = "):
        similarity_from(text)


def test_presets():
    recipe, plain = Settings(preset="recipe"), Settings()
    assert (recipe.chosen_model, recipe.verifies, recipe.chosen_representatives) == ("vgg16", False, "one")
    assert (plain.chosen_model, plain.verifies, plain.chosen_representatives) == ("lite0", True, "cover")
    mixed = Settings(preset="recipe", model="lite0", verify="geometry", representatives="cover")
    assert (mixed.chosen_model, mixed.verifies, mixed.chosen_representatives) == ("lite0", True, "cover")


def test_the_store_has_a_default_place():
    assert Settings().store_path.name == "store.sqlite3"
    assert Settings(store=Path("here")).store_path == Settings(store="here").store_path == Path("here")
