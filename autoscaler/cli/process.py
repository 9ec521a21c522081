"""The parts of `python -m autoscaler keda`, put together as the configuration says."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from autoscaler.config.fleet_config import FleetConfig, TlsSection
from autoscaler.core.decision import Decision
from autoscaler.core.options import DecisionOptions
from autoscaler.edges.controller import Controller, Observe
from autoscaler.edges.demand.demand_state import ReportedDemand
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.servicer import DemandServicer
from autoscaler.edges.grpc_server import GrpcServer, mutual_tls
from autoscaler.edges.keda.serve import KedaServer, Serves
from autoscaler.edges.observer import FleetObserver
from autoscaler.edges.prometheus import AutoscalerMetrics, MetricsServer
from autoscaler.edges.sources import FirstFresh, OnceALook
from autoscaler.edges.state_file import StateFile
from autoscaler.edges.work_left import WorkLeft
from autoscaler.errors import InvalidConfigError
from autoscaler.v1 import demand_pb2_grpc as rpc

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Process:
    """All that runs.

    Args:
        keda: Decides at each step, and answers KEDA from memory.
        beside: What serves with it: reports of demand, metrics.
        metrics: To be shown each decision.
    """

    keda: KedaServer
    beside: Sequence[Serves]
    metrics: AutoscalerMetrics


def process_from_config(
    config: FleetConfig, clock: Clock, on_fault: Callable[[str], None]
) -> Process:
    """Build what the configuration asks for; nothing is bound yet.

    Args:
        config: What fleet.yaml says, defaults included.
        clock: Seconds since 1970: files' times are on the same.
        on_fault: Called with what is wrong at run time and goes on without it, for people.

    Raises:
        InvalidConfigError: If nothing is observed, or a part that is asked for cannot be built.
    """
    options = config.options()
    metrics = AutoscalerMetrics()
    engines = FleetObserver(
        config.observe.engines, options, config.observe.mean_tokens, patient=True
    )
    requests = _open_requests(config)
    controller = Controller(
        _sources(config, options, engines, requests, on_fault),
        options,
        gone_after_s=config.keda.gone_after_s,
        prepare=_marks(config, WorkLeft(engines, requests), clock, on_fault),
    )
    keda = KedaServer(
        controller, clock, config.keda.listen, _credentials("keda.tls", config.keda.tls)
    )
    metrics.watch(
        "observed_age_seconds",
        "Age of what the last decision rests on.",
        lambda: _known(controller.age_s(clock())),
    )
    beside = [*_demand_server(config, requests, clock, metrics)]
    if config.metrics is not None:
        beside.append(MetricsServer(metrics, config.metrics.listen))
    return Process(keda, beside, metrics)


def _known(value: float | None) -> float:
    """As Prometheus has what is not known."""
    return math.nan if value is None else value


def _open_requests(config: FleetConfig) -> OpenRequests | None:
    if config.demand is None:
        return None
    return OpenRequests(
        config.observe.mean_tokens,
        silent_after_s=config.options().stale_after_s,
        expire_after_s=config.demand.expire_after_s,
        most_requests=config.demand.most_requests,
    )


def _sources(
    config: FleetConfig,
    options: DecisionOptions,
    engines: FleetObserver,
    requests: OpenRequests | None,
    on_fault: Callable[[str], None],
) -> Observe:
    """What somebody writes, else what gateways report, else what the metrics say."""
    sources: list[Observe] = []
    if config.observe.state is not None:
        sources.append(StateFile(config.observe.state, on_fault).observe)
    if any(config.observe.engines.values()):
        once = OnceALook(engines.observe).observe
        if requests is not None:
            reported = ReportedDemand(requests, once, options, lambda: engines.has_no_address)
            sources.append(reported.observe)
        sources.append(once)
    elif requests is not None:
        raise InvalidConfigError(
            "demand is there and observe.engines is not: expected the engines' metrics URLs, which "
            "say how many instances serve"
        )
    if not sources:
        raise InvalidConfigError(
            "observe has neither engines nor state: expected metrics URLs, or a file"
        )
    return FirstFresh(sources, options.stale_after_s).observe


def _demand_server(
    config: FleetConfig, requests: OpenRequests | None, clock: Clock, metrics: AutoscalerMetrics
) -> list[Serves]:
    if config.demand is None or requests is None:
        return []
    metrics.watch("open_requests", "That gateways reported and that go on.", lambda: len(requests))
    servicer = DemandServicer(requests, config.options().slo, clock, metrics.reported)
    return [
        GrpcServer(
            lambda server: rpc.add_DemandServicer_to_server(servicer, server),
            "demand.listen",
            config.demand.listen,
            _credentials("demand.tls", config.demand.tls),
        )
    ]


def _marks(
    config: FleetConfig, work: WorkLeft, clock: Clock, on_fault: Callable[[str], None]
) -> Callable[[Decision], None]:
    if config.kubernetes is None:
        return lambda _: None
    try:
        from autoscaler.edges.kubernetes.deletion_marks import (  # noqa: PLC0415  only where it runs
            DeletionMarks,
        )
        from autoscaler.edges.kubernetes.pods import KubernetesPods  # noqa: PLC0415  as above
    except ImportError as error:
        raise InvalidConfigError(
            f"kubernetes is configured and needs {error.name}: install it with "
            "pip install 'lengthwise[kubernetes]'"
        ) from error
    pods = KubernetesPods.from_cluster(config.kubernetes.namespace)
    return DeletionMarks(
        pods, config.kubernetes.pods, lambda: work.by_engine(clock()), on_fault
    ).prepare


def _credentials(name: str, tls: TlsSection | None) -> grpc.ServerCredentials | None:
    return mutual_tls(name, tls.certificate, tls.key, tls.client_ca) if tls else None
