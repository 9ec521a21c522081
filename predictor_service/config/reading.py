"""From flags, the environment and a file to a checked configuration, or to errors for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from predictor_service.config.given import Given, gather
from predictor_service.config.secrets import without_secrets
from predictor_service.config.service_config import ServiceConfig
from predictor_service.config.spelling import accepted, flag, variable
from predictor_service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settled:
    """A checked configuration.

    Args:
        config: All options.
        given: Those that are not left at their defaults, and where they come from.
    """

    config: ServiceConfig
    given: Mapping[str, Given]


def settle(flags: Mapping[str, Any]) -> Settled:
    """Build the configuration: flags over the environment over the file over defaults.

    Args:
        flags: By field name, and `config` for the file; only those given.

    Raises:
        ConfigError: An option is missing or out of range; one line for each.
    """
    given = gather(flags)
    try:
        config = ServiceConfig(**{name: item.value for name, item in given.items()})
    except ValidationError as error:
        lines = [_explain(dict(problem), given) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    return Settled(config, given)


def read_config(flags: Mapping[str, Any]) -> ServiceConfig:
    """The configuration alone; see `settle`."""
    return settle(flags).config


def _explain(problem: dict[str, Any], given: Mapping[str, Given]) -> str:
    if not problem["loc"]:  # of several options together
        return str(problem["ctx"]["error"])
    name = str(problem["loc"][0])
    where = given[name].name if name in given else f"{variable(name)} / {flag(name)}"
    field = ServiceConfig.model_fields.get(name)
    if field is None:
        return f"{where}: there is no such option"
    if problem["type"] == "missing":
        return f"{where} is missing: expected the {field.description}"
    came = f"{where} is {without_secrets(str(problem['input']))!r}"
    if problem["type"] == "value_error":
        return f"{came}: {problem['ctx']['error']}"
    return f"{came}: expected {accepted(field)}"
