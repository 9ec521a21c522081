"""Scaling policies by name, each with the router that belongs to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from autoscaler.core.options import DecisionOptions, InteractiveRule, Lending, PoolLimits
from autoscaler.core.slo import Slo
from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.rule import PriorityRule
from serving_sim.errors import SimulationError
from serving_sim.fleet.deciding import Ablation, DecidePolicy
from serving_sim.fleet.latency_policy import LatencyPolicy
from serving_sim.fleet.policy import (
    FreenessPolicy,
    QueuePolicy,
    ScalingPolicy,
    StaticPolicy,
    UtilisationPolicy,
)
from serving_sim.fleet.router import RouterOptions

UNTUNED_SLOTS = 64
"""Batch of an engine that nobody tuned, as in Chiron's comparison with Llumnix."""

FREE_BAND = 0.3
"""Between the free shares at which the Llumnix-like policy adds one and takes one away."""


@dataclass(frozen=True, slots=True)
class FleetSetting:
    """What all contenders have in common.

    Args:
        capacity: Of an instance; its slots are the best batch.
        slo: What is promised to each class of requests.
        least: Interactive instances at least, at least 1; as many are there at the start.
        most: Instances of a pool at most.
        quota: Instances of all pools together at most; None for any number.
        assumed: What decisions take an instance to give; None for what it gives. Where prompts are
            long, a token of an answer brings some of a prompt, which holds up the others: that
            belongs into its `sequence_s`.
    """

    capacity: InstanceCapacity
    slo: Slo
    least: int = 1
    most: int = 100
    quota: int | None = None
    assumed: InstanceCapacity | None = None

    @property
    def decision(self) -> DecisionOptions:
        """Options of the decision with their defaults."""
        limits = {pool: PoolLimits(0, self.most) for pool in Pool}
        limits[Pool.INTERACTIVE] = PoolLimits(self.least, self.most)
        return DecisionOptions(self.assumed or self.capacity, self.slo, limits)

    @property
    def best_slots(self) -> int:
        """The largest batch within the interactive SLO."""
        return self.capacity.slots_within(self.slo.itl_s)


@dataclass(frozen=True, slots=True)
class Contender:
    """A scaling policy, newly made, with its router.

    Args:
        name: Its name in the results.
        policy: Says how many instances there should be.
        router: Which request goes to which instance.
        rule: Orders the requests that wait; None for first come first served.
        pool: Where the instances are that are ready at the start.
    """

    name: str
    policy: ScalingPolicy
    router: RouterOptions
    rule: PriorityRule | None
    pool: Pool


def contender(text: str, setting: FleetSetting) -> Contender:
    """From "name", "name:number" or "name:number@slots".

    The number is what a frontier sweeps: instances, a target, requests, a free share, a threshold
    or the utilisation; "@slots" is the batch of a baseline's engine, by default the best one.

    Raises:
        SimulationError: If there is no such name, or the number is none.
    """
    name, _, rest = text.partition(":")
    value, _, slots = rest.partition("@")
    if name not in _MAKERS:
        raise SimulationError(
            f"there is no scaling policy {text!r}: expected one of {', '.join(_MAKERS)}, with "
            ":NUMBER or :NUMBER@SLOTS after it"
        )
    default, make = _MAKERS[name]
    try:
        number = float(value) if value else default
        batch = int(slots) if slots else setting.best_slots
    except ValueError as error:
        raise SimulationError(f"{text!r}: expected numbers after the name ({error})") from error
    return replace(make(number, batch, setting), name=text)


def _blind(policy: ScalingPolicy, slots: int) -> Contender:
    """One pool for both classes, first come first served."""
    router = RouterOptions(slots, slots, class_aware=False, feasible_first=False)
    return Contender(policy.name, policy, router, None, Pool.MIXED)


def _static(number: float, slots: int, setting: FleetSetting) -> Contender:
    del setting
    return _blind(StaticPolicy(int(number)), slots)


def _utilisation(number: float, slots: int, setting: FleetSetting) -> Contender:
    return _blind(UtilisationPolicy(number, setting.least, setting.most), slots)


