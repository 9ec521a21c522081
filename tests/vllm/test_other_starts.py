"""Engines that are started otherwise; one start each."""

import asyncio
import os
import signal

from testbed.engine import running_engine
from testbed.engine_options import EngineOptions
from tests.vllm.engines import (
    LONG,
    PREFILLED,
    SETTINGS,
    STEP_S,
    Caller,
    asked_again,
    counted,
    queue_up,
    sidecars_of,
    until,
)
from tests.wait_until import wait_until

SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"
MIDDLEWARE = "scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware"

STEPS = "lengthwise_steps_total"


def options(predictor, **more):
    environment = {"LENGTHWISE_TARGET": predictor.target, **SETTINGS}
    environment |= more.pop("environment", {})
    return EngineOptions(slots=1, step_s=STEP_S, environment=environment, **more)


async def order_of_a_long_and_a_short_one(engine) -> list[str]:
    """The order in which they end; what runs second runs long enough for the client to see it."""
    async with Caller(engine) as caller:
        await queue_up(
            caller, caller.complete(LONG, 50, "long"), caller.complete("hi", 50, "short")
        )
        return caller.ended


async def test_in_shadow_under_fcfs_all_is_done_but_what_would_change_the_order(
    model, predictor, folder
):
    shadow = {"LENGTHWISE_SHADOW": "true"}
    with running_engine(
        model, folder, options(predictor, policy="fcfs", environment=shadow)
    ) as engine:
        assert "Lengthwise is in shadow" in engine.log_file.read_text()
        assert await order_of_a_long_and_a_short_one(engine) == ["long", "short"]
        wait_until(lambda: counted(engine, "lengthwise_predictions_total") == 3, "predictions")
        wait_until(lambda: counted(engine, "lengthwise_reports_total", outcome="sent") == 2, "it")
    assert sidecars_of(engine) == []


async def test_the_middleware_alone_orders_requests_and_reports_their_lengths(
    model, predictor, folder
):
    before = len(predictor.reported())
    started = options(
        predictor,
        # Nothing hangs here, and a busy machine may take its time.
        environment={"VLLM_PLUGINS": "none of them", "LENGTHWISE_DEADLINE_S": "5"},
        arguments=("--middleware", MIDDLEWARE),
    )
    with running_engine(model, folder, started) as engine:
        assert await order_of_a_long_and_a_short_one(engine) == ["short", "long"]
        assert "Lengthwise is on" not in engine.log_file.read_text()
        async with Caller(engine) as caller:
            answer = await caller.chat("hello", 5)
            assert answer["usage"]["completion_tokens"] == 5
            wait_until(lambda: len(predictor.reported()) == before + 3, "the lengths so far")
            predictor.kill()
            try:
                answers = await asyncio.gather(*(caller.complete("hi", 3) for _ in range(20)))
            finally:
                predictor.start()
        assert len(answers) == 20
        assert counted(engine, "lengthwise_predictions_total") == 4
        assert counted(engine, "lengthwise_fallbacks_total") == 20
        # What it had stored and not acknowledged as it was killed comes again.
        wait_until(lambda: len(predictor.reported()) >= before + 23, "every length")
        sent = "lengthwise_reports_total"
        wait_until(lambda: counted(engine, sent, outcome="sent") == 23, "the count of them")
        assert predictor.reported()[-1]["output_tokens"] == 3


async def test_several_api_servers_count_together_and_the_scheduler_class_hears_of_all(
    model, predictor, folder
):
    started = options(predictor, scheduler_class=SCHEDULER, arguments=("--api-server-count", "2"))
    with running_engine(model, folder, started) as engine:
        log = engine.log_file.read_text()
        assert log.count("Lengthwise is on") == 1
        assert "preemption on" in log
        for _ in range(10):  # a new connection each, so that both servers get some
            async with Caller(engine) as caller:
                await asyncio.gather(*(caller.complete("hi", 3) for _ in range(4)))
        async with Caller(engine) as caller:
            started = counted(engine, PREFILLED)
            # Predicted to be longer than it is, however late the short one comes.
            long = asyncio.create_task(caller.complete(4 * LONG, 1_000, "long"))
            await until(lambda: counted(engine, PREFILLED) > started, "the long one's start")
            short = await caller.complete("hi", 10, "short")
            answer = await long
            alone = await caller.complete("hi", 10)
        assert caller.ended[:2] == ["short", "long"]
        assert counted(engine, "vllm:num_preemptions_total") == 1
        assert answer["usage"]["completion_tokens"] == 1_000
        assert short["choices"][0]["text"] == alone["choices"][0]["text"]
        # Of three tokens some ended before the predictor had answered.
        counts = ("lengthwise_predictions_total", "lengthwise_fallbacks_total")
        wait_until(lambda: sum(counted(engine, name) for name in counts) == 43, "every count")
        assert counted(engine, "lengthwise_preemptions_total") == 1
        wait_until(lambda: counted(engine, "lengthwise_reports_total", outcome="sent") == 43, "it")
        (pid,) = sidecars_of(engine)
        steps = counted(engine, STEPS)
        os.kill(pid, signal.SIGKILL)
        await until(asked_again(engine), "predictions through another sidecar")
        wait_until(lambda: counted(engine, STEPS) > steps, "what another sidecar counts")
        assert counted(engine, "lengthwise_preemptions_total") == 1
    assert sidecars_of(engine) == []
