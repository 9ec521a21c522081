"""The plugin inside a real `vllm serve` with one slot."""

import asyncio
import re
from dataclasses import fields

from scheduler_client.rules import RULE_NAMES, PreemptionRule
from testbed.engine import ROOT
from tests.vllm.engines import Caller, counted, in_turn, wait_until

LONG = "tell me a long story about the sea " * 10
"""Predicted to run for as many tokens as it has characters, whatever it does run for."""

SHORT = "hi"
BLOCK_TOKENS = 600
"""Seconds: an API server that is held up for one must not miss the queue that forms behind it."""


async def order(caller, *queued):
    """The order in which requests end that wait behind one that occupies the slot."""
    await in_turn(caller.complete(LONG, BLOCK_TOKENS, "block"), *queued)
    assert caller.ended[0] == "block"
    return caller.ended[1:]


async def test_a_short_request_ends_before_long_ones_that_came_before_it(engine):
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            caller.complete(LONG, 10, "long 1"),
            caller.complete(LONG, 10, "long 2"),
            caller.complete(SHORT, 10, "short"),
        )
    assert ended == ["short", "long 1", "long 2"]


async def test_chat_streams_and_token_ids_are_predicted_like_text(engine):
    before = counted(engine, "lengthwise_predictions_total")
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            caller.complete(LONG, 10, "long"),
            caller.chat(SHORT, 10, "chat"),
            caller.stream(SHORT, 10, "stream"),
            caller.complete([7592], 10, "token ids"),
        )
    assert ended[-1] == "long"
    assert set(ended) == {"long", "chat", "stream", "token ids"}
    assert counted(engine, "lengthwise_predictions_total") == before + 5


async def test_a_priority_that_the_caller_set_wins(engine):
    async with Caller(engine) as caller:
        ended = await order(
            caller,
            caller.complete(SHORT, 10, "short"),
            caller.complete(LONG, 10, "by header", headers={"X-Vllm-Priority": "-1"}),
            caller.complete(LONG, 10, "by body", priority=-2),
        )
    assert ended == ["by body", "by header", "short"]


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
