"""Another index takes over while calls are in flight."""

import asyncio
from dataclasses import replace

import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.errors import StartUpError, SwapRefusedError
from tests.predictor_service.fakes import FakeIndex
from tests.predictor_service.waiting import entered, until


async def test_twenty_swaps_under_load_lose_no_call(serve):
    running = await serve(cache_capacity=0)
    done = asyncio.Event()
    versions: list[str] = []

    async def caller(name: int) -> None:
        i = 0
        while not done.is_set():
            i += 1
            answer = await running.stub.Predict(pb.PredictRequest(prompt=f"{name}-{i}"))
            assert answer.distribution.expected_tokens == 10 * len(f"{name}-{i}")
            versions.append(answer.index_version)

    callers = [asyncio.create_task(caller(name)) for name in range(8)]
    for number in range(2, 22):
        enough = len(versions) + 20
        await until(lambda enough=enough: len(versions) >= enough)
        await running.service.holder.swap(FakeIndex(f"v{number}"))
    await until(lambda: versions[-1] == "v21")
    done.set()
    await asyncio.gather(*callers)
    assert set(versions) == {f"v{number}" for number in range(1, 22)}


async def test_a_micro_batch_under_way_is_answered_by_the_version_that_began_it(serve):
    running = await serve()
    running.index.gate.clear()
    begun = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="begun")))
    await entered(running.index)
    await running.service.holder.swap(FakeIndex("v2"))
    running.index.gate.set()
    assert (await begun).index_version == "v1"
    after = await running.stub.Predict(pb.PredictRequest(prompt="after"))
    assert after.index_version == "v2"


async def test_cached_answers_of_the_old_version_are_not_given_after_a_swap(serve):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    await running.service.holder.swap(FakeIndex("v2"))
    again = await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    assert (again.index_version, again.timing.batch_size) == ("v2", 1)


class Unordered(FakeIndex):
    def _estimate(self, chars, query):
        good = super()._estimate(chars, query)
        return replace(good, quantile_tokens=good.quantile_tokens[::-1])


class NotANumber(FakeIndex):
    def _estimate(self, chars, query):
        return replace(super()._estimate(chars, query), expected_tokens=float("nan"))


class TooFew(FakeIndex):
    def estimate(self, hits, queries):
        return super().estimate(hits, queries)[1:]


def raising() -> FakeIndex:
    index = FakeIndex("broken")
    index.error = OSError("vectors cannot be read")
    return index


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Unordered("broken"), "do not ascend"),
        (NotANumber("broken"), "not a finite number"),
        (TooFew("broken"), "0 estimates for 1 queries"),
        (raising(), "vectors cannot be read"),
    ],
)
async def test_a_broken_version_is_refused_and_the_old_one_serves_on(serve, broken, reason):
    running = await serve()
    with pytest.raises(SwapRefusedError, match=reason):
        await running.service.holder.swap(broken)
    assert (await running.stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v1"


async def test_a_reload_serves_the_newest_version_and_warms_it_up_first(serve):
    newer = FakeIndex("v2")
    running = await serve(FakeIndex("v1"), newer)
    await running.service.reload()
    assert {len(batch) for batch in newer.encoded} == {1, 2}
    assert (await running.stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v2"


async def test_a_reload_that_cannot_be_read_is_logged_and_the_old_one_serves_on(serve, capsys):
    running = await serve(FakeIndex("v1"), OSError("half an artifact"), FakeIndex("v3"))
    await running.service.reload()
    assert "half an artifact" in capsys.readouterr().out
    assert (await running.stub.Predict(pb.PredictRequest(prompt="a"))).index_version == "v1"
    await running.service.reload()
    assert (await running.stub.Predict(pb.PredictRequest(prompt="a"))).index_version == "v3"


async def test_a_reload_of_the_version_already_served_keeps_it(serve):
    running = await serve(FakeIndex("v1"), FakeIndex("v1"))
    before = running.service.holder.current
    await running.service.reload()
    assert running.service.holder.current is before


async def test_a_first_index_that_is_broken_stops_start_up_with_its_reason(serve):
    running = await serve(Unordered("broken"), load=False)
    with pytest.raises(StartUpError, match=r"--index .* cannot be served: .*do not ascend"):
        await running.service.load()
    assert not running.service.health.serving
