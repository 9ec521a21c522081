"""The advisor's settings, from the environment, checked when built.

| variable | default | meaning |
|---|---|---|
| LENGTHWISE_TARGET | unset: off | address of the predictor: host:port, several with commas, or any target of gRPC's |
| LENGTHWISE_TLS_CA_FILE | unset: plain text | PEM file of the authorities that vouch for the predictor; system for gRPC's own |
| LENGTHWISE_TLS_CERT_FILE | none | PEM file of the engine's certificate, if the predictor wants one |
| LENGTHWISE_TLS_KEY_FILE | none | PEM file of its private key |
| LENGTHWISE_TOKEN_FILE | none | file of the token, if the predictor wants one; read again when it changes |
| LENGTHWISE_USE_PROXY | false | go to the predictor through the proxy that http_proxy and the like name |
| LENGTHWISE_MODEL | the engine's own | the LLM's name in the predictor's history, if the engine serves it under another |
| LENGTHWISE_ANSWER_TIMEOUT_S | 5 | no answer for so long, in seconds, and the predictor counts as failing; no request waits for it |
| LENGTHWISE_DEADLINE_S | 0.05 | with the middleware and gateways, which ask before the engine: the longest that a request waits, in seconds |
| LENGTHWISE_RULE | the best measured | the order of the queue: see RULE_NAMES of lengthwise.scheduling |
| LENGTHWISE_RULE_OPTIONS | none | options of the rule: "name=value,name=value" |
| LENGTHWISE_SHADOW | false | ask, count and report, but leave every request where it would be without Lengthwise |
| LENGTHWISE_PREEMPTION | false | take the slot of a running request for a much shorter one that waits |
| LENGTHWISE_PREEMPTION_OPTIONS | none | options of that: "name=value,name=value" |
| LENGTHWISE_METRICS_PORT | 0 | serve the metrics at this port too, 0 at none; of several engines the second takes the next port, and so on |
| LENGTHWISE_MAX_IN_FLIGHT | 4096 | requests that are asked about at a time; the next goes without |
| LENGTHWISE_PREDICT_BATCH_SIZE | 64 | prompts in one message |
| LENGTHWISE_PREDICT_CALLS | 16 | messages at a time; while as many are out, requests gather for the next |
| LENGTHWISE_BREAKER_FAILURES | 5 | failed messages in a row after which the predictor is left alone |
| LENGTHWISE_BREAKER_FAILURE_RATE | 0.5 | share of failed messages in the window that does the same |
| LENGTHWISE_BREAKER_WINDOW | 50 | messages in that window |
| LENGTHWISE_BREAKER_OPEN_S | 1 | how long it is left alone before one message tries it, in seconds; doubles at each failure |
| LENGTHWISE_BREAKER_MAX_OPEN_S | 30 | and grows no longer than this, in seconds |
| LENGTHWISE_REPORT | true | report true lengths to the predictor |
| LENGTHWISE_REPORT_QUEUE | 10000 | true lengths that may wait to be reported; the oldest go first |
| LENGTHWISE_REPORT_QUEUE_CHARS | 67108864 | characters of their prompts that may |
| LENGTHWISE_REPORT_BATCH_SIZE | 64 | true lengths in one call |
| LENGTHWISE_REPORT_INTERVAL_S | 1 | true lengths are reported once in so many seconds |
| LENGTHWISE_CLOSE_TIMEOUT_S | 2 | at the end: how long the last reports may take, in seconds |
| LENGTHWISE_MAX_KNOWN | 65536 | requests in flight that the sidecar remembers for their end |
| LENGTHWISE_MAX_KNOWN_CHARS | 67108864 | characters of their prompts that are |

An empty variable counts as unset. A bad value stops the start-up with the variable's name, the
value and what was expected.
"""  # noqa: E501  a table's row is one line

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from functools import partial
from typing import Any, Self

from lengthwise.scheduling import DEFAULT_RULE, PreemptionRule, PriorityRule, make_rule
from scheduler_client.access import Access
from scheduler_client.advisor.parse_setting import (
    parse_bool,
    parse_number,
    parse_options,
    parse_text,
)
from scheduler_client.errors import InvalidRequestError, ServerUnavailableError
from scheduler_client.targets import resolve_target

PREFIX = "LENGTHWISE_"
"""Of every variable: an engine's environment holds those of others."""

FIRST_COME = "off"
"""Name of the rule that leaves requests in order of arrival."""

_WHOLE_NUMBERS = ("max_preemptions", "max_at_once")
"""Options of preemption that are counts: its variable is read as numbers with a point."""

