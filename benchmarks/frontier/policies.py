"""The policies whose frontier is drawn, by name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from benchmarks.frontier.workload import COST
from lengthwise.scheduling import DEFAULT_RULE, PreemptionRule, make_rule
from lengthwise.scheduling.guarded import GuardedRule
from serving_sim.job import Job
from serving_sim.policies.policy import Policy
from serving_sim.policies.rule_policy import PreemptingPolicy, RulePolicy

SERVICE_TIME = COST.service_time_model(1)
REVIEWS_PER_SERVICE = 3
"""How often who runs is looked at again in a typical service time, while requests wait."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One policy with its options.

    Args:
        name: What the tables call it.
        rule: Name of a priority rule in the client's registry.
        options: The rule's own options, by name.
        knows_lengths: It is told the true lengths.
        preempts: With the preemption rule on top.
        hears_ends: Its rule is told of the requests that end, and learns from them.
    """

    name: str
    rule: str
    options: Mapping[str, float] = field(default_factory=dict[str, float])
    knows_lengths: bool = False
    preempts: bool = False
    hears_ends: bool = True

    def policy(self, mean_tokens: float) -> Policy:
        """A new one, for one simulation."""
        rule = make_rule(self.rule, **self.options)
        if self.preempts:
            review_s = SERVICE_TIME.service_time_s(mean_tokens) / REVIEWS_PER_SERVICE
            preemption = PreemptionRule(SERVICE_TIME)
            return PreemptingPolicy(rule, preemption, SERVICE_TIME, review_s=review_s)
        return (RulePolicy if self.hears_ends else _HearsNoEnd)(rule, SERVICE_TIME)


class _HearsNoEnd(RulePolicy):
    """An engine or a gateway that does not see how its requests end."""

    def finished(self, job: Job) -> None:
        """The rule keeps its start values."""


FCFS = Contender("first come first served", "off")
ORACLE = Contender("oracle", "shortest", knows_lengths=True)
PREEMPTING = Contender(f"{DEFAULT_RULE} + preemption", DEFAULT_RULE, preempts=True)

KNOWING = tuple(
    Contender(f"{name}, told the truth", name, knows_lengths=True) for name in ("capped", "guarded")
)
"""What is left to gain by better predictions, under rules that keep the tail."""

CONTENDERS = (
    *(Contender(name, name) for name in ("shortest", "gittins", "aged", "capped", "guarded")),
    Contender(f"{DEFAULT_RULE}, told of no end", DEFAULT_RULE, hears_ends=False),
    *KNOWING,
    replace(PREEMPTING, name=f"{PREEMPTING.name}, told the truth", knows_lengths=True),
    PREEMPTING,
)

WEIGHTS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Settings of the aged and of the capped rule."""

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the guarded rule's head start, over its default."""


def _strong(strength: float) -> dict[str, float]:
    """What makes the guarded rule's head start, so many times its default."""
    defaults = inspect.signature(GuardedRule).parameters
    return {name: strength * defaults[name].default for name in ("steady", "burst", "floor")}


def _swept(
    rule: str, settings: tuple[float, ...], options: Callable[[float], Mapping[str, float]]
) -> list[Contender]:
    return [Contender(f"{rule} {one:g}", rule, options(one)) for one in settings]


SWEPT = (
    *_swept("aged", WEIGHTS, lambda weight: {"weight": weight}),
    *_swept("capped", WEIGHTS, lambda weight: {"weight": weight}),
    *_swept("guarded", STRENGTHS, _strong),
)
"""Each rule from near first come first served to near shortest first."""
