"""Read fleet.yaml; what is wrong with it is told by key, value and range."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from autoscaler.config.fleet_config import FleetConfig
from autoscaler.errors import InvalidConfigError, InvalidStateError


def read_config(path: Path) -> FleetConfig:
    """The configuration in a file.

    Raises:
        InvalidConfigError: It cannot be read, has an unknown key or a value out of range, or
            promises what no instance can keep.
    """
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise InvalidConfigError(f"{path}: expected a mapping with capacity and pools")
    try:
        config = FleetConfig.model_validate(content)
        config.options()  # refuses an SLO that cannot be met now rather than at a decision
    except ValidationError as error:
        raise InvalidConfigError(f"{path}: {_told(error)}") from error
    except InvalidStateError as error:
        raise InvalidConfigError(f"{path}: slo and capacity: {error}") from error
    return config


def _told(error: ValidationError) -> str:
    """Each fault on a line: its key, what came and what was expected."""
    faults: list[str] = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
        if fault["type"] == "extra_forbidden":
            faults.append(f"{key} is no key of this file")
        elif fault["type"] == "missing":
            faults.append(f"{key} is missing")
        else:
            faults.append(f"{key} is {fault['input']!r}: {fault['msg']}")
    return "; ".join(faults)
