"""Memory is given back now and then, whatever happens meanwhile."""

import asyncio
import threading

import pytest

from predictor_service.system.heap import HeapKeeper, give_back


def test_giving_back_does_no_harm():
    kept = [bytes(1_000) for _ in range(1_000)]
    give_back()
    assert all(one == bytes(1_000) for one in kept)


async def test_it_is_given_back_again_and_again_beside_the_event_loop():
    done = asyncio.Event()
    threads: list[str] = []

    def work() -> None:
        threads.append(threading.current_thread().name)
        if len(threads) == 3:
            loop.call_soon_threadsafe(done.set)

    loop = asyncio.get_running_loop()
    keeper = HeapKeeper(period_s=0.001, work=work)
    keeper.start()
    async with asyncio.timeout(10):
        await done.wait()
    await keeper.stop()
    assert threading.current_thread().name not in threads


async def test_a_failure_is_logged_and_it_goes_on():
    done = asyncio.Event()
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        if len(tried) == 3:
            loop.call_soon_threadsafe(done.set)
        raise RuntimeError("can't start new thread")

    loop = asyncio.get_running_loop()
    keeper = HeapKeeper(period_s=0.001, work=work)
    keeper.start()
    async with asyncio.timeout(10):
        await done.wait()
    await keeper.stop()


async def test_one_that_was_not_started_stops():
    await HeapKeeper().stop()


@pytest.mark.parametrize("running", [True, False])
async def test_a_stop_does_not_wait_for_what_is_given_back(running):
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(10)

    keeper = HeapKeeper(period_s=0.001 if running else 60, work=work)
    keeper.start()
    if running:
        await asyncio.to_thread(begun.wait, 10)
    async with asyncio.timeout(5):
        await keeper.stop()
    may_end.set()
