"""The service that gateways report to."""

from collections.abc import Callable
from typing import Any

import grpc

from autoscaler.core.slo import Slo
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.wire import MOST_ID_CHARACTERS, report_from_wire
from autoscaler.errors import TooManyReportersError
from autoscaler.v1 import demand_pb2 as pb
from autoscaler.v1 import demand_pb2_grpc as rpc

FAULTS_TOLD = 10
"""Of a call, in words: all are counted, and the same mistake is made in every entry."""


class DemandServicer(rpc.DemandServicer):
    """Takes reports in, at once: they change counts in memory and nothing else.

    Args:
        requests: That are open, of all reporters.
        slo: Says the deadline of batch requests that name none.
        clock: Seconds, as the controller's steps have them.
        on_report: Called after each report with the number of faults in it.
    """

    def __init__(
        self,
        requests: OpenRequests,
        slo: Slo,
        clock: Callable[[], float],
        on_report: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._requests = requests
        self._slo = slo
        self._clock = clock
        self._on_report = on_report

    async def Report(  # noqa: N802  the contract's name
        self, request: pb.ReportRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ReportResponse:
        if not 0 < len(request.reporter) <= MOST_ID_CHARACTERS:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"reporter has {len(request.reporter)} characters: expected 1 to "
                f"{MOST_ID_CHARACTERS}, the same name in every call",
            )
        now_s = self._clock()
        report, faults = report_from_wire(request, now_s, self._slo)
        try:
            faults += self._requests.take(report, now_s)
        except TooManyReportersError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        self._on_report(len(faults))
        return pb.ReportResponse(
            open_requests=len(self._requests),
            faults=faults[:FAULTS_TOLD],
            fault_count=len(faults),
        )
