"""Dynamo's HTTP frontend before an engine that answers with the request that came through."""

import asyncio
import json
import sys

import uvloop


async def echo(request, context=None):
    """The one token of the answer is the request."""
    delta = {"role": "assistant", "content": json.dumps(request)}
    choice = {"index": 0, "delta": delta, "finish_reason": "stop"}
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    yield {**common, "choices": [choice]}


async def serve(port: int) -> None:
    from dynamo.llm import HttpAsyncEngine, HttpService
    from dynamo.runtime import DistributedRuntime

    loop = asyncio.get_running_loop()
    runtime = DistributedRuntime(loop, "mem", "tcp")
    service = HttpService(port=port)
    service.add_chat_completions_model("m", "checksum", HttpAsyncEngine(echo, loop))
    service.enable_endpoint("chat", True)
    await service.run(runtime)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
