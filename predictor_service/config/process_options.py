"""The processes, their threads and their end."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from predictor_service.batching.threads import threads_per_process
from predictor_service.rpc.address import is_unix

MAX_LANES = 8
"""Beyond these, Python itself, which runs one thread at a time, would be what they wait for."""


class ProcessOptions(BaseModel):
    """How many work, on how many cores, and how long they may take to stop."""

    processes: int = Field(
        1, ge=1, le=256, description="processes that share the port, each with its own index"
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1_024,
        description="cores to compute on in each process; default: cores / processes",
    )
    drain_timeout_s: float = Field(
        30.0,
        ge=0,
        le=3_600,
        description="time to answer what was accepted when stopping, in seconds",
    )

    @field_validator("processes")
    @classmethod
    def _unix_sockets_are_not_shared(cls, value: int, info: ValidationInfo) -> int:
        if value > 1 and is_unix(info.data.get("host", "")):
            raise ValueError("expected 1 with a Unix domain socket, which cannot be shared")
        return value

    @property
    def compute_threads(self) -> int:
        """Threads for computing in this process."""
        return self.threads or threads_per_process(self.processes)

    @property
    def lanes(self) -> int:
        """Micro-batches computed at a time: one per core, while Python keeps up with them."""
        return min(self.compute_threads, MAX_LANES)
