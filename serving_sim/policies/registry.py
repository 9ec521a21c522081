"""The policies by name."""

from collections.abc import Callable
from dataclasses import dataclass

from lengthwise.scheduling.preemption import PreemptionRule
from lengthwise.scheduling.registry import DEFAULT_RULE, RULE_NAMES, make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.errors import SimulationError
from serving_sim.policies.alise import AlisePolicy
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.ltr import LtrPolicy
from serving_sim.policies.mlfq import MlfqPolicy
from serving_sim.policies.policy import Policy
from serving_sim.policies.remaining import CappedRemainingPolicy, GittinsPolicy, SrptPolicy
from serving_sim.policies.rule_policy import PreemptingPolicy, RulePolicy
from serving_sim.policies.starvation import StarvationPolicy

ORACLE = "oracle-"
"""Before a policy's name: it gets the true lengths."""

TYPICAL_TOKENS = 256
"""Prompt and answer so far of a request that is preempted: the size of a chat request's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a policy is made for.

    Args:
        cost: The time of a step.
        engine: The engine that the policy schedules.
    """

    cost: StepCost
    engine: Engine

    @property
    def service_time(self) -> ServiceTimeModel:
        """What lengths amount to with all slots taken."""
        return self.cost.service_time_model(self.engine.slots)


def _rule(name: str) -> Callable[[Setting], Policy]:
    return lambda setting: RulePolicy(make_rule(name), setting.service_time)


def _preempting(setting: Setting) -> Policy:
    service_time = setting.service_time
    rule = PreemptionRule(service_time=service_time)
    return PreemptingPolicy(make_rule(DEFAULT_RULE), rule, service_time)


def _switch_tokens(setting: Setting) -> float:
    """What computing a preempted request again costs, in steps, out and in."""
    cost = setting.cost
    again_s = cost.prefill_step_s + TYPICAL_TOKENS * cost.prefill_token_s
    return 2 * again_s / cost.decode_s(1, setting.engine.slots, 0)


def _mlfq(setting: Setting) -> Policy:
    times = setting.service_time
    ratio = times.prefill_s_per_input_token / times.decode_s_per_output_token
    return MlfqPolicy(token_per_input_token=ratio)


def _ssjf(setting: Setting) -> Policy:
    return StarvationPolicy(setting.service_time, overhead_s=setting.cost.prefill_step_s)


_MAKERS: dict[str, Callable[[Setting], Policy]] = {
    "fcfs": lambda _: FcfsPolicy(),
    "sjf": _rule("shortest"),
    "ssjf": _ssjf,
    "lengthwise": _rule(DEFAULT_RULE),
    **{f"lengthwise:{name}": _rule(name) for name in RULE_NAMES},
    "lengthwise-scheduler": _preempting,
    "lengthwise-remaining": lambda setting: CappedRemainingPolicy(setting.service_time),
    "srpt": lambda setting: SrptPolicy(margin=_switch_tokens(setting)),
    "gittins": lambda setting: GittinsPolicy(margin=_switch_tokens(setting)),
    "mlfq": _mlfq,
    "ltr": lambda _: LtrPolicy(),
    "alise": lambda setting: AlisePolicy(setting.service_time),
}
"""By name: makes a policy that has seen nothing yet, for an engine and its cost."""

POLICY_NAMES = tuple(_MAKERS)
"""For messages and help; "oracle-" may stand before each."""


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """A policy by name: with "oracle-" before it, it gets the true lengths.

    Args:
        name: One of POLICY_NAMES, or one after "oracle-".

    Raises:
        SimulationError: If there is no such policy.
    """

    name: str

    def __post_init__(self) -> None:
        if self.plain not in _MAKERS:
            raise SimulationError(
                f"there is no policy {self.name!r}: expected one of {', '.join(POLICY_NAMES)}, or "
                f'"{ORACLE}" before one'
            )

    @property
    def plain(self) -> str:
        """Without the oracle."""
        return self.name.removeprefix(ORACLE)

    @property
    def oracle(self) -> bool:
        """It gets the true lengths."""
        return self.name.startswith(ORACLE)

    def make(self, cost: StepCost, engine: Engine) -> Policy:
        """A policy of its own state, which goes by this name."""
        policy = _MAKERS[self.plain](Setting(cost, engine))
        policy.name = self.name
        return policy
