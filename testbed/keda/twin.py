"""KEDA and the HPA as they treat an external scaler: over a real socket, on the caller's clock.

No kube-apiserver can be had here. What this twin does is what KEDA (2026-08) and Kubernetes 1.35
do: KEDA polls IsActive and goes from 0 to 1 and back, the HPA syncs GetMetrics (which KEDA follows
with IsActive) and goes between 1 and the most; values travel with three decimals, numbers that are
none become 0, changes within the tolerance are ignored, and the fallback acts after some failures.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from autoscaler.edges.externalscaler import externalscaler_pb2 as pb
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc

POLL_S, SYNC_S = 30.0, 15.0
"""Between two looks of KEDA's and two of the HPA's: what both do by default."""

AtTime = Callable[[float], Awaitable[None]]
"""Called with the time of a sync."""


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """What the manifest says.

    Args:
        pool: In the trigger's metadata.
        least: minReplicaCount.
        most: maxReplicaCount.
        up_tolerance: Share by which the metric must be off before replicas are added.
        down_tolerance: The same before some are taken away.
        down_stabilisation_s: For which the HPA keeps the most that it found.
        cooldown_s: For which a pool must be inactive before KEDA takes it to its least.
        fallback_replicas: At least so many while the scaler cannot be asked.
        failure_threshold: Failed syncs in a row from which on it cannot be.
    """

    pool: str
    least: int = 0
    most: int = 50
    up_tolerance: float = 0.0
    down_tolerance: float = 0.1
    down_stabilisation_s: float = 0.0
    cooldown_s: float = 300.0
    fallback_replicas: int = 2
    failure_threshold: int = 3

    @property
    def ref(self) -> pb.ScaledObjectRef:
        """As KEDA names it to the scaler."""
        return pb.ScaledObjectRef(
            name=f"vllm-{self.pool}", namespace="llm", scalerMetadata={"pool": self.pool}
        )


class KedaTwin:
    """One ScaledObject's life.

    Args:
        target: HOST:PORT of the external scaler.
        scaled: What the manifest says of the pool.
        replicas: What the Deployment is set to at first.
    """

    def __init__(self, target: str, scaled: ScaledObject, replicas: int = 0) -> None:
        self.target = target
        self.scaled = scaled
        self.replicas = replicas
        self.errors: list[str] = []
        self.channel = grpc.aio.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)])
        self._stub: Any = rpc.ExternalScalerStub(self.channel)
        self._failures = 0
        self._last_active_s = -math.inf
        self._recommended: deque[tuple[float, int]] = deque()

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close()

    async def run(
        self,
        start_s: float,
        end_s: float,
        before: AtTime | None = None,
        after: AtTime | None = None,
    ) -> None:
        """Poll and sync as the clock goes from one time to another, in steps of a sync.

        Args:
            start_s: Time of the first sync.
            end_s: No sync is at this time or later.
            before: Called before each sync: here the clock is set, or waited for.
            after: Called after each, when `replicas` is what it is to be.
        """
        now_s = start_s
        while now_s < end_s:
            if before is not None:
                await before(now_s)
            if now_s % POLL_S == 0:
                await self.poll(now_s)
            await self.sync(now_s)
            if after is not None:
                await after(now_s)
            now_s += SYNC_S

    async def poll(self, now_s: float) -> None:
        """KEDA's own loop: zero or not."""
        active = await self._is_active()
        if active is None:
            return
        if active:
            self._last_active_s = now_s
            if self.replicas == 0:
                self.replicas = max(1, self.scaled.least)
        elif now_s - self._last_active_s >= self.scaled.cooldown_s:
            self.replicas = self.scaled.least

    async def sync(self, now_s: float) -> None:
        """The HPA's loop: it does nothing at zero replicas."""
        if self.replicas == 0:
            return
        try:
            value, target = await self._metric()
            self._failures = 0
        except grpc.aio.AioRpcError as error:
            self.errors.append(error.details() or "")
            self._failures += 1
            if self._failures >= self.scaled.failure_threshold:
                self._set(max(self.replicas, self.scaled.fallback_replicas))
            return
        self._set(self._stabilised(self._desired(value, target), now_s))

    def _desired(self, value: float, target: float) -> int:
        """AverageValue: usage is value over target and replicas."""
        ratio = value / (target * self.replicas)
        tolerance = self.scaled.up_tolerance if ratio > 1 else self.scaled.down_tolerance
        if abs(ratio - 1) <= tolerance:
            return self.replicas
        return math.ceil(value / target)

    def _stabilised(self, desired: int, now_s: float) -> int:
        self._recommended.append((now_s, desired))
        while now_s - self._recommended[0][0] > self.scaled.down_stabilisation_s:
            self._recommended.popleft()
        if desired >= self.replicas:
            return desired
        return max(count for _, count in self._recommended)

    def _set(self, replicas: int) -> None:
        self.replicas = max(1, self.scaled.least, min(self.scaled.most, replicas))

    async def _metric(self) -> tuple[float, float]:
        spec = (await self._stub.GetMetricSpec(self.scaled.ref)).metricSpecs[0]
        target = spec.targetSizeFloat if spec.targetSizeFloat > 0 else float(spec.targetSize)
        asked = pb.GetMetricsRequest(scaledObjectRef=self.scaled.ref, metricName=spec.metricName)
        value = (await self._stub.GetMetrics(asked)).metricValues[0]
        await self._stub.IsActive(self.scaled.ref)  # an error of either is an error of both
        told = value.metricValueFloat if value.metricValueFloat > 0 else float(value.metricValue)
        if not math.isfinite(told) or told < 0:
            told = 0.0
        return round(told, 3), target

    async def _is_active(self) -> bool | None:
        try:
            return bool((await self._stub.IsActive(self.scaled.ref)).result)
        except grpc.aio.AioRpcError as error:
            self.errors.append(error.details() or "")
            return None
