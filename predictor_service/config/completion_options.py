"""What becomes of reported completions."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from lengthwise.history.database.place_kind import names_database
from lengthwise.history.database.retention import SECONDS_PER_DAY, Retention
from lengthwise.index.search.recent import CAPACITY_ROWS
from predictor_service.config.units import MIB


class CompletionOptions(BaseModel):
    """Where they are kept, what of them, how long, and how many count at once."""

    completions: str | None = Field(
        None,
        description="where reported completions are kept: a database (FILE.db or "
        "postgresql://...), or a file of JSON lines; default: in memory",
    )
    completions_keep: Literal["text", "vectors"] = Field(
        "text", description="whether a database keeps the prompts' text, or their vectors alone"
    )
    completions_max_age_days: float | None = Field(
        None,
        ge=0.001,
        le=36_500,
        description="age at which completions leave the database, in days; default: never",
    )
    completions_max_bytes: int | None = Field(
        None,
        ge=MIB,
        le=2**50,
        description="beyond it the oldest completions leave the database; default: unlimited",
    )
    live_capacity: int = Field(
        CAPACITY_ROWS,
        ge=0,
        le=1_000_000,
        description="reported completions that count before the next build; 0 for none",
    )

    @field_validator("completions", mode="before")
    @classmethod
    def _completions_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @field_validator("completions_keep", "completions_max_age_days", "completions_max_bytes")
    @classmethod
    def _a_file_of_lines_only_grows(cls, value: object, info: ValidationInfo) -> object:
        place = info.data.get("completions") or ""
        if value not in (None, "text") and not names_database(place):
            raise ValueError("expected --completions to name a database, FILE.db or a URL")
        return value

    @property
    def retention(self) -> Retention:
        """How much of the reported completions a database keeps."""
        days = self.completions_max_age_days
        max_age_s = None if days is None else days * SECONDS_PER_DAY
        return Retention(max_age_s=max_age_s, max_bytes=self.completions_max_bytes)