_RANGES: dict[str, tuple[float, float]] = {
    "answer_timeout_s": (0.01, 600),
    "deadline_s": (0.001, 10),
    "metrics_port": (0, 65_535),
    "max_in_flight": (1, 100_000),
    "predict_batch_size": (1, 256),
    "predict_calls": (1, 1_000),
    "breaker_failures": (1, 1_000),
    "breaker_failure_rate": (0.01, 1),
    "breaker_window": (2, 10_000),
    "breaker_open_s": (0.01, 3_600),
    "breaker_max_open_s": (0.01, 3_600),
    "report_queue": (1, 1_000_000),
    "report_queue_chars": (1, 2**40),
    "report_batch_size": (1, 256),
    "report_interval_s": (0.01, 3_600),
    "close_timeout_s": (0, 60),
    "max_known": (1, 10_000_000),
    "max_known_chars": (1, 2**40),
}
"""Least and most of each number, both allowed, in the units of the table above."""


@dataclass(frozen=True, slots=True)
class AdvisorSettings:
    """Every setting; the field `name` is LENGTHWISE_NAME, and the table above says what it means.

    Raises:
        ValueError: If one is out of range; the message names the variable, the value and the range.
    """

    target: str
    tls_ca_file: str = ""
    tls_cert_file: str = ""
    tls_key_file: str = ""
    token_file: str = ""
    use_proxy: bool = False
    model: str = ""
    answer_timeout_s: float = 5.0
    deadline_s: float = 0.05
    rule: str = DEFAULT_RULE
    rule_options: Mapping[str, float] | None = None
    shadow: bool = False
    preemption: bool = False
    preemption_options: Mapping[str, float] | None = None
    metrics_port: int = 0
    max_in_flight: int = 4_096
    predict_batch_size: int = 64
    predict_calls: int = 16
    breaker_failures: int = 5
    breaker_failure_rate: float = 0.5
    breaker_window: int = 50
    breaker_open_s: float = 1.0
    breaker_max_open_s: float = 30.0
    report: bool = True
    report_queue: int = 10_000
    report_queue_chars: int = 64 * 2**20
    report_batch_size: int = 64
    report_interval_s: float = 1.0
    close_timeout_s: float = 2.0
    max_known: int = 65_536
    max_known_chars: int = 64 * 2**20

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value: float = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise ValueError(f"{_variable(name)} is {value}: expected {least:g} to {most:,}")
        if self.breaker_max_open_s < self.breaker_open_s:
            raise ValueError(
                f"{_variable('breaker_max_open_s')} is {self.breaker_max_open_s:g}: expected at "
                f"least {_variable('breaker_open_s')}, which is {self.breaker_open_s:g}"
            )
        self._check_target()
        self.access.check()
        try:
            self.make_rule()
        except ValueError as error:
            raise ValueError(
                f"{_variable('rule')} is {self.rule!r} and {_variable('rule_options')} is "
                f"{_written(self.rule_options)!r}: {error}"
            ) from error
        try:
            self.make_preemption_rule()
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{_variable('preemption_options')} is {_written(self.preemption_options)!r}: "
                f"{error}"
            ) from error

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self | None:
        """Read the settings; None if LENGTHWISE_TARGET is unset or empty: then all is off.

        Raises:
            ValueError: If a value cannot be read or is out of range; the message names the
                variable, the value and what was expected.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            variable = _variable(field.name)
            if text := env.get(variable, "").strip():
                values[field.name] = _parser(field)(text, variable)
        return cls(**values) if "target" in values else None

    @property
    def access(self) -> Access:
        """What the predictor is shown."""
        return Access(self.tls_ca_file, self.tls_cert_file, self.tls_key_file, self.token_file)

    def make_rule(self) -> PriorityRule:
        """A rule of its own state: in shadow mode by arrival, whichever is set."""
        rule = make_rule(self.rule, **(self.rule_options or {}))
        return make_rule(FIRST_COME) if self.shadow else rule

    def make_preemption_rule(self) -> PreemptionRule:
        """The rule that takes slots; whether it is asked is `preemption`'s to say.

        Raises:
            TypeError: If there is no such option.
            ValueError: If one is out of range.
        """
        given = self.preemption_options or {}
        options: dict[str, Any] = {
            name: int(value) if name in _WHOLE_NUMBERS else value for name, value in given.items()
        }
        return PreemptionRule(**options)

    def _check_target(self) -> None:
        """Refuse what can be no address."""
        try:
            resolve_target(self.target)
        except InvalidRequestError as error:
            raise ValueError(f"{_variable('target')}: {error}") from error
        except ServerUnavailableError:
            pass  # a host that cannot be found now may be there when it is called


def _written(options: Mapping[str, float] | None) -> str:
    return ",".join(f"{name}={value:g}" for name, value in (options or {}).items())


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _parser(field: "Field[Any]") -> Callable[[str, str], Any]:
    """How a field is read: as what its default is."""
    if field.name.endswith("_options"):
        return parse_options
    parsers: dict[type, Callable[[str, str], Any]] = {
        bool: parse_bool,
        int: partial(parse_number, kind=int),
        float: partial(parse_number, kind=float),
    }
    return parsers.get(type(field.default), parse_text)
