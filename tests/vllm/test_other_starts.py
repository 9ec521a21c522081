"""Engines that are started otherwise; one start each."""

import asyncio

from testbed.engine import running_engine
from testbed.engine_options import EngineOptions
from tests.vllm.engines import SETTINGS, STEP_S, Caller, counted, in_turn, wait_until

LONG = "tell me a long story about the sea " * 10
SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"
MIDDLEWARE = "scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware"


def options(predictor, **more):
    environment = {"LENGTHWISE_TARGET": predictor.target, **SETTINGS, **more.pop("environment", {})}
    return EngineOptions(slots=1, step_s=STEP_S, environment=environment, **more)


async def queue_behind_a_long_one(engine) -> list[str]:
    """The order in which a long and then a short request end that wait for the slot."""
    async with Caller(engine) as caller:
        await in_turn(
            caller.complete(LONG, 600, "block"),
            caller.complete(LONG, 10, "long"),
            caller.complete("hi", 10, "short"),
        )
        return caller.ended


async def test_under_fcfs_it_says_that_it_has_no_effect_and_asks_nothing(model, predictor, folder):
    with running_engine(model, folder, options(predictor, policy="fcfs")) as engine:
        log = engine.log_file.read_text()
        assert log.count("Lengthwise has no effect") == 1
        assert "Lengthwise is on" not in log
        assert await queue_behind_a_long_one(engine) == ["block", "long", "short"]
        assert counted(engine, "lengthwise_predictions_total") == 0
        assert counted(engine, "lengthwise_fallbacks_total") == 0
        # History is collected all the same.
        wait_until(lambda: counted(engine, "lengthwise_reports_total", outcome="sent") == 3, "it")


async def test_the_middleware_alone_orders_requests(model, predictor, folder):
    started = options(
        predictor,
        environment={"VLLM_PLUGINS": "none of them"},
        arguments=("--middleware", MIDDLEWARE),
    )
    with running_engine(model, folder, started) as engine:
        assert await queue_behind_a_long_one(engine) == ["block", "short", "long"]
        assert "Lengthwise is on" not in engine.log_file.read_text()
        async with Caller(engine) as caller:
            answer = await caller.chat("hello", 5)
            assert answer["usage"]["completion_tokens"] == 5
            predictor.kill()
            try:
                answers = await asyncio.gather(*(caller.complete("hi", 3) for _ in range(20)))
            finally:
                predictor.start()
        assert len(answers) == 20
        assert counted(engine, "lengthwise_predictions_total") == 4
        assert counted(engine, "lengthwise_fallbacks_total") == 20


async def test_several_api_servers_count_together_and_the_scheduler_class_hears_of_all(
    model, predictor, folder
):
    started = options(predictor, scheduler_class=SCHEDULER, arguments=("--api-server-count", "2"))
    with running_engine(model, folder, started) as engine:
        log = engine.log_file.read_text()
        assert log.count("Lengthwise is on") == 2
        assert log.count("Lengthwise's scheduler is on") == 1
        for _ in range(10):  # a new connection each, so that both servers get some
            async with Caller(engine) as caller:
                await asyncio.gather(*(caller.complete("hi", 3) for _ in range(4)))
        assert counted(engine, "lengthwise_fallbacks_total") == 0
        async with Caller(engine) as caller:
            answers = await in_turn(
                caller.complete(LONG, 300, "long"), caller.complete("hi", 10, "short")
            )
            alone = await caller.complete("hi", 10)
        assert caller.ended[:2] == ["short", "long"]
        assert counted(engine, "vllm:num_preemptions_total") == 1
        assert answers[0]["usage"]["completion_tokens"] == 300
        assert answers[1]["choices"][0]["text"] == alone["choices"][0]["text"]
        wait_until(lambda: counted(engine, "lengthwise_predictions_total") == 43, "every count")
        wait_until(lambda: counted(engine, "lengthwise_reports_total", outcome="sent") == 43, "it")
