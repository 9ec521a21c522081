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
        predictor: Hears of every end, and may have heard of others before.
        queued: Requests, by a word that none of the others' prompts holds.
    """
    before = len(predictor.reported())
    await queue_up(caller, *queued.values())

    def ended():
        prompts = [report["prompt"] for report in predictor.reported()[before:]]
        return [word for prompt in prompts for word in queued if word in prompt]

    await until(lambda: len(ended()) == len(queued), "the reports")
    return ended()


def reports(predictor, prompt):
    return [report for report in predictor.reported() if report["prompt"] == prompt]


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
    wait_until(lambda: counted(engine, "lengthwise_predictions_total") >= before + 5, "the count")


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


async def test_each_of_several_answers_to_a_prompt_is_reported_by_its_own_length(engine, predictor):
    prompt = "three answers please"
    async with Caller(engine) as caller:
        answer = await caller.complete(prompt, 12, n=3, temperature=1)
    assert len(answer["choices"]) == 3
    wait_until(lambda: len(reports(predictor, prompt)) == 3, "the reports")
    assert [report["output_tokens"] for report in reports(predictor, prompt)] == [12] * 3


async def test_an_answer_that_a_stop_string_ended_is_as_long_as_it_was_then(engine, predictor):
    async with Caller(engine) as caller:
        whole = await caller.complete("until a word comes", 30)
        words = whole["choices"][0]["text"].split()
        stop = next(word for word in words[5:] if len(word) > 3)
        stopped = await caller.complete("until a word comes", 30, stop=[stop])
    assert stopped["choices"][0]["finish_reason"] == "stop"
    tokens = stopped["usage"]["completion_tokens"]
    assert tokens < 30
    wait_until(lambda: len(reports(predictor, "until a word comes")) == 2, "the reports")
    report = reports(predictor, "until a word comes")[-1]
    assert (report["output_tokens"], report["finish_reason"]) == (tokens, 1)


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


async def test_a_burst_is_ordered_by_predictions_with_default_settings(engine):
    async with Caller(engine) as caller:
        before = counted(engine, "lengthwise_waited_total", ordered_by="prediction")
        await asyncio.gather(*(caller.complete(f"number {n} of many", 5) for n in range(60)))
    # The first few may start before the predictor has answered.
    wait_until(
        lambda: counted(engine, "lengthwise_waited_total", ordered_by="prediction") >= before + 50,
        "the count",
    )


async def test_the_time_that_the_plugin_takes_of_the_engine_is_measured_and_small(engine):
    wait_until(lambda: counted(engine, "lengthwise_steps_total") > 100, "some steps")
    steps = counted(engine, "lengthwise_steps_total")
    assert counted(engine, "lengthwise_step_seconds_total") / steps < 0.001


def test_the_document_names_metrics_rules_and_options_as_they_are(engine):
    document = (ROOT / "docs" / "vllm_reference.md").read_text("utf-8")
    metrics = engine.get("/metrics")
    named = set(re.findall(r"`(lengthwise_\w+)", document))
    assert len(named) >= 10
    assert [name for name in named if name not in metrics] == []
    assert [name for name in RULE_NAMES if f"| `{name}` |" not in document] == []
    options = {field.name for field in fields(PreemptionRule)} - {"service_time"}
    assert [name for name in options if f"`{name}`" not in document] == []
