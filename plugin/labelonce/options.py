"""Command-line options, built from the declared settings."""

from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from labelonce.config_file import read_config
from labelonce.settings import Settings, environment_variable

PARTED = ";"  # between the values of a setting that takes several

F = TypeVar("F", bound=Callable[..., Any])


class _Parted(click.types.StringParamType):
    """A text of which there may be several."""

    envvar_list_splitter = PARTED


def _kind(one: "Field[Any]") -> Any:
    details = one.metadata
    if details["choices"]:
        return click.Choice(details["choices"])
    if details["kind"] is Path:
        return click.Path(path_type=Path)
    if details["least"] is not None:
        return (click.IntRange if details["kind"] is int else click.FloatRange)(min=details["least"])
    return details["kind"]


def option(one: "Field[Any]") -> Callable[[F], F]:
    """The option of one setting."""
    flag = one.metadata["kind"] is bool
    name = one.name.replace("_", "-")
    many = one.metadata["many"]
    return click.option(
        *one.metadata["flags"],
        f"--{name}/--no-{name}" if flag else f"--{name}",
        one.name,
        type=_Parted() if many else None if flag else _kind(one),
        is_flag=flag,
        multiple=many,
        default=one.default,
        envvar=environment_variable(one.name),
        show_envvar=True,
        show_default=one.default is not None and not flag,
        help=one.metadata["text"],
    )


def with_settings(*groups: str, without: tuple[str, ...] = (), besides: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Give a command the options of some groups of settings, without some and besides others, and the configuration."""

    def decorate(command: F) -> F:
        wanted = [one for one in fields(Settings) if one.metadata["group"] in groups or one.name in besides]
        chosen = [one for one in wanted if one.name not in without]
        for one in reversed(chosen):
            command = option(one)(command)
        return click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="LABELONCE_CONFIG",
            is_eager=True,
            expose_value=False,
            callback=_load,
            help="TOML file with settings. Default: labelonce.toml in the working folder, if it is there.",
        )(command)

    return decorate


def _load(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    # click looks values up here after the command line and the environment
    content = read_config(path)
    for one in fields(Settings):
        if one.metadata["many"] and one.name in content:
            content[one.name] = content[one.name].split(PARTED)
    context.default_map = {**content, **(context.default_map or {})}


def settings_from(values: dict[str, Any]) -> Settings:
    """The settings among a command's parameters."""
    many = {one.name: one.metadata["many"] for one in fields(Settings)}
    known: dict[str, Any] = {name: value for name, value in values.items() if name in many}
    known |= {name: PARTED.join(value) or None for name, value in known.items() if many[name]}
    return Settings(**known)
