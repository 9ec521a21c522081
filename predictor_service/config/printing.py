"""`--print-config`: every option as it is, and where it comes from, in the form of a file."""

import json
from pathlib import Path
from typing import Any

from predictor_service.config.reading import Settled
from predictor_service.config.secrets import without_secrets


def printed(settled: Settled) -> str:
    """One line for each option, TOML, its origin as the comment; secrets are starred out."""
    lines = [
        f"{_line(name, getattr(settled.config, name))}  # {_origin(settled, name)}"
        for name in type(settled.config).model_fields
    ]
    return "\n".join(lines) + "\n"


def _origin(settled: Settled, name: str) -> str:
    return settled.given[name].origin if name in settled.given else "default"


def _line(name: str, value: Any) -> str:
    """An assignment; TOML has no word for nothing, so what is unset is commented out."""
    if value is None:
        return f"# {name} is not set"
    if isinstance(value, str | Path):
        value = without_secrets(str(value))
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
