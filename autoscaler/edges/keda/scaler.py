"""KEDA's four questions, each answered at once from the last decision.

KEDA sets no deadline on them and holds a lock for each ScaledObject meanwhile; its own poll and the
HPA's sync ask independently, so an answer must change nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc

from autoscaler.core.fleet import Pool
from autoscaler.edges.controller import Controller
from autoscaler.edges.externalscaler import externalscaler_pb2 as pb
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
from autoscaler.errors import AutoscalerError, UnknownPoolError

POOL_KEY = "pool"
"""In the trigger's metadata: which pool a ScaledObject scales."""

Context = grpc.aio.ServicerContext[Any, Any]


class Scaler(rpc.ExternalScalerServicer):
    """The metric is the number of wanted replicas, its target 1 for each.

    So the HPA's `ceil(value / target)` is the decision itself, as long as its tolerance is 0.

    Args:
        controller: Holds the last decision, from which every answer comes.
        clock: Seconds, as the controller's steps have them.
    """

    def __init__(self, controller: Controller, clock: Callable[[], float]) -> None:
        self._controller = controller
        self._clock = clock
        self._changed = asyncio.Condition()
        self._closing = False

    async def decided(self) -> None:
        """Another decision was made: whoever streams looks again."""
        async with self._changed:
            self._changed.notify_all()

    async def close(self) -> None:
        """End all streams, so that KEDA's reconnect does not back off."""
        self._closing = True
        await self.decided()

    async def IsActive(  # noqa: N802  the contract's name
        self, request: pb.ScaledObjectRef, context: Context
    ) -> pb.IsActiveResponse:
        return pb.IsActiveResponse(result=await self._wanted(request, context) > 0)

    async def StreamIsActive(  # noqa: N802  as above
        self, request: pb.ScaledObjectRef, context: Context
    ) -> AsyncIterator[pb.IsActiveResponse]:
        pool = await self._pool(request, context)
        await context.send_initial_metadata(())  # the caller need not wait for the first true
        told = False
        async with self._changed:
            while not self._closing:
                active = self._is_wanted(pool)
                if active and not told:
                    yield pb.IsActiveResponse(result=True)
                told = active
                await self._changed.wait()

    async def GetMetricSpec(  # noqa: N802  as above
        self, request: pb.ScaledObjectRef, context: Context
    ) -> pb.GetMetricSpecResponse:
        pool = await self._pool(request, context)
        spec = pb.MetricSpec(metricName=metric_name(pool), targetSize=1, targetSizeFloat=1.0)
        return pb.GetMetricSpecResponse(metricSpecs=[spec])

    async def GetMetrics(  # noqa: N802  as above
        self, request: pb.GetMetricsRequest, context: Context
    ) -> pb.GetMetricsResponse:
        pool = await self._pool(request.scaledObjectRef, context)
        wanted = await self._wanted(request.scaledObjectRef, context)
        # The double counts only above 0, so both are sent.
        value = pb.MetricValue(
            metricName=metric_name(pool), metricValue=wanted, metricValueFloat=float(wanted)
        )
        return pb.GetMetricsResponse(metricValues=[value])

    def _is_wanted(self, pool: Pool) -> bool:
        try:
            return self._controller.wanted(pool, self._clock()) > 0
        except AutoscalerError:
            return False  # the question that is asked, not streamed, tells why

    async def _wanted(self, request: pb.ScaledObjectRef, context: Context) -> int:
        pool = await self._pool(request, context)
        try:
            return self._controller.wanted(pool, self._clock())
        except UnknownPoolError as error:
            await _abort(context, grpc.StatusCode.NOT_FOUND, error)
        except AutoscalerError as error:
            await _abort(context, grpc.StatusCode.UNAVAILABLE, error)

    async def _pool(self, request: pb.ScaledObjectRef, context: Context) -> Pool:
        named = request.scalerMetadata.get(POOL_KEY, "")
        try:
            return Pool(named)
        except ValueError:
            unknown = UnknownPoolError(
                f"ScaledObject {request.namespace}/{request.name}: metadata {POOL_KEY} is "
                f"{named!r}: expected one of {', '.join(Pool)}"
            )
            await _abort(context, grpc.StatusCode.NOT_FOUND, unknown)


def metric_name(pool: Pool) -> str:
    """What the metric is called in the HPA."""
    return f"lengthwise-{pool.value}-instances"


async def _abort(context: Context, code: grpc.StatusCode, error: AutoscalerError) -> NoReturn:
    await context.abort(code, str(error))
    raise error  # abort itself raises: this is for who reads the types
