"""The values that are given, and where: flags over the environment over the file."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from predictor_service.config.service_config import ServiceConfig
from predictor_service.config.spelling import flag, variable
from predictor_service.errors import ConfigError

CONFIG_FILE = "config"
"""Not an option itself: --config and LENGTHWISE_CONFIG name the file of the others."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was given.

    Args:
        value: Not yet checked.
        name: What it was given as, for errors.
        origin: Where, for `--print-config`.
    """

    value: Any
    name: str
    origin: str


def gather(flags: Mapping[str, Any]) -> dict[str, Given]:
    """All values that are given, by field name.

    Args:
        flags: By field name, and `config` for the file; only those given.

    Raises:
        ConfigError: The file cannot be read, or has a key that is no option.
    """
    flags = dict(flags)
    file = flags.pop(CONFIG_FILE, None) or os.environ.get(variable(CONFIG_FILE))
    given = _of_file(Path(file)) if file else {}
    return given | _of_environment(os.environ) | _of_flags(flags)


def _of_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    return {
        name: Given(value, _two_names(name), f"flag {flag(name)}") for name, value in flags.items()
    }


def _of_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """An empty variable counts as unset; others that start alike are the client's."""
    return {
        name: Given(value, _two_names(name), f"environment {variable(name)}")
        for name in ServiceConfig.model_fields
        if (value := environment.get(variable(name)))
    }


def _of_file(path: Path) -> dict[str, Given]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{_two_names(CONFIG_FILE)} is {str(path)!r}: it cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}; expected lines of name = value") from error
    if unknown := [name for name in table if name not in ServiceConfig.model_fields]:
        raise ConfigError("\n".join(_unknown(path, name, table[name]) for name in unknown))
    return {name: Given(value, f"{path}: {name}", f"file {path}") for name, value in table.items()}


def _unknown(path: Path, name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{path}: [{name}] is a table: expected lines of name = value alone"
    close = get_close_matches(name.replace("-", "_"), ServiceConfig.model_fields, n=1)
    hint = f"did you mean {close[0]}?" if close else "--help lists all of them"
    return f"{path}: {name} is no option: {hint}"


def _two_names(name: str) -> str:
    return f"{variable(name)} / {flag(name)}"
