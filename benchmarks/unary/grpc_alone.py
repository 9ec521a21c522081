"""gRPC with nothing behind it: `python -m benchmarks.unary.grpc_alone PORT_FILE`.

The same contract on the same event loop, answered at once with the same message: what no service in
Python can be cheaper than.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from benchmarks.unary.free_service import READY
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.process.lifecycle import run_loop
from predictor_service.rpc.servicer import SERVICE_NAME
from predictor_service.rpc.wire import serialize_estimate


async def _serve(tell_port: Callable[[int], object]) -> None:
    answer = pb.PredictResponse.FromString(serialize_estimate(READY, "free"))

    async def predict(_: pb.PredictRequest, __: Any) -> pb.PredictResponse:
        return answer

    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        predict, pb.PredictRequest.FromString, pb.PredictResponse.SerializeToString
    )
    methods = grpc.method_handlers_generic_handler(SERVICE_NAME, {"Predict": method})
    server.add_generic_rpc_handlers((methods,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    tell_port(port)
    await server.wait_for_termination()


def main() -> None:
    """Serve until told to stop."""
    port_file = Path(sys.argv[1])
    unfinished = port_file.with_suffix(".part")

    def tell_port(port: int) -> None:
        unfinished.write_text(str(port))
        unfinished.rename(port_file)

    run_loop(_serve(tell_port))


if __name__ == "__main__":
    main()
