"""The log."""

from typing import Literal

from pydantic import BaseModel, Field


class LogOptions(BaseModel):
    """Its form and how much goes into it."""

    log_format: Literal["console", "json"] = Field("console", description="form of the log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level logged"
    )
