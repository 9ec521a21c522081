"""The plugin inside a real `vllm serve` with one slot."""

import asyncio
import re
from dataclasses import fields

from lengthwise.scheduling import RULE_NAMES, PreemptionRule
from testbed.engine import ROOT
from tests.vllm.engines import LONG, Caller, counted, queue_up, until
from tests.wait_until import wait_until


async def order(caller, predictor, **queued):
    """The order in which requests end that wait for the slot, by the reports' order.

    Args:
        caller: Asks.
        predictor: Hears of every end.
        queued: Requests, by a word that no other prompt of these tests holds.
    """
    await queue_up(caller, *queued.values())

    def ended():
        prompts = [report["prompt"] for report in predictor.reported()]
        return [word for prompt in prompts for word in queued if word in prompt]

    await until(lambda: len(ended()) == len(queued), "the reports")
    return ended()


async def test_a_short_request_ends_before_long_ones_that_came_before_it(engine, predictor):
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            predictor,
            oak=caller.complete("oak " + LONG, 10),
            elm=caller.complete("elm " + LONG, 10),
            fir=caller.complete("fir", 10),
        )
    assert ended == ["fir", "oak", "elm"]


async def test_chat_streams_and_token_ids_are_predicted_like_text(engine, predictor):
    before = counted(engine, "lengthwise_predictions_total")
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            predictor,
            ash=caller.complete("ash " + LONG, 10),
            yew=caller.chat("yew", 10),
            fig=caller.stream("fig", 10),
            hello=caller.complete([7592], 10),
        )
    assert ended[-1] == "ash"
    assert counted(engine, "lengthwise_predictions_total") == before + 5


async def test_a_priority_that_the_caller_set_wins(engine, predictor):
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            predictor,
            plum=caller.complete("plum", 10),
            pear=caller.complete("pear " + LONG, 10, headers={"X-Vllm-Priority": "-1"}),
            lime=caller.complete("lime " + LONG, 10, priority=-2),
        )
    assert ended == ["lime", "pear", "plum"]


async def test_several_answers_to_a_prompt_are_one_prediction_and_one_report(engine, predictor):
    before = counted(engine, "lengthwise_predictions_total")
    prompt = "two answers please"
    async with Caller(engine) as caller:
        answer = await caller.complete(prompt, 12, n=2, temperature=1)
    assert len(answer["choices"]) == 2
    assert counted(engine, "lengthwise_predictions_total") == before + 1
    wait_until(lambda: any(r["prompt"] == prompt for r in predictor.reported()), "the report")
    (report,) = [r for r in predictor.reported() if r["prompt"] == prompt]
    assert report["output_tokens"] == 12


async def test_true_lengths_reach_the_predictor(engine, predictor):
    async with Caller(engine) as caller:
        await caller.complete("count to seven", 7)
    wait_until(
        lambda: any(r["prompt"] == "count to seven" for r in predictor.reported()), "the report"
    )
    (report,) = [r for r in predictor.reported() if r["prompt"] == "count to seven"]
    assert report["output_tokens"] == 7
    assert report["model"] == engine.model
    assert report["finish_reason"] == 2  # FINISH_REASON_LENGTH: max_tokens cut it off
    assert report["temperature"] == 0
    wait_until(lambda: counted(engine, "lengthwise_reports_total", outcome="sent") > 0, "a count")


async def test_a_caller_that_hangs_up_is_not_reported(engine, predictor):
    async with Caller(engine) as caller:
        with_patience = asyncio.create_task(caller.complete(LONG, 100))
        await asyncio.sleep(0.1)
        impatient = asyncio.create_task(caller.complete("never mind", 4_000))
        await asyncio.sleep(0.3)
        impatient.cancel()
        await with_patience
        await caller.complete("after that", 5)
    wait_until(lambda: any(r["prompt"] == "after that" for r in predictor.reported()), "the report")
    assert all(r["prompt"] != "never mind" for r in predictor.reported())


def test_the_start_is_told_in_one_line(engine, predictor):
    lines = [line for line in engine.log_file.read_text().splitlines() if "Lengthwise is" in line]
    assert len(lines) == 1
    assert f"Lengthwise is on: {predictor.target}" in lines[0]


def test_the_document_names_metrics_rules_and_options_as_they_are(engine):
    document = (ROOT / "docs" / "vllm.md").read_text("utf-8")
    metrics = engine.get("/metrics")
    named = set(re.findall(r"`(lengthwise_\w+)", document))
    assert len(named) >= 10
    assert [name for name in named if name not in metrics] == []
    assert [name for name in RULE_NAMES if f"| `{name}` |" not in document] == []
    options = {field.name for field in fields(PreemptionRule)} - {"service_time"}
    assert [name for name in options if f"`{name}`" not in document] == []
