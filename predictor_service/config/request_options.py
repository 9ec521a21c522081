"""What a caller may send."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from lengthwise.index.record import MAX_PROMPT_CHARS
from predictor_service.config.units import MIB
from predictor_service.rpc.validation import RequestLimits


class RequestOptions(BaseModel):
    """Bounds of a message."""

    max_message_bytes: int = Field(
        4 * MIB,
        ge=1_024,
        le=512 * MIB,
        description="largest message taken or sent, in bytes",
    )
    max_prompt_chars: int = Field(
        1_000_000,
        ge=1,
        le=MAX_PROMPT_CHARS,
        description="longest prompt, or conversation once rendered, in characters",
    )
    max_batch_items: int = Field(
        4_096, ge=1, le=1_000_000, description="prompts or completions in one message"
    )

    @field_validator("max_batch_items")
    @classmethod
    def _queue_holds_a_message(cls, value: int, info: ValidationInfo) -> int:
        capacity = info.data.get("queue_capacity", value)
        if value > capacity:
            raise ValueError(f"expected at most queue_capacity, {capacity:,}")
        return value

    @property
    def request_limits(self) -> RequestLimits:
        """Bounds of a request."""
        return RequestLimits(
            max_prompt_chars=self.max_prompt_chars, max_batch_items=self.max_batch_items
        )
