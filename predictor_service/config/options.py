"""Every option by itself: its default, what it accepts and what it is for.

The order of the fields is that of `--help` and `--print-config`, and of nothing else: what options
must be together stands in `service_config`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from lengthwise.index.record import MAX_PROMPT_CHARS
from lengthwise.model_contexts import ModelContexts

MIB = 2**20
"""Bytes, or characters where characters are counted."""

MAX_PORT = 65_535
"""The largest TCP port."""


def _text_of_path(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _existing_folder_or_url(value: str) -> str:
    if "://" not in value and not Path(value).is_dir():
        raise ValueError("expected an existing folder, or a URL")
    return value


def _existing_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("expected an existing file")
    return value


def _contexts(value: str) -> str:
    ModelContexts.parse(value)
    return value


ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
PathOrUrl = Annotated[str, BeforeValidator(_text_of_path)]
FolderOrUrl = Annotated[
    PathOrUrl, StringConstraints(min_length=1), AfterValidator(_existing_folder_or_url)
]


class Options(BaseModel):
    """Every option, each checked alone: `name` is LENGTHWISE_NAME, --name, and name in a file."""

    # The index, and how another version of it comes to be served.
    index: FolderOrUrl = Field(
        description="folder of an artifact, or a store with a CURRENT version; a store's may be a "
        "URL (s3://bucket/prefix)",
    )
    index_poll_s: float = Field(
        5.0,
        ge=0,
        le=86_400,
        description="seconds between two looks at whether --index names another version; 0: never",
    )
    index_cache: Path | None = Field(
        None, description="folder for copies of versions, needed if --index is a URL"
    )
    cascade: Literal["on", "off"] = Field(
        "on",
        description="whether the first tier of an index answers what it is sure of, where the "
        "index has one and no neighbours are asked for",
    )
    keep_previous: Literal["disk", "memory"] = Field(
        "disk",
        description="where the version served before is kept: memory goes back to it at once, and "
        "takes the room of two",
    )

    # Where the service listens.
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0 opens it to the network; unix:/path for a "
        "Unix domain socket",
    )
    port: int = Field(50051, ge=0, le=MAX_PORT, description="TCP port; 0 picks a free one")
    port_file: Path | None = Field(None, description="file to write the port to once it serves")

    # The processes, their threads and their end.
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

    # Who may call. All files are read again when they change.
    tls_cert_file: ExistingFile | None = Field(
        None, description="PEM file with the service's certificate and its chain; default: no TLS"
    )
    tls_key_file: ExistingFile | None = Field(
        None, description="PEM file with the certificate's private key"
    )
    tls_client_ca_file: ExistingFile | None = Field(
        None,
        description="PEM file with the authorities of callers' certificates, which are then "
        "demanded (mutual TLS)",
    )
    predict_token_file: ExistingFile | None = Field(
        None,
        description="file of the tokens that may predict and ask for index info, one per line, "
        "`NAME TOKEN` or `TOKEN`; default: everybody may",
    )
    report_token_file: ExistingFile | None = Field(
        None, description="the same for those that may report; default: everybody may"
    )
    admin_token_file: ExistingFile | None = Field(
        None,
        description="the same for those that may switch the index; default: nobody may, but over "
        "a Unix domain socket",
    )

    # The micro-batches, and the queue before them.
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

    # The answers that are kept.
    cache_capacity: int = Field(
        65_536, ge=0, le=100_000_000, description="answers kept for repeated prompts; 0 for none"
    )
    cache_capacity_bytes: int = Field(
        64 * MIB, ge=0, le=2**40, description="rough bound on their memory, in bytes"
    )

    # What a caller may send.
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
    model_context: Annotated[str, AfterValidator(_contexts)] = Field(
        "",
        description="NAME=TOKENS, several with commas: longer reported lengths are cut to it; "
        "TOKENS alone holds for all other LLMs",
    )
    max_batch_items: int = Field(
        4_096, ge=1, le=1_000_000, description="prompts or completions in one message"
    )

    # How fast a caller may send, whom a token, a certificate or an address names.
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

    # What becomes of reported completions.
    completions: PathOrUrl | None = Field(
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
        50_000,
        ge=0,
        le=1_000_000,
        description="reported completions that count before the next build; 0 for none",
    )

    # When predictions are too far from what the index promised.
    drift_window: int = Field(
        1_000,
        ge=0,
        le=10_000,
        description="reported lengths of each LLM that its predictions are judged by; 0: none",
    )
    drift_error_ratio: float = Field(
        1.3,
        ge=1,
        le=100,
        description="alarm if the mean error exceeds that of the index's evaluation so many times",
    )
    drift_coverage_margin: float = Field(
        0.05,
        ge=0,
        le=1,
        description="alarm if the 90 % interval holds so much less of the lengths than in the "
        "index's evaluation",
    )

    # What is told of the service while it runs: metrics, traces, the log.
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=MAX_PORT,
        description="TCP port of /metrics for Prometheus, on the same host; with several "
        "processes that of the first, the next ones follow; 0 picks free ones; default: off",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+$",
        description="OpenTelemetry collector to send traces to by gRPC, such as "
        "http://127.0.0.1:4317; default: no traces",
    )
    trace_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of the calls that are traced, where the caller has not decided",
    )
    log_format: Literal["console", "json"] = Field("console", description="form of the log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level logged"
    )
