"""fleet.yaml: what one instance gives, what is promised, and how many instances there may be.

What is wrong with it is told by key, value and range.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from autoscaler.core.options import DecisionOptions, InteractiveRule, Lending, PoolLimits
from autoscaler.core.slo import Slo
from autoscaler.errors import InvalidConfigError, InvalidStateError

Address = Annotated[str, Field(pattern=r"^.+:\d+$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    """A part of the file: unknown keys are refused, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CapacitySection(_Section):
    """What one instance gives; `python -m serving_sim calibrate` fits it to a real engine."""

    slots: int = Field(ge=1, le=65_536, description="requests at once (max_num_seqs)")
    step_s: Positive = Field(description="seconds of a decoding step")
    sequence_s: NotNegative = Field(default=0.0, description="seconds more for each sequence in it")
    prefill_token_s: NotNegative = Field(default=0.0, description="seconds for each prompt token")
    start_up_s: float = Field(default=60.0, ge=0, le=3_600, description="seconds until one serves")


class SloSection(_Section):
    """What is promised."""

    ttft_s: Positive = Field(default=10.0, description="to an interactive request's first token")
    itl_s: Positive = Field(default=0.2, description="between two of its tokens")
    batch_deadline_s: Positive = Field(
        default=3_600.0, description="of batch requests that name none"
    )
    batch_itl_s: Positive = Field(default=2.0, description="between two tokens of a batch request")


class PoolSection(_Section):
    """How many instances a pool may have."""

    min: int = Field(default=0, ge=0, le=100_000)
    max: int = Field(ge=0, le=100_000)

    @model_validator(mode="after")
    def _ordered(self) -> "PoolSection":
        if self.max < self.min:
            raise ValueError(f"max is {self.max} and min {self.min}: expected max of at least min")
        return self


class RulesSection(_Section):
    """The rules' numbers; the defaults are those that the benchmark was run with."""

    interactive: Literal["occupancy", "backpressure"] = "occupancy"
    utilisation: float = Field(default=0.85, gt=0, le=1)
    band: float = Field(default=0.2, ge=0, le=0.9)
    headroom: float = Field(default=0.25, ge=0, le=10)
    lending: Literal["headroom", "all"] = "headroom"
    deviations: float = Field(default=2.0, ge=0, le=10)
    ibp_threshold: float = Field(default=1 / 3, gt=0, le=1)
    ibp_band: float = Field(default=0.1, ge=0, le=0.5)
    batch_level: float = Field(default=0.9, ge=0.5, le=0.999)
    down_window_s: float = Field(default=120.0, ge=0, le=86_400)


class ObserveSection(_Section):
    """Where the fleet is seen.

    Args:
        engines: Metrics URLs of the vLLM instances, by pool.
        state: A file with the fleet's state, which counts before the metrics while it is fresh.
        scrape_every_s: Seconds between two looks at all engines, 0.1 to 600.
        mean_tokens: Output tokens of a request while nothing has been seen to end.
    """

    engines: dict[Pool, Sequence[str]] = Field(default_factory=dict)
    state: Path | None = None
    scrape_every_s: float = Field(default=15.0, ge=0.1, le=600)
    mean_tokens: Positive = 256.0


class TlsSection(_Section):
    """Files of mutual TLS: KEDA's one way to say who it is, and a gateway's."""

    certificate: Path
    key: Path
    client_ca: Path


class KedaSection(_Section):
    """Where KEDA asks."""

    tls: TlsSection | None = None

    listen: Address = "0.0.0.0:6000"
    gone_after_s: float = Field(default=300.0, gt=0, le=86_400)


class DemandSection(_Section):
    """Where gateways report what they forward.

    Args:
        tls: Files of mutual TLS; None for plain text.
        listen: HOST:PORT of the socket that gateways call.
        expire_after_s: For which a request counts at most, from its arrival or its deadline, since
            its ending may have been lost; 1 to 604,800.
        most_requests: That may be open at once; about 1.5 kB each, 1 to 10,000,000.
    """

    tls: TlsSection | None = None
    listen: Address = "0.0.0.0:6001"
    expire_after_s: float = Field(default=3_600.0, ge=1, le=604_800)
    most_requests: int = Field(default=50_000, ge=1, le=10_000_000)


class KubernetesSection(_Section):
    """Whose pods are marked before a pool shrinks.

    Args:
        namespace: Where the engines' pods are.
        pods: Labels of each pool's pods, as kubectl's --selector takes them.
    """

    namespace: str = Field(min_length=1)
    pods: dict[Pool, Annotated[str, Field(min_length=1)]] = Field(min_length=1)


class MetricsSection(_Section):
    """Where Prometheus scrapes the autoscaler itself."""

    listen: Address = "0.0.0.0:9465"


class FleetConfig(_Section):
    """The whole file."""

    capacity: CapacitySection
    slo: SloSection = SloSection()
    pools: dict[Pool, PoolSection] = Field(min_length=1)
    rules: RulesSection = RulesSection()
    observe: ObserveSection = ObserveSection()
    keda: KedaSection = KedaSection()
    demand: DemandSection | None = None
    kubernetes: KubernetesSection | None = None
    metrics: MetricsSection | None = None

    def options(self) -> DecisionOptions:
        """What `decide` goes by.

        Raises:
            InvalidStateError: If no number of instances can keep an SLO.
        """
        rules = self.rules
        return DecisionOptions(
            capacity=InstanceCapacity(**self.capacity.model_dump()),
            slo=Slo(**self.slo.model_dump()),
            limits={pool: PoolLimits(one.min, one.max) for pool, one in self.pools.items()},
            interactive_rule=InteractiveRule(rules.interactive),
            stale_after_s=3 * self.observe.scrape_every_s,
            lending=Lending(rules.lending),
            **rules.model_dump(exclude={"interactive", "lending"}),
        )


def read_config(path: Path) -> FleetConfig:
    """The configuration in a file.

    Raises:
        InvalidConfigError: It cannot be read, has an unknown key or a value out of range, or
            promises what no instance can keep.
    """
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise InvalidConfigError(f"{path}: expected a mapping with capacity and pools")
    try:
        config = FleetConfig.model_validate(content)
        config.options()  # refuses an SLO that cannot be met now rather than at a decision
    except ValidationError as error:
        raise InvalidConfigError(f"{path}: {_told(error)}") from error
    except InvalidStateError as error:
        raise InvalidConfigError(f"{path}: slo and capacity: {error}") from error
    return config


def _told(error: ValidationError) -> str:
    """Each fault on a line: its key, what came and what was expected."""
    faults: list[str] = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
        if fault["type"] == "extra_forbidden":
            faults.append(f"{key} is no key of this file")
        elif fault["type"] == "missing":
            faults.append(f"{key} is missing")
        else:
            faults.append(f"{key} is {fault['input']!r}: {fault['msg']}")
    return "; ".join(faults)
