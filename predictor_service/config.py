"""The one configuration object: flags over environment over defaults, checked when built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from completion_history.place_kind import names_database
from completion_history.retention import SECONDS_PER_DAY, Retention
from length_index.recent import CAPACITY_ROWS
from length_index.record import MAX_PROMPT_CHARS
from predictor_service.address import is_unix
from predictor_service.errors import ConfigError
from predictor_service.fair_queue import QueueLimits
from predictor_service.threads import threads_per_process
from predictor_service.validation import RequestLimits

ENV_PREFIX = "LENGTHWISE_"
MIB = 2**20

MAX_LANES = 8
"""Beyond these, Python itself, which runs one thread at a time, would be what they wait for."""

MAX_REMEMBERED_VECTORS = 16_384
"""Prompts between their prediction and their report, with room to spare: some 25 MB."""


class ServiceConfig(BaseSettings):
    """Every option of the service. A field `name` is LENGTHWISE_NAME and --name."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, env_ignore_empty=True, extra="forbid"
    )

    index: Path = Field(description="folder of an artifact, or a store with a CURRENT version")
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0 opens it to the network; unix:/path for a "
        "Unix domain socket",
    )
    port: int = Field(50051, ge=0, le=65_535, description="TCP port; 0 picks a free one")
    port_file: Path | None = Field(None, description="file to write the port to once it serves")
    processes: int = Field(
        1, ge=1, le=256, description="processes that share the port, each with its own index"
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1_024,
        description="cores to compute on in each process; default: cores / processes",
    )
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
    cache_capacity: int = Field(
        65_536, ge=0, le=100_000_000, description="answers kept for repeated prompts; 0 for none"
    )
    cache_capacity_bytes: int = Field(
        64 * MIB, ge=0, le=2**40, description="rough bound on their memory, in bytes"
    )
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
    drain_timeout_s: float = Field(
        30.0,
        ge=0,
        le=3_600,
        description="time to answer what was accepted when stopping, in seconds",
    )
    log_format: Literal["console", "json"] = Field("console", description="form of the log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level logged"
    )

    @field_validator("index")
    @classmethod
    def _index_is_a_folder(cls, value: Path) -> Path:
        if not value.is_dir():
            raise ValueError("expected an existing folder")
        return value

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

    @field_validator("queue_capacity")
    @classmethod
    def _queue_holds_a_batch(cls, value: int, info: ValidationInfo) -> int:
        size = info.data.get("max_batch_size", 0)
        if value < size:
            raise ValueError(f"expected at least max_batch_size, {size}")
        return value

    @field_validator("processes")
    @classmethod
    def _unix_sockets_are_not_shared(cls, value: int, info: ValidationInfo) -> int:
        if value > 1 and is_unix(info.data.get("host", "")):
            raise ValueError("expected 1 with a Unix domain socket, which cannot be shared")
        return value

    @field_validator("max_batch_items")
    @classmethod
    def _queue_holds_a_message(cls, value: int, info: ValidationInfo) -> int:
        capacity = info.data.get("queue_capacity", value)
        if value > capacity:
            raise ValueError(f"expected at most queue_capacity, {capacity:,}")
        return value

    @property
    def compute_threads(self) -> int:
        """Threads for computing in this process."""
        return self.threads or threads_per_process(self.processes)

    @property
    def lanes(self) -> int:
        """Micro-batches computed at a time: one per core, while Python keeps up with them."""
        return min(self.compute_threads, MAX_LANES)

    @property
    def remembered_vectors(self) -> int:
        """Vectors kept of prompts, which may be asked again or reported; none without a cache."""
        encoded_again = self.live_capacity or self.completions_keep == "vectors"
        return min(self.cache_capacity, MAX_REMEMBERED_VECTORS) if encoded_again else 0

    @property
    def retention(self) -> Retention:
        """How much of the reported completions a database keeps."""
        days = self.completions_max_age_days
        max_age_s = None if days is None else days * SECONDS_PER_DAY
        return Retention(max_age_s=max_age_s, max_bytes=self.completions_max_bytes)

    @property
    def queue_limits(self) -> QueueLimits:
        """Bounds of the queue and of a micro-batch."""
        return QueueLimits(
            max_batch_size=self.max_batch_size,
            max_batch_chars=self.max_batch_chars,
            capacity=self.queue_capacity,
            capacity_chars=self.queue_capacity_chars,
        )

    @property
    def request_limits(self) -> RequestLimits:
        """Bounds of a request."""
        return RequestLimits(
            max_prompt_chars=self.max_prompt_chars, max_batch_items=self.max_batch_items
        )


def read_config(flags: Mapping[str, Any]) -> ServiceConfig:
    """Build the configuration from flags and, where none is given, the environment.

    Args:
        flags: By field name; only those given.

    Raises:
        ConfigError: An option is missing or out of range; one line for each.
    """
    try:
        return ServiceConfig(**flags)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def flag(name: str) -> str:
    """A field's flag."""
    return "--" + name.replace("_", "-")


def _explain(problem: dict[str, Any]) -> str:
    name = str(problem["loc"][0])
    where = f"{ENV_PREFIX}{name.upper()} / {flag(name)}"
    field = ServiceConfig.model_fields.get(name)
    if field is None:
        return f"{where}: there is no such option"
    if problem["type"] == "missing":
        return f"{where} is missing: expected the {field.description}"
    if problem["type"] == "value_error":
        return f"{where} is {str(problem['input'])!r}: {problem['ctx']['error']}"
    return f"{where} is {str(problem['input'])!r}: expected {accepted(field)}"


def accepted(field: FieldInfo) -> str:
    """The values a field takes, for people."""
    bounds: dict[str, Any] = {}
    for item in field.metadata:
        bounds |= {key: getattr(item, key) for key in ("ge", "le") if hasattr(item, key)}
    if bounds:
        kind = "a number" if field.annotation is float else "a whole number"
        return f"{kind} from {bounds['ge']:,} to {bounds['le']:,}"
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(repr(choice) for choice in choices)
    return field.description or "another value"
