"""From flags, the environment and a file to a checked configuration, or to errors for people."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from predictor_service.config.service_config import RULE, ServiceConfig
from predictor_service.config.spelling import accepted, both_names, flag, variable, without_secrets
from predictor_service.errors import ConfigError

CONFIG_FILE = "config"
"""Not an option itself: --config and LENGTHWISE_CONFIG name the file of the others."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value as somebody set it.

    Args:
        value: As it was read, not yet checked.
        name: What it was set as, for errors: "LENGTHWISE_PORT / --port", or file and key.
        origin: Where it was set, for `--print-config`: "flag --port".
    """

    value: Any
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A checked configuration.

    Args:
        config: All options, those at their defaults too.
        settings: Those that are not left at their defaults, by field name.
    """

    config: ServiceConfig
    settings: Mapping[str, Setting]


def settle(flags: Mapping[str, Any]) -> Settled:
    """Build the configuration: flags over the environment over the file over defaults.

    Args:
        flags: By field name, and `config` for the file; only those given.

    Raises:
        ConfigError: An option is missing or out of range; one line for each. What options must be
            together is looked at once each is good by itself.
    """
    settings = gather(flags)
    values = {name: setting.value for name, setting in settings.items()}
    try:
        config = ServiceConfig.model_validate(values)
    except ValidationError as error:
        lines = [_explain(dict(problem), settings) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    return Settled(config, settings)


def read_config(flags: Mapping[str, Any]) -> ServiceConfig:
    """The configuration alone; see `settle`."""
    return settle(flags).config


def gather(flags: Mapping[str, Any]) -> dict[str, Setting]:
    """All values that are set, by field name.

    Args:
        flags: By field name, and `config` for the file; only those given.

    Raises:
        ConfigError: The file cannot be read, or has a key that is no option.
    """
    flags = dict(flags)
    file = flags.pop(CONFIG_FILE, None) or os.environ.get(variable(CONFIG_FILE))
    settings = _from_file(Path(file)) if file else {}
    return settings | _from_environment(os.environ) | _from_flags(flags)


def printed(settled: Settled) -> str:
    """The configuration as `--print-config` shows it, in the form of a file.

    Returns:
        A line of TOML for each option, its origin as the comment; secrets are starred out.
    """
    lines: list[str] = []
    for name in type(settled.config).model_fields:
        setting = settled.settings.get(name)
        origin = "default" if setting is None else setting.origin
        lines.append(f"{_assignment(name, getattr(settled.config, name))}  # {origin}\n")
    return "".join(lines)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Setting]:
    return {
        name: Setting(value, both_names(name), f"flag {flag(name)}")
        for name, value in flags.items()
    }


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    """An empty variable counts as unset; others that start alike are the client's."""
    return {
        name: Setting(value, both_names(name), f"environment {variable(name)}")
        for name in ServiceConfig.model_fields
        if (value := environment.get(variable(name)))
    }


def _from_file(path: Path) -> dict[str, Setting]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{both_names(CONFIG_FILE)} is {str(path)!r}: it cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}; expected lines of name = value") from error
    if unknown := [name for name in table if name not in ServiceConfig.model_fields]:
        raise ConfigError("\n".join(_unknown(path, name, table[name]) for name in unknown))
    return {
        name: Setting(value, f"{path}: {name}", f"file {path}") for name, value in table.items()
    }


def _unknown(path: Path, name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{path}: [{name}] is a table: expected lines of name = value alone"
    close = get_close_matches(name.replace("-", "_"), ServiceConfig.model_fields, n=1)
    hint = f"did you mean {close[0]}?" if close else "--help lists all of them"
    return f"{path}: {name} is no option: {hint}"


def _explain(problem: dict[str, Any], settings: Mapping[str, Setting]) -> str:
    """A line for people about what pydantic found."""
    if not problem["loc"]:  # of several options together
        return str(problem["msg"])
    name = str(problem["loc"][0])
    where, value = both_names(name), problem["input"]
    if (setting := settings.get(name)) is not None:
        where, value = setting.name, setting.value
    field = ServiceConfig.model_fields.get(name)
    if field is None:
        return f"{where}: there is no such option"
    if problem["type"] == "missing":
        return f"{where} is missing: expected the {field.description}"
    came = f"{where} is {without_secrets(str(value))!r}"
    if problem["type"] == RULE:
        return f"{came}: {problem['msg']}"
    if problem["type"] == "value_error":
        return f"{came}: {problem['ctx']['error']}"
    return f"{came}: expected {accepted(field)}"


def _assignment(name: str, value: Any) -> str:
    """TOML has no word for nothing, so what is unset is commented out."""
    if value is None:
        return f"# {name} is not set"
    if isinstance(value, str | Path):
        value = without_secrets(str(value))
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
