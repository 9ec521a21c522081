"""How fast a caller may send."""

from pydantic import BaseModel, Field


class LimitOptions(BaseModel):
    """Rates of each caller, whom a token, a certificate or an address names."""

    max_messages_per_s: float | None = Field(
        None,
        ge=0.001,
        le=10_000_000,
        description="messages that one caller may send per second; default: unlimited",
    )
    max_message_burst: int = Field(
        100,
        ge=1,
        le=10_000_000,
        description="messages that one caller may send at once, within max_messages_per_s later",
    )
    max_items_per_s: float | None = Field(
        None,
        ge=0.001,
        le=10_000_000,
        description="prompts and completions that one caller may send per second; default: "
        "unlimited",
    )
