"""The sending side of the asyncio client's stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any

import grpc

from lengthwise.request import PredictionQuery
from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.request_batch import Packer, Parcel, StreamLedger, pack


async def pack_async(
    prompts: Iterable[str | PredictionQuery] | AsyncIterable[str | PredictionQuery],
    packer: Packer,
) -> AsyncGenerator[Parcel]:
    """Pack queries of either kind of iterator into parcels as they come."""
    if isinstance(prompts, AsyncIterable):
        async for prompt in prompts:
            for parcel in packer.add(prompt):
                yield parcel
    else:
        for prompt in prompts:
            for parcel in packer.add(prompt):
                yield parcel
    for parcel in packer.rest():
        yield parcel


async def pack_batches(
    batches: AsyncIterable[Sequence[str | PredictionQuery]], max_bytes: int
) -> AsyncGenerator[Parcel]:
    """Pack each batch into as few parcels as hold it."""
    async for batch in batches:
        for parcel in pack(batch, max_bytes):
            yield parcel


async def write_parcels(
    call: Any, parcels: AsyncGenerator[Parcel], ledger: StreamLedger, window: asyncio.Semaphore
) -> None:
    """Send parcels until there are no more, or nobody takes them."""
    try:
        async with aclosing(parcels):
            async for parcel in parcels:
                await window.acquire()
                if not await _written(call, ledger.sent(parcel)):
                    return
    except Exception as error:  # noqa: BLE001  it is the caller's own, raised on the caller's side
        ledger.source_error = error
    ledger.all_sent = True
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        await call.done_writing()


async def _written(call: Any, requests: list[pb.PredictRequest]) -> bool:
    """Whether the message went; if not, the reading side learns why."""
    try:
        await call.write(pb.PredictStreamRequest(requests=requests))
    except (grpc.RpcError, asyncio.InvalidStateError):
        return False
    return True
