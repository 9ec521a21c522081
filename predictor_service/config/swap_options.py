"""How another version of the index comes to be served."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator


class SwapOptions(BaseModel):
    """How often the place of the index is looked at, and what is kept of its versions."""

    index_poll_s: float = Field(
        5.0,
        ge=0,
        le=86_400,
        description="seconds between two looks at whether --index names another version; 0: never",
    )
    index_cache: Path | None = Field(
        None,
        validate_default=True,
        description="folder for copies of versions, needed if --index is a URL",
    )
    keep_previous: Literal["disk", "memory"] = Field(
        "disk",
        description="where the version served before is kept: memory goes back to it at once, and "
        "takes the room of two",
    )

    @field_validator("index_cache")
    @classmethod
    def _a_url_needs_one(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and "://" in info.data.get("index", ""):
            raise ValueError("expected a folder for copies of versions, since --index is a URL")
        return value