def _requests(number: float, slots: int, setting: FleetSetting) -> Contender:
    return _blind(QueuePolicy(number, setting.least, setting.most), slots)


def _llumnix(number: float, slots: int, setting: FleetSetting) -> Contender:
    high = min(0.95, number + FREE_BAND)
    return _blind(FreenessPolicy(number, high, setting.least, setting.most), slots)


def _aware(
    setting: FleetSetting, options: DecisionOptions, parts: Ablation, *, feasible: bool
) -> Contender:
    slots, batch_slots = setting.best_slots, setting.capacity.slots_within(setting.slo.batch_itl_s)
    router = RouterOptions(slots, batch_slots, class_aware=True, feasible_first=feasible)
    rule = make_rule() if parts.order else None
    return Contender("", DecidePolicy("", options, parts), router, rule, Pool.INTERACTIVE)


def _chiron(number: float, slots: int, setting: FleetSetting) -> Contender:
    """As published: IBP at a threshold, mean lengths, mean waiting times."""
    del slots
    options = replace(
        setting.decision,
        interactive_rule=InteractiveRule.BACKPRESSURE,
        ibp_threshold=number,
        batch_level=0.5,
    )
    parts = Ablation(forecast=False, predictions=False, order=False)
    one = _aware(setting, options, parts, feasible=False)
    # IBP counts instances with any interactive request: it means little unless they are packed.
    return replace(one, router=replace(one.router, packed=True))


def _chiron_feasible(number: float, slots: int, setting: FleetSetting) -> Contender:
    one = _chiron(number, slots, setting)
    return replace(one, router=replace(one.router, feasible_first=True))


def _occupancy(number: float, slots: int, setting: FleetSetting) -> Contender:
    """Occupancy ahead, of mean lengths."""
    del slots
    parts = Ablation(predictions=False, order=False)
    return _aware(setting, replace(setting.decision, utilisation=number), parts, feasible=True)


def _predicted(number: float, slots: int, setting: FleetSetting) -> Contender:
    """Occupancy ahead and batch work of predicted lengths; first come first served."""
    del slots
    parts = Ablation(order=False)
    return _aware(setting, replace(setting.decision, utilisation=number), parts, feasible=True)


def _lengthwise(number: float, slots: int, setting: FleetSetting) -> Contender:
    """The same, with the guarded rule's order before the fleet."""
    del slots
    options = replace(setting.decision, utilisation=number)
    return _aware(setting, options, Ablation(), feasible=True)


def _lending(number: float, slots: int, setting: FleetSetting) -> Contender:
    """The same, with all but the least interactive instances lent to batch requests."""
    del slots
    options = replace(setting.decision, utilisation=number, lending=Lending.ALL)
    return _aware(setting, options, Ablation(), feasible=True)


def _no_headroom(number: float, slots: int, setting: FleetSetting) -> Contender:
    """Occupancy ahead of predicted lengths with nothing kept for bursts."""
    del slots
    options = replace(setting.decision, utilisation=number, headroom=0.0)
    return _aware(setting, options, Ablation(order=False), feasible=True)


def _latency(number: float, slots: int, setting: FleetSetting) -> Contender:
    return _blind(LatencyPolicy(number, setting.slo, setting.least, setting.most), slots)


_Maker = Callable[[float, int, FleetSetting], Contender]
_MAKERS: dict[str, tuple[float, _Maker]] = {
    "static": (4, _static),
    "utilisation": (0.6, _utilisation),
    "requests": (128, _requests),
    "llumnix": (0.2, _llumnix),
    "chiron": (1 / 3, _chiron),
    "chiron-feasible": (1 / 3, _chiron_feasible),
    "occupancy": (0.85, _occupancy),
    "predicted": (0.85, _predicted),
    "lengthwise": (0.85, _lengthwise),
    "lending": (0.85, _lending),
    "no-headroom": (0.85, _no_headroom),
    "latency": (0.55, _latency),
}
"""By name: the number unless given, and what makes it."""

CONTENDER_NAMES = tuple(_MAKERS)
"""For messages and help; after each may stand a number, and slots."""
