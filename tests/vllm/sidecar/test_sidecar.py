"""The sidecar, spoken to as the engine core does: what it asks, reports and counts."""

import asyncio
import dataclasses
import itertools
import math

import pytest

from scheduler_client.advisor.known_requests import REQUEST_CHARS, KnownRequests
from scheduler_client.vllm_plugin.messages import (
    decode_points,
)
from scheduler_client.vllm_plugin.sidecar import sidecar as sidecar_module
from tests.scheduler_client.advisor.helpers import ScriptedClient, prediction
from tests.vllm.sidecar.core import HELLO, LENGTH, POINT, STOP, WORLD, Core, ended, until


async def test_token_ids_are_predicted_by_their_text_without_special_tokens(start, arrived):
    core = start()
    core.tell(arrived(3, [101, *HELLO, 102]))
    heard = await core.hear()
    ((number, tokens, points),) = heard.lengths
    levels, lengths = decode_points(points)
    assert (number, tokens) == (3, len("hello"))
    assert levels[0] == 0
    assert levels[-1] == 1
    assert len(lengths) == len(levels)


async def test_many_that_come_together_are_answered_together(start, arrived):
    core = start()
    core.tell(*(arrived(n) for n in range(100)))
    numbers = []
    while len(numbers) < 100:
        numbers += [number for number, *_ in (await core.hear()).lengths]
    assert sorted(numbers) == list(range(100))


async def test_what_ended_is_reported_once_with_its_text_and_how_it_ended(start, arrived, stored):
    core = start()
    core.tell(arrived(1), ended(1, 7), ended(1, 7), arrived(2), ended(2, 9, "length"))
    await until(lambda: len(stored()) == 2)
    first, second = stored()
    assert (first["prompt"], first["output_tokens"], first["temperature"]) == ("hello", 7, 0.5)
    assert (first["finish_reason"], second["finish_reason"]) == (STOP, LENGTH)


async def test_requests_that_were_aborted_or_failed_or_had_one_token_are_not_reported(
    start, arrived, stored
):
    core = start()
    core.tell(arrived(1), ended(1, 3, "abort"), arrived(2), ended(2, 3, "error"))
    core.tell(arrived(3, max_tokens=1, asking="not_asked"), ended(3, 1, "length"))
    core.tell(arrived(4, [], asking="no_text"), ended(4, 5))
    core.tell(arrived(5), ended(5, 8))
    await until(stored)
    await core.end()
    assert [one["output_tokens"] for one in stored()] == [8]


async def test_an_abort_by_a_stop_string_is_an_end_at_the_token_that_completed_it(
    start, arrived, stored
):
    core = start()
    tail = [*HELLO * 10, WORLD, POINT, POINT]
    core.tell(arrived(1), ended(1, 90 + len(tail), "abort", stop=["world"], output_ids=tail))
    core.tell(arrived(2), ended(2, 4, "abort", stop=["never"], output_ids=HELLO * 4))
    await until(stored)
    await core.end()
    (report,) = stored()
    assert (report["output_tokens"], report["finish_reason"]) == (101, STOP)


async def test_a_stop_string_may_be_a_special_token(start, arrived, stored):
    """Where a request keeps special tokens in its text, as the parsers of tool calls have it."""
    core = start()
    separator = 102  # MiniLM's "[SEP]"
    tail = [*HELLO * 3, separator, POINT]
    options = {"stop": ["[SEP]"], "output_ids": tail}
    core.tell(arrived(1), ended(1, 5, "abort", skip_special_tokens=False, **options))
    core.tell(arrived(2), ended(2, 5, "abort", **options))
    await until(stored)
    await core.end()
    assert [one["output_tokens"] for one in stored()] == [4]


async def test_a_prompt_that_cannot_be_read_is_said_to_be_unknown(start, arrived, monkeypatch):
    def fails(*_):
        raise KeyError("on purpose")

    monkeypatch.setattr(sidecar_module, "prompt_text", fails)
    core = start()
    core.tell(arrived(3), ended(3))
    assert await core.hear_of_unknown() == [3]
    await core.end()
    assert core.counted("lengthwise_fallbacks_total", cause="no_text") == 1
    assert core.counted("lengthwise_reports_total", outcome="unknown") == 0


async def test_what_a_core_said_before_it_was_killed_is_taken_in(start, arrived, stored):
    """One that is killed with an answer unread resets the connection, once."""
    core = start()
    core.tell(arrived(1))
    await until(lambda: core.counted("lengthwise_predictions_total") == 1)
    core.tell(ended(1), arrived(2), ended(2, 9))  # and the answer about 1 is never read
    await core.end()
    assert [one["output_tokens"] for one in stored()] == [7, 9]


async def test_what_ended_teaches_the_typical_length_and_the_speed(start, arrived):
    core = start()
    model = arrived(0).model
    for number in range(200):
        one = arrived(number, asking="policy"), ended(number, 40, decode_s=40 * 0.005)
        await core.tell_as_it_reads(*one)
    numbers = itertools.count(1_000)
    async with asyncio.timeout(20):
        while core.learnt is None or core.learnt.typical_tokens.get(model, 0) != 40:
            core.tell(arrived(next(numbers)))
            await core.hear()
            await asyncio.sleep(0.1)
    _, token_s, _ = core.learnt.rates
    assert token_s == pytest.approx(0.005, rel=0.3)


