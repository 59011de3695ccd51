"""The configuration file: settings as TOML."""

import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from labelonce.errors import ConfigurationError
from labelonce.settings import Settings
from labelonce.values import check

CONFIG_FILE = "labelonce.toml"


def read_config(path: Path | None) -> dict[str, Any]:
    """Read settings from a TOML file; without a path, from ``labelonce.toml`` in the working folder if it is there.

    Raises
    ------
    ConfigurationError
        The file cannot be read, names what is no setting, or has a value of the wrong kind.
    """
    if path is None:
        path = Path(CONFIG_FILE)
        if not path.is_file():
            return {}
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content: Mapping[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"The configuration file {path} is not TOML: {error}.") from None
    unknown = sorted(set(content) - {one.name for one in fields(Settings)})
    if unknown:
        raise ConfigurationError(
            f"The configuration file {path} has what is no setting: {', '.join(unknown)}. "
            f"The settings are: {', '.join(one.name for one in fields(Settings))}."
        )
    for one in fields(Settings):
        if one.name in content:
            try:
                check(one, content[one.name])
            except ConfigurationError as error:
                raise ConfigurationError(f"The configuration file {path}: {error}") from None
    return dict(content)
