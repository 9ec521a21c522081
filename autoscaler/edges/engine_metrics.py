"""What vLLM's /metrics says of one engine."""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from autoscaler.errors import NameServerError

RUNNING = "vllm:num_requests_running"
"""Gauge: requests in the batch."""

WAITING = "vllm:num_requests_waiting"
"""Gauge: requests in the queue."""

GENERATED = "vllm:generation_tokens_total"
"""Counter: tokens of answers since the engine started."""

ENDED = "vllm:request_success_total"
"""Counter: requests that ended, a series for each reason; here they are summed."""

PROMPTS = "vllm:prompt_tokens_total"
"""Counter: tokens of prompts since the engine started."""

ALL_ADDRESSES = "dns+"
"""Before a URL: every address that its name resolves to is an engine."""

NO_ADDRESS = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""What getaddrinfo says of a name that has no address: an answer, where the others are none."""

TIMEOUT_S = 2.0
"""For one engine, to connect and for each part of its answer: a page takes milliseconds."""

LOOKS_AT_ONCE = 32
"""Engines that are asked at the same time: of a hundred that are all slow a look takes four
timeouts, and the small pod that asks parses no more pages at once."""

LATE_REQUESTS = 10_000.0
"""Ended requests that the means look back on, in all but name: what is asked changes."""

CONFIGURED_WEIGHT = 2
"""Requests that the configured length counts for in a mean answer. One that is right within a
factor of two says about as much as two exponential lengths, whose mean is off by 1/sqrt(2)."""

DIRECT = build_opener(ProxyHandler({}))
"""Engines are inside the cluster, where the proxy that the environment may name does not lead."""


@dataclass(frozen=True, slots=True)
class EngineSample:
    """One look at one engine; a base model's and its LoRAs' series are summed.

    Args:
        running: Requests in its batch at that moment.
        waiting: Requests that it has not begun.
        generated_tokens: Tokens of answers since the engine started.
        prompt_tokens: Tokens of prompts since the engine started.
        ended: Requests that ended since it started.
    """

    running: int
    waiting: int
    generated_tokens: float
    prompt_tokens: float
    ended: float

    @classmethod
    def from_text(cls, text: str) -> "EngineSample | None":
        """From a page of metrics; None if it lacks what says how busy the engine is."""
        sums: dict[str, float] = {}
        try:
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        except ValueError:
            return None
        if RUNNING not in sums or WAITING not in sums:
            return None
        counters = (sums.get(name, 0.0) for name in (GENERATED, PROMPTS, ENDED))
        return cls(int(sums[RUNNING]), int(sums[WAITING]), *counters)

    @property
    def held(self) -> int:
        """Requests that run or wait in it."""
        return self.running + self.waiting


def engine_urls(url: str) -> list[str]:
    """The engines behind a URL: itself, or one for each address if it begins with "dns+".

    A Kubernetes service without a cluster IP resolves to the addresses of all its ready pods, and
    to nothing while it has none.

    Raises:
        NameServerError: If nobody knows what the name resolves to.
    """
    if not url.startswith(ALL_ADDRESSES):
        return [url]
    parts = urlsplit(url.removeprefix(ALL_ADDRESSES))
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in NO_ADDRESS:
            return []
        raise NameServerError(f"{parts.hostname} cannot be resolved: {error}") from error
    except (OSError, ValueError) as error:
        raise NameServerError(f"{url} cannot be resolved: {error}") from error
    hosts = sorted({str(address[4][0]) for address in found})
    netlocs = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in netlocs]


def scrape(url: str) -> EngineSample | None:
    """Look at one engine now; None if it does not answer, or not with metrics of vLLM."""
    try:
        with DIRECT.open(url, timeout=TIMEOUT_S) as answer:
            return EngineSample.from_text(answer.read().decode("utf-8", "replace"))
    except (URLError, OSError, ValueError, OverflowError, HTTPException):  # the last: cut off
        return None


def look_at_all(
    urls: Sequence[str], look: Callable[[str], EngineSample | None]
) -> Mapping[str, EngineSample | None]:
    """What each engine says, in the order of the URLs: slow ones are waited for together.

    Args:
        urls: Metrics pages of all engines, each once.
        look: Looks at one; called from up to LOOKS_AT_ONCE threads.
    """
    with ThreadPoolExecutor(LOOKS_AT_ONCE, "look") as threads:
        return dict(zip(urls, threads.map(look, urls), strict=True))


@dataclass(slots=True)
class MeanLengths:
    """Mean prompt and answer of late requests, from counters that may start again.

    The tokens of all answers over the number of those that ended estimate the mean of an
    exponential length while others still run. Of few that ended that may be anything, so the
    configured length counts as CONFIGURED_WEIGHT requests more: the estimate under that prior.

    Args:
        default_tokens: The configured mean answer, in tokens.
    """

    default_tokens: float
    _generated: float = 0.0
    _prompts: float = 0.0
    _ended: float = 0.0
    _begun: float = 0.0

    def learn(self, before: EngineSample, now: EngineSample) -> None:
        """From two looks at one engine; counters that fell began again from 0."""
        self._generated += grown(before.generated_tokens, now.generated_tokens)
        self._prompts += grown(before.prompt_tokens, now.prompt_tokens)
        ended = grown(before.ended, now.ended)
        self._ended += ended
        ran = before.running if now.ended >= before.ended else 0
        self._begun += ended + now.running - ran
        if self._ended > LATE_REQUESTS:
            self._weigh(LATE_REQUESTS / self._ended)

    @property
    def output_tokens(self) -> float:
        """Mean answer; the configured one while nothing has ended."""
        if not self._ended:
            return self.default_tokens
        tokens = self._generated + CONFIGURED_WEIGHT * self.default_tokens
        return tokens / (self._ended + CONFIGURED_WEIGHT)

    @property
    def input_tokens(self) -> float:
        """Mean prompt of those that began, whose prompts are computed; 0 while none has."""
        return self._prompts / self._begun if self._begun > 0 else 0.0

    @property
    def is_known(self) -> bool:
        """Whether what has ended counts for as much as what is configured."""
        return self._ended >= CONFIGURED_WEIGHT

    def _weigh(self, share: float) -> None:
        """Have what was seen so far count for a share of itself."""
        self._generated *= share
        self._prompts *= share
        self._ended *= share
        self._begun *= share


def grown(before: float, now: float) -> float:
    """What a counter grew by; one that is less than before was set to 0 in between."""
    return now - before if now >= before else now


def total(samples: Iterable[EngineSample]) -> tuple[int, int]:
    """Requests that run and that wait."""
    found = list(samples)
    return sum(one.running for one in found), sum(one.waiting for one in found)
