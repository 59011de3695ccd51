"""Values that people give to settings: each has to be of the kind that its setting takes."""

import math
from dataclasses import Field
from pathlib import Path
from typing import Any

from labelonce.addresses import AllowedHosts
from labelonce.eps import similarity_from
from labelonce.errors import ConfigurationError
from labelonce.images.regions import Region, regions_of


def check(one: "Field[Any]", value: Any) -> None:
    """Check the value of one setting.

    Raises
    ------
    ConfigurationError
        It is of another type, not among the choices, too small, or endless where sums are made of it.
    """
    kind: type = one.metadata["kind"]
    choices, least = one.metadata["choices"], one.metadata["least"]
    if value is None and one.default is None:
        return
    accepted: tuple[type, ...] = {float: (int, float), Path: (str, Path)}.get(kind, (kind,))
    if one.name == "eps":
        accepted = (str, int, float)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigurationError(f"{one.name} = {_shown(one, value)}: give {_KINDS[kind]}.")
    if choices and value not in choices:
        raise ConfigurationError(f"{one.name} = {value!r}: choose one of {', '.join(choices)}.")
    if least is not None and not value >= least:
        raise ConfigurationError(f"{one.name} = {value!r}: give {least:g} or more.")
    if one.metadata["group"] == "savings" and kind is float and value == math.inf:
        raise ConfigurationError(f"{one.name} = {value!r}: give a finite number.")
    if one.name == "eps":
        similarity_from(str(value))
    if one.name == "roi":
        Region.parse(str(value))
    if one.name == "ignore":
        regions_of(str(value))
    if one.name == "allow_host":
        AllowedHosts.parse(str(value))


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes", Path: "a file name"}


def _shown(one: "Field[Any]", value: Any) -> str:
    return repr(value) if one.repr else "(not shown)"
