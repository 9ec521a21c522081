"""The ways in which a service is ill-treated, each for a number of messages."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.hostile.bodies import (
    PREDICTOR,
    Body,
    extreme_body,
    random_body,
)
from benchmarks.hostile.http2 import Address, Connection, frame, message
from lengthwise.v1 import length_predictor_pb2 as pb

CALLS_AT_A_TIME = 64
"""Streams that are open at once on one connection."""

CALLS_OF_A_CONNECTION = 2_000
"""Calls after which another connection is opened."""

FRAMES_OF_A_CONNECTION = 16
"""Frames of random bytes written on one connection."""

FLOOD_PROMPTS = 64
"""Prompts in each message of a flood."""

MESSAGES_OF_A_SLOW_READER = 40
SLOW_READERS_AT_A_TIME = 20
HALF_OPEN_AT_A_TIME = 100
CONNECTIONS_AT_A_TIME = 64
HELD_S = 0.5
"""How long what is never finished is held open, in seconds."""

READ_S = 0.2
"""How long the service has to close a connection by itself, in seconds."""


@dataclass(slots=True)
class AttackCounts:
    """What became of an attack.

    Args:
        sent: Messages, or frames of a flood, that went out.
        answered: Calls that the service ended, with whatever status.
        cut_off: Connections that the service closed.
        unanswered: Calls that were still open when all should have been answered.
    """

    sent: int = 0
    answered: int = 0
    cut_off: int = 0
    unanswered: int = 0

    def add(self, other: "AttackCounts") -> None:
        """Take another's counts too."""
        self.sent += other.sent
        self.answered += other.answered
        self.cut_off += other.cut_off
        self.unanswered += other.unanswered


Attack = Callable[[Address, random.Random, int], Awaitable[AttackCounts]]


