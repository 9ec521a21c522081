"""All groups of options in one object."""

from pydantic import ConfigDict

from predictor_service.config.batching_options import BatchingOptions
from predictor_service.config.cache_options import CacheOptions
from predictor_service.config.completion_options import CompletionOptions
from predictor_service.config.drift_options import DriftOptions
from predictor_service.config.index_options import IndexOptions
from predictor_service.config.limit_options import LimitOptions
from predictor_service.config.listen_options import ListenOptions
from predictor_service.config.log_options import LogOptions
from predictor_service.config.metrics_options import MetricsOptions
from predictor_service.config.process_options import ProcessOptions
from predictor_service.config.request_options import RequestOptions
from predictor_service.config.swap_options import SwapOptions
from predictor_service.config.tls_options import TlsOptions
from predictor_service.config.token_options import TokenOptions
from predictor_service.config.trace_options import TraceOptions

MAX_REMEMBERED_VECTORS = 16_384
"""Prompts between their prediction and their report, with room to spare: some 25 MB."""


# Fields come in the order of the bases from the last to the first, and are checked in that order: a
# group may look at those below it.
class ServiceConfig(
    LogOptions,
    TraceOptions,
    MetricsOptions,
    DriftOptions,
    CompletionOptions,
    LimitOptions,
    RequestOptions,
    CacheOptions,
    BatchingOptions,
    TokenOptions,
    TlsOptions,
    ProcessOptions,
    ListenOptions,
    SwapOptions,
    IndexOptions,
):
    """Every option of the service: `name` is LENGTHWISE_NAME, --name, and name in a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def for_worker(self, number: int) -> "ServiceConfig":
        """The options of one of several processes, counted from 0: its metrics' port is its own."""
        if not self.metrics_port:
            return self
        return self.model_copy(update={"metrics_port": self.metrics_port + number})

    @property
    def remembered_vectors(self) -> int:
        """Vectors kept of prompts, which may be asked again or reported; none without a cache."""
        encoded_again = self.live_capacity or self.completions_keep == "vectors"
        return min(self.cache_capacity, MAX_REMEMBERED_VECTORS) if encoded_again else 0
