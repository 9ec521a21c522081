"""The advisor's settings, from the environment, checked when built."""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from lengthwise.scheduling import DEFAULT_RULE, PreemptionRule, PriorityRule, make_rule
from scheduler_client.access import Access
from scheduler_client.advisor.parse_setting import parse_bool, parse_number, parse_options
from scheduler_client.errors import InvalidRequestError, ServerUnavailableError
from scheduler_client.targets import resolve_target

PREFIX = "LENGTHWISE_"
"""Of every variable: an engine's environment holds those of others."""

FIRST_COME = "off"
"""Name of the rule that leaves requests in order of arrival."""


def _number(default: float, least: float, most: float) -> Any:
    """A field with its default, and the least and the most that are allowed."""
    return field(default=default, metadata={"range": (least, most)})


@dataclass(frozen=True, slots=True)
class AdvisorSettings:
    """How to ask, order and report; the field `name` is the variable LENGTHWISE_NAME.

    An empty variable counts as unset; without LENGTHWISE_TARGET nobody is asked. A bad value stops
    the start-up with the variable's name, the value and what was expected.

    Raises:
        ValueError: If one is out of range; the message names the variable, the value and the range.
    """

    target: str
    """Address of the predictor: host:port, several with commas, or any target of gRPC's."""

    tls_ca_file: str = ""
    """PEM file of the authorities that vouch for it; `system` for gRPC's own; unset: plain text."""

    tls_cert_file: str = ""
    """PEM file of the engine's certificate, if the predictor wants one."""

    tls_key_file: str = ""
    """PEM file of its private key."""

    token_file: str = ""
    """File of the token, if the predictor wants one; read again when it changes."""

    use_proxy: bool = False
    """Go to the predictor through the proxy that http_proxy and the like name."""

    model: str = ""
    """The LLM's name in the predictor's history, if the engine serves it under another."""

    answer_timeout_s: float = _number(5.0, 0.01, 600)
    """No answer for so long, in seconds, and the predictor counts as failing; no request waits."""

    deadline_s: float = _number(0.05, 0.001, 10)
    """At middleware and gateways, which ask before the engine: the longest wait, in seconds."""

    rule: str = DEFAULT_RULE
    """The order of the queue: see RULE_NAMES of lengthwise.scheduling."""

    rule_options: str = ""
    """Options of the rule: "name=value,name=value"."""

    shadow: bool = False
    """Ask, count and report, but leave every request where it would be without Lengthwise."""

    preemption: bool = False
    """Take the slot of a running request for a much shorter one that waits."""

    preemption_options: str = ""
    """Options of that: "name=value,name=value"."""

    metrics_port: int = _number(0, 0, 65_535)
    """Serve the metrics there too, 0 at none; of several engines the second takes the next port."""

    report: bool = True
    """Report true lengths to the predictor."""

    report_interval_s: float = _number(1.0, 0.01, 3_600)
    """True lengths are reported once in so many seconds."""

    close_timeout_s: float = _number(2.0, 0, 60)
    """At the end: how long the last reports may take, in seconds."""

    def __post_init__(self) -> None:
        for one in fields(self):
            if "range" in one.metadata:
                self._check_range(one.name, *one.metadata["range"])
        self._check_target()
        self.access.check()
        try:
            self.make_rule()
        except ValueError as error:
            raise ValueError(
                f"{_variable('rule')} is {self.rule!r} and {_variable('rule_options')} is "
                f"{self.rule_options!r}: {error}"
            ) from error
        try:
            self.make_preemption_rule()
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{_variable('preemption_options')} is {self.preemption_options!r}: {error}"
            ) from error

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self | None:
        """Read the settings; None if LENGTHWISE_TARGET is unset or empty.

        Raises:
            ValueError: If a value cannot be read or is out of range; the message names the
                variable, the value and what was expected.
        """
        values: dict[str, Any] = {}
        for one in fields(cls):
            if text := env.get(_variable(one.name), "").strip():
                values[one.name] = _read(one, text)
        return cls(**values) if "target" in values else None

    @property
    def access(self) -> Access:
        """What the predictor is shown."""
        return Access(self.tls_ca_file, self.tls_cert_file, self.tls_key_file, self.token_file)

    def make_rule(self) -> PriorityRule:
        """A rule of its own state: in shadow mode by arrival, whichever is set."""
        rule = make_rule(self.rule, **parse_options(self.rule_options))
        return make_rule(FIRST_COME) if self.shadow else rule

    def make_preemption_rule(self) -> PreemptionRule:
        """The rule that takes slots; whether it is asked is `preemption`'s to say.

        Raises:
            TypeError: If there is no such option.
            ValueError: If one is out of range.
        """
        options: dict[str, Any] = parse_options(self.preemption_options)
        return PreemptionRule(**options)

    def _check_range(self, name: str, least: float, most: float) -> None:
        value: float = getattr(self, name)
        if not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"{_variable(name)} is {value}: expected {least:g} to {most:,}")

    def _check_target(self) -> None:
        """Refuse what can be no address."""
        try:
            resolve_target(self.target)
        except InvalidRequestError as error:
            raise ValueError(f"{_variable('target')}: {error}") from error
        except ServerUnavailableError:
            pass  # a host that cannot be found now may be there when it is called


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _read(one: "Field[Any]", text: str) -> Any:
    """The value of a field, of the type that its default has."""
    kind = type(one.default)
    if kind is bool:
        return parse_bool(text, _variable(one.name))
    return parse_number(text, _variable(one.name), kind) if kind in (int, float) else text
