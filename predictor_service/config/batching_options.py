"""The micro-batches and the queue before them."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from predictor_service.batching.fair_queue import QueueLimits
from predictor_service.config.units import MIB


class BatchingOptions(BaseModel):
    """Bounds of a micro-batch and of what waits for one."""

    max_batch_size: int = Field(128, ge=1, le=4_096, description="prompts in a micro-batch")
    max_batch_chars: int = Field(
        65_536,
        ge=1_024,
        le=4 * MIB,
        description="characters in a micro-batch, each prompt counted up to 1,024",
    )
    max_batch_wait_ms: float = Field(
        2.0,
        ge=0,
        le=1_000,
        description="longest wait for callers who are about to come back, in milliseconds",
    )
    queue_capacity: int = Field(
        16_384,
        ge=1,
        le=10_000_000,
        description="prompts that may wait; beyond it calls are refused",
    )
    queue_capacity_chars: int = Field(
        64 * MIB, ge=1_024, le=2**40, description="characters that may wait"
    )

    @field_validator("queue_capacity")
    @classmethod
    def _queue_holds_a_batch(cls, value: int, info: ValidationInfo) -> int:
        size = info.data.get("max_batch_size", 0)
        if value < size:
            raise ValueError(f"expected at least max_batch_size, {size}")
        return value

    @property
    def queue_limits(self) -> QueueLimits:
        """Bounds of the queue and of a micro-batch."""
        return QueueLimits(
            max_batch_size=self.max_batch_size,
            max_batch_chars=self.max_batch_chars,
            capacity=self.queue_capacity,
            capacity_chars=self.queue_capacity_chars,
        )
