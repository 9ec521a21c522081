"""The answers that are kept."""

from pydantic import BaseModel, Field

from predictor_service.config.units import MIB


class CacheOptions(BaseModel):
    """Bounds of the cache."""

    cache_capacity: int = Field(
        65_536, ge=0, le=100_000_000, description="answers kept for repeated prompts; 0 for none"
    )
    cache_capacity_bytes: int = Field(
        64 * MIB, ge=0, le=2**40, description="rough bound on their memory, in bytes"
    )
