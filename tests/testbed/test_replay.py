import asyncio
import json

import pytest

from testbed.engine import Engine
from testbed.replay import Outcome, replay_async, tokens_per_s_when_full
from testbed.workload import TRUE_TOKENS, Request


class FakeEngine:
    """Speaks vLLM's HTTP and streams as many tokens as is asked for, unless told to misbehave."""

    def __init__(self) -> None:
        self.bodies = []
        self.trouble = ""

    async def __aenter__(self) -> Engine:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Engine(self._server.sockets[0].getsockname()[1], "tiny", 0, None)

    async def __aexit__(self, *_) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = json.loads(await reader.readexactly(size))
        self.bodies.append(body)
        tokens = body.get("vllm_xargs", {}).get(TRUE_TOKENS, body["max_tokens"])
        if self.trouble == "refuse":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\nno such model")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b'c\r\ndata: {"a":1}\n\n\r\n')
            await asyncio.sleep(0.05)
            usage = {"usage": {"completion_tokens": tokens - (self.trouble == "short")}}
            writer.write(b"10\r\ndata: " + json.dumps(usage).encode() + b"\n\n\r\n")
            if self.trouble != "hang up":
                writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            if self.trouble == "hang":
                await asyncio.sleep(5)
        await writer.drain()
        writer.close()


async def replayed(requests, trouble="", **options):
    fake = FakeEngine()
    fake.trouble = trouble
    async with fake as engine:
        return await replay_async(engine, requests, **options), fake.bodies


async def test_requests_are_sent_at_their_times_whatever_becomes_of_earlier_ones():
    requests = [Request("a", 5, 0.0), Request("b", 7, 0.02), Request("c", 3, 0.1)]
    outcomes, _ = await replayed(requests)
    assert [o.request for o in outcomes] == requests
    assert not any(o.failed for o in outcomes)
    assert all(o.lag_s >= -0.001 for o in outcomes)
    # The second is sent while the first is still answered.
    assert outcomes[1].sent_s < outcomes[0].finished_s


async def test_times_are_taken_at_the_first_event_and_at_the_end():
    (outcome,), _ = await replayed([Request("a", 5, 0.0)])
    assert outcome.completion_s - outcome.first_token_after_s >= 0.04


async def test_a_request_without_a_limit_of_its_own_is_cut_off_at_its_true_length():
    _, (body,) = await replayed([Request("a", 5, 0.0)])
    assert (body["max_tokens"], body["ignore_eos"]) == (5, True)
    assert "vllm_xargs" not in body
    assert "priority" not in body


async def test_a_request_with_a_limit_tells_its_length_to_the_testbed_alone():
    _, (body,) = await replayed([Request("a", 5, 0.0, limit_tokens=512, priority=-3)])
    assert (body["max_tokens"], body["ignore_eos"]) == (512, False)
    assert body["vllm_xargs"] == {TRUE_TOKENS: 5}
    assert body["priority"] == -3


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("refuse", "400 Bad Request.*no such model"),
        ("hang up", "before the end"),
        ("short", None),
    ],
)
async def test_an_answer_that_is_not_complete_counts_as_failed(trouble, said):
    import re

    (outcome,), _ = await replayed([Request("a", 5, 0.0)], trouble)
    assert outcome.failed
    assert (outcome.error is None) == (said is None)
    assert said is None or re.search(said, outcome.error)


async def test_a_request_that_takes_too_long_counts_as_failed():
    (outcome,), _ = await replayed([Request("a", 5, 0.0)], timeout_s=0.02)
    assert outcome.failed
    assert "0.02 s" in outcome.error


async def test_an_engine_that_is_not_there_fails_requests_and_raises_nothing():
    async with FakeEngine() as engine:
        pass
    (outcome,) = await replay_async(engine, [Request("a", 5, 0.0)])
    assert "no connection" in outcome.error


async def test_each_finished_request_is_told():
    told = []
    await replayed([Request("a", 1, 0.0)] * 3, on_finished=lambda: told.append(1))
    assert len(told) == 3


def outcome(tokens, first_s, finished_s):
    return Outcome(Request("", tokens, 0.0), 0.0, first_s, finished_s, tokens)


def test_capacity_counts_tokens_until_the_last_request_got_its_first():
    # Two slots at 10 tokens/s each; the third request waits for one, then runs alone.
    outcomes = [outcome(20, 0.0, 2.0), outcome(40, 0.0, 4.0), outcome(50, 2.0, 7.0)]
    assert tokens_per_s_when_full(outcomes) == pytest.approx(20)


def test_capacity_needs_requests_that_wait():
    with pytest.raises(ValueError, match="more requests than slots"):
        tokens_per_s_when_full([outcome(20, 0.0, 2.0), outcome(40, 0.0, 4.0)])


def test_capacity_is_not_taken_from_failed_requests():
    with pytest.raises(ValueError, match="failed"):
        tokens_per_s_when_full([Outcome(Request("", 5, 0.0), 0.0, 0.0, 1.0, 4)])
