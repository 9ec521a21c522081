"""All options together: what they must be to each other, and what follows from them."""

from collections.abc import Iterator

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from lengthwise.history.database import names_database
from predictor_service.config.options import MAX_PORT, Options
from predictor_service.system.address import is_unix
from predictor_service.system.threads import threads_per_process

RULE = "rule"
"""Kind of the errors about several options, as pydantic names kinds."""

MAX_REMEMBERED_VECTORS = 16_384
"""Prompts between their prediction and their report, with room to spare: some 25 MB."""

MAX_LANES = 8
"""Beyond these, Python itself, which runs one thread at a time, would be what they wait for."""


class ServiceConfig(Options):
    """The one configuration object of a process, frozen and checked when it is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _options_fit_together(self) -> "ServiceConfig":
        broken = [
            InitErrorDetails(
                type=PydanticCustomError(RULE, "{expected}", {"expected": expected}),
                loc=(name,) if name else (),
                input=getattr(self, name, None),
            )
            for name, expected in broken_rules(self)
        ]
        if broken:
            raise ValidationError.from_exception_data(type(self).__name__, broken)
        return self

    def for_worker(self, number: int) -> "ServiceConfig":
        """The options of one of several processes, counted from 0: its metrics' port is its own."""
        if not self.metrics_port:
            return self
        return self.model_copy(update={"metrics_port": self.metrics_port + number})

    @property
    def has_tls(self) -> bool:
        """True if callers must speak TLS."""
        return self.tls_cert_file is not None

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


def broken_rules(options: Options) -> Iterator[tuple[str, str]]:
    """What does not fit together.

    Args:
        options: Each of them good by itself.

    Yields:
        The option to change, empty where that is one of several, and what was expected, for people.
    """
    if options.index_cache is None and "://" in options.index:
        yield "index_cache", "expected a folder for copies of versions, since --index is a URL"
    if options.processes > 1 and is_unix(options.host):
        yield "processes", "expected 1 with a Unix domain socket, which cannot be shared"
    yield from _broken_tls_rules(options)
    yield from _broken_queue_rules(options)
    yield from _broken_completion_rules(options)
    yield from _broken_metrics_rules(options)


def _broken_tls_rules(options: Options) -> Iterator[tuple[str, str]]:
    if is_unix(options.host):
        for name in ("tls_cert_file", "tls_key_file", "tls_client_ca_file"):
            if getattr(options, name) is not None:
                yield name, "expected none with a Unix domain socket, where files' rights rule"
    elif (options.tls_cert_file is None) != (options.tls_key_file is None):
        yield "", "--tls-cert-file and --tls-key-file: expected both, or none of them"
    elif options.tls_client_ca_file is not None and options.tls_cert_file is None:
        yield "", "--tls-client-ca-file: expected --tls-cert-file with it"


def _broken_queue_rules(options: Options) -> Iterator[tuple[str, str]]:
    if options.queue_capacity < options.max_batch_size:
        yield "queue_capacity", f"expected at least max_batch_size, {options.max_batch_size}"
    # Left at its default it is no reason against a smaller queue, which refuses what does not fit.
    elif (
        "max_batch_items" in options.model_fields_set
        and options.max_batch_items > options.queue_capacity
    ):
        yield "max_batch_items", f"expected at most queue_capacity, {options.queue_capacity:,}"


def _broken_completion_rules(options: Options) -> Iterator[tuple[str, str]]:
    if names_database(options.completions or ""):
        return
    for name, unset in (
        ("completions_keep", "text"),
        ("completions_max_age_days", None),
        ("completions_max_bytes", None),
    ):
        if getattr(options, name) != unset:
            yield name, "expected --completions to name a database, FILE.db or a URL"


def _broken_metrics_rules(options: Options) -> Iterator[tuple[str, str]]:
    first, processes = options.metrics_port, options.processes
    if not first:
        return
    if first + processes - 1 > MAX_PORT:
        last = MAX_PORT + 1 - processes
        yield "metrics_port", f"expected at most {last:,}: {processes} processes take a port each"
    elif options.port in range(first, first + processes):
        yield "metrics_port", f"expected another port than --port, {options.port}"