async def random_bodies(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """Random bytes in place of messages."""
    return await _calls(address, lambda: random_body(rng), count)


async def extreme_values(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """Valid protobuf with values at and beyond every bound."""
    return await _calls(address, lambda: extreme_body(rng), count)


def found_by_fuzzing(bodies: Sequence[Body]) -> Attack:
    """What coverage-guided fuzzing found to reach something new."""

    async def attack(address: Address, rng: random.Random, count: int) -> AttackCounts:
        return await _calls(address, lambda: rng.choice(bodies), count)

    return attack


async def _calls(address: Address, make: Callable[[], Body], count: int) -> AttackCounts:
    counts = AttackCounts()
    while counts.sent < count:
        async with Connection(address) as connection:
            for _ in range(min(CALLS_OF_A_CONNECTION, count - counts.sent)):
                body = make()
                stream = connection.begin(body.path)
                await connection.send(stream, message(body.data), ends=True)
                counts.sent += 1
                if not await connection.until_open(CALLS_AT_A_TIME) or connection.closed:
                    break
            _count_open(counts, connection, await connection.until_open(0))
    return counts


def _count_open(counts: AttackCounts, connection: Connection, in_time: bool) -> None:
    counts.answered += connection.answered
    counts.cut_off += connection.closed
    if not in_time:
        counts.unanswered += len(connection.open_streams)


async def wire_bytes(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """Random bytes in place of HTTP/2, or HTTP/2 frames that make no sense."""

    async def hold(frames: int) -> AttackCounts:
        async with Connection(address) as connection:
            for _ in range(frames):
                connection.write(_nonsense(rng))
            await connection.drain()
            # Long enough for the service to read it.
            await connection.until_closed(READ_S)
            return AttackCounts(sent=frames, cut_off=connection.closed)

    return await _together(hold, count, FRAMES_OF_A_CONNECTION, CONNECTIONS_AT_A_TIME)


def _nonsense(rng: random.Random) -> bytes:
    payload = rng.randbytes(rng.choice((0, 1, 4, 5, 8, 9, 100, 1_000)))
    match rng.randrange(4):
        case 0:
            return payload
        case 1:  # any type, any flags, any stream
            return frame(rng.randrange(256), rng.randrange(256), rng.getrandbits(32), payload)
        case 2:  # a type that exists, on a stream that may
            return frame(rng.randrange(10), rng.choice((0, 1, 4, 5)), rng.randrange(40), payload)
        case _:  # a length that does not come
            return frame(rng.randrange(10), 0, 1, payload)[: rng.randint(1, 9)]


async def flood(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """More prompts than the queue holds, sent without waiting, half of them given up at once."""
    counts = AttackCounts()
    while counts.sent < count:
        async with Connection(address) as connection:
            streams: list[int] = []
            for _ in range(min(CALLS_OF_A_CONNECTION, count - counts.sent)):
                stream = connection.begin(PREDICTOR + "PredictBatch")
                await connection.send(stream, message(_many_prompts(rng)), ends=True)
                streams.append(stream)
                counts.sent += 1
                if connection.closed:
                    break
            await connection.drain()
            for stream in streams[::2]:
                connection.reset(stream)
            # The rest is given up too: its prompts would be computed for a minute.
            await connection.until_open(0, patience_s=HELD_S)
            counts.answered += connection.answered
            counts.cut_off += connection.closed
    return counts


def _many_prompts(rng: random.Random) -> bytes:
    number = rng.getrandbits(40)
    requests = [pb.PredictRequest(prompt=f"flood {number} {i}") for i in range(FLOOD_PROMPTS)]
    return pb.PredictBatchRequest(requests=requests).SerializeToString()


async def slow_readers(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """Streams that ask and never read an answer."""

    async def hold(messages: int) -> AttackCounts:
        async with Connection(address, reads=False) as connection:
            stream = connection.begin(PREDICTOR + "PredictStream")
            for _ in range(messages):
                request = pb.PredictRequest(prompt=f"slow {rng.getrandbits(40)}")
                data = pb.PredictStreamRequest(requests=[request]).SerializeToString()
                await connection.send(stream, message(data), ends=False)
            await asyncio.sleep(HELD_S)
        return AttackCounts(sent=messages)

    return await _together(hold, count, MESSAGES_OF_A_SLOW_READER, SLOW_READERS_AT_A_TIME)


async def half_open(address: Address, rng: random.Random, count: int) -> AttackCounts:
    """Calls that begin and never end: no message, a part of one, or one announced as huge."""

    async def hold(calls: int) -> AttackCounts:
        async with Connection(address) as connection:
            for _ in range(calls):
                stream = connection.begin(PREDICTOR + rng.choice(("Predict", "PredictStream")))
                part = message(b"\x0a" * 100)[: rng.choice((0, 1, 5, 50))]
                await connection.send(
                    stream, rng.choice((part, b"\x00\xff\xff\xff\xff", b"\x01" + part)), ends=False
                )
            await asyncio.sleep(HELD_S)
            return AttackCounts(sent=calls, answered=connection.answered, cut_off=connection.closed)

    return await _together(hold, count, 50, HALF_OPEN_AT_A_TIME)


async def _together(
    hold: Callable[[int], Awaitable[AttackCounts]], count: int, of_one: int, at_a_time: int
) -> AttackCounts:
    counts = AttackCounts()
    while counts.sent < count:
        left = count - counts.sent
        sizes = [min(of_one, left - i) for i in range(0, min(left, of_one * at_a_time), of_one)]
        for one in await asyncio.gather(*(hold(size) for size in sizes)):
            counts.add(one)
    return counts


RANDOM = "random bytes as messages"
FUZZED = "found by fuzzing"
ATTACKS: dict[str, Attack] = {
    RANDOM: random_bodies,
    "extreme values": extreme_values,
    "random bytes on the wire": wire_bytes,
    "floods beyond the queue": flood,
    "slow readers": slow_readers,
    "half-open calls": half_open,
}
SHARES = {
    RANDOM: 0.31,
    FUZZED: 0.05,
    "extreme values": 0.25,
    "random bytes on the wire": 0.25,
    "floods beyond the queue": 0.06,
    "slow readers": 0.04,
    "half-open calls": 0.04,
}
"""Of all messages."""