async def test_the_predictors_history_is_the_start_of_the_typical_length(start, arrived):
    core = start()
    numbers = itertools.count()
    async with asyncio.timeout(20):
        while core.learnt is None or "llm" not in core.learnt.typical_tokens:
            core.tell(arrived(next(numbers)))
            await core.hear()
            await asyncio.sleep(0.1)
    assert 105 < core.learnt.typical_tokens["llm"] < 277  # the served median and 90 % quantile


async def test_without_a_predictor_every_request_is_said_to_be_unknown(start, arrived):
    core = start(target="127.0.0.1:1")
    core.tell(*(arrived(n) for n in range(20)))
    unknown = []
    while len(unknown) < 20:
        unknown += await core.hear_of_unknown()
    assert sorted(unknown) == list(range(20))
    causes = ("predictor_error", "breaker_open")
    assert sum(core.counted("lengthwise_fallbacks_total", cause=cause) for cause in causes) == 20


async def test_errors_of_predictions_are_counted_where_the_length_is_known(start, arrived):
    core = start()
    core.tell(arrived(1), arrived(2))
    heard = 0
    while heard < 2:
        heard += len((await core.hear()).lengths)
    core.tell(ended(1, 8), ended(2, 50, "length"))
    await until(lambda: core.counted("lengthwise_judged_predictions_total") == 1)
    assert core.counted("lengthwise_absolute_error_tokens_total") == 3


async def test_requests_that_never_end_are_forgotten_beyond_a_bound(start, arrived):
    core = start(target="127.0.0.1:1")
    core.sidecar._known = KnownRequests(10 * (REQUEST_CHARS + len("hello")))
    core.tell(*(arrived(n) for n in range(50)))
    await until(lambda: max(core.sidecar._known._known, default=0) == 49)
    assert list(core.sidecar._known._known) == list(range(40, 50))


async def test_the_last_reports_are_sent_when_the_core_ends(start, arrived, stored):
    core = start(report_interval_s=3_600.0)
    core.tell(arrived(1), ended(1, 7))
    await until(lambda: core.sidecar._reporter.waiting == 1)
    await core.end()
    assert len(stored()) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"expected_tokens": math.nan},
        {"expected_tokens": -1.0},
        {"expected_tokens": 1e300},
        {"quantile_levels": (0.5, 0.5, 0.75)},
        {"quantile_tokens": (math.nan, math.nan, math.nan)},
        {"quantile_levels": (), "quantile_tokens": ()},
    ],
    ids=str,
)
async def test_a_prediction_that_cannot_be_one_is_none(start, arrived, nonsense):
    core, client = start(), ScriptedClient()
    client.outcome = lambda _: dataclasses.replace(prediction(), **nonsense)
    core.asks(client)
    core.tell(arrived(1))
    assert await core.hear_of_unknown() == [1]
    assert core.counted("lengthwise_fallbacks_total", cause="predictor_error") == 1


async def test_a_request_that_is_told_of_twice_is_one(start, arrived):
    core = start()
    core.tell(arrived(1), arrived(1), arrived(2))
    numbers = []
    while 2 not in numbers:
        numbers += [number for number, *_ in (await core.hear()).lengths]
    assert numbers == [1, 2]
    assert list(core.sidecar._known._known) == [1, 2]


async def test_an_end_of_what_never_came_is_counted(start, arrived):
    core = start()
    core.tell(ended(7), arrived(1))
    await core.hear()
    await until(lambda: core.counted("lengthwise_reports_total", outcome="unknown") == 1)


async def test_what_an_earlier_sidecar_settled_is_neither_asked_again_nor_counted(
    start, arrived, stored
):
    core = start()
    core.tell(arrived(1, asking="again"), ended(1, 7), arrived(2))
    assert [number for number, *_ in (await core.hear()).lengths] == [2]
    assert core.counted("lengthwise_fallbacks_total", cause="not_asked") == 0
    await until(stored)


async def test_of_a_prompt_its_text_alone_is_kept(start, arrived):
    core = start()
    core.tell(arrived(1))
    await core.hear()
    ((known, _),) = core.sidecar._known._known.values()
    assert str(HELLO[0]) not in repr(known)


async def test_an_engine_whose_tokenizer_cannot_be_loaded_is_served_without_predictions(
    tmp_path, predictor, arrived, caplog
):
    core = Core(tmp_path, predictor.target)
    core.tell(arrived(1), arrived(2))
    unknown = []
    while len(unknown) < 2:
        unknown += await core.hear_of_unknown()
    assert core.counted("lengthwise_fallbacks_total", cause="no_text") == 2
    # By identity: an engine in this process, of another test, has its loggers hand on twice.
    said = {id(r): r.getMessage() for r in caplog.records if r.name == "lengthwise.advisor"}
    (message,) = said.values()
    assert "tokenizer was not loaded" in message
    await core.end()
