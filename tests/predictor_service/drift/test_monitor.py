"""Drift from end to end: predicted, reported, told."""

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.drift.band import Band
from predictor_service.drift.monitor import MAX_MODELS, DriftMonitor
from predictor_service.drift.promise import Promise, Promises
from predictor_service.process.service import DRIFT_DETAIL
from tests.predictor_service.fakes import FakeIndex

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
PROMISED = Promises(Promise(1_000, 20.0, 0.9), {"llm": Promise(1_000, 20.0, 0.9)})
ROWS = 200


@pytest.fixture
async def watched(serve):
    """A service whose predictions are ten tokens per character, and which promises to be good."""

    async def start(*indexes, **options):
        running = await serve(*indexes, load=False, **options)
        running.service.holder._source.promised = PROMISED
        await running.service.load()
        return running

    return start


async def serve_and_report(running, factor, *, rows=ROWS, name="", **completion):
    """Predict, then report `factor` times the expected length, spread over the middle half."""
    prompts = [f"{name}{i}" + "x" * (10 + i % 50) for i in range(rows)]
    await running.stub.PredictBatch(
        pb.PredictBatchRequest(
            requests=[pb.PredictRequest(prompt=prompt, model="llm") for prompt in prompts]
        )
    )
    return await running.stub.Report(
        pb.ReportRequest(
            completions=[
                pb.Completion(
                    request_id=f"{name}-{i}-{factor}",
                    prompt=prompt,
                    model="llm",
                    output_tokens=round(len(prompt) * 10 * factor),
                    **completion,
                )
                for i, prompt in enumerate(prompts)
            ]
        )
    )


async def info(running):
    return await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())


async def drift_status(running, name=DRIFT_DETAIL):
    stub = health_pb2_grpc.HealthStub(running.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status


async def test_predictions_that_come_true_raise_no_alarm(watched):
    running = await watched()
    await serve_and_report(running, 1.02)
    told = await info(running)
    (drift,) = told.drift
    assert (drift.model, drift.rows, drift.alarm, drift.coverage_90) == ("llm", ROWS, False, 1)
    assert drift.kendall_tau_b > 0.99
    assert 0 < drift.mae_tokens < 20 == drift.promised_mae_tokens
    assert (told.reports_judged, told.reports_unmatched) == (ROWS, 0)
    assert await drift_status(running) == SERVING


async def test_answers_that_get_longer_raise_the_alarm_but_leave_the_service_in_rotation(watched):
    running = await watched()
    await serve_and_report(running, 2.0)
    (drift,) = (await info(running)).drift
    assert drift.alarm
    assert "times the 20" in drift.reason
    assert await drift_status(running) == NOT_SERVING
    assert await drift_status(running, "") == SERVING


async def test_the_alarm_ends_with_predictions_that_come_true_again(watched):
    running = await watched(drift_window=ROWS)
    await serve_and_report(running, 2.0)
    assert await drift_status(running) == NOT_SERVING
    await serve_and_report(running, 1.0, name="later")
    (drift,) = (await info(running)).drift
    assert (drift.rows, drift.alarm, drift.reason) == (ROWS, False, "")
    assert await drift_status(running) == SERVING


async def test_another_version_begins_anew_and_is_not_judged_by_the_old_ones_predictions(watched):
    running = await watched()
    await serve_and_report(running, 2.0)
    prompt = "p" * 30
    await running.stub.Predict(pb.PredictRequest(prompt=prompt, model="llm"))
    await running.service.holder.swap(FakeIndex("v2"))
    assert await drift_status(running) == SERVING
    await running.stub.Report(
        pb.ReportRequest(
            completions=[
                pb.Completion(request_id="late", prompt=prompt, model="llm", output_tokens=9)
            ]
        )
    )
    told = await info(running)
    assert not any(drift.rows for drift in told.drift)
    assert told.reports_unmatched == 1


async def test_what_nobody_asked_about_is_counted_but_not_judged(watched):
    running = await watched()
    completion = pb.Completion(request_id="a", prompt="never asked", model="llm", output_tokens=9)
    await running.stub.Report(pb.ReportRequest(completions=[completion]))
    told = await info(running)
    assert (len(told.drift), told.reports_judged, told.reports_unmatched) == (0, 0, 1)


async def test_an_answer_from_the_cache_is_scored_too_after_the_first_was(watched):
    running = await watched(live_capacity=0)
    for factor in (1.0, 1.01):
        await serve_and_report(running, factor, rows=20)
    assert running.service.cache.hits == 20
    told = await info(running)
    assert (told.reports_judged, told.reports_unmatched) == (40, 0)
    assert told.drift[0].coverage_90 == 1


async def test_a_repeated_report_is_judged_once(watched):
    running = await watched()
    await serve_and_report(running, 1.0)
    await serve_and_report(running, 1.0)
    assert (await info(running)).reports_judged == ROWS


async def test_answers_all_cut_off_beyond_their_interval_raise_the_alarm_by_coverage(watched):
    running = await watched()
    await serve_and_report(running, 1.0, name="known")
    await serve_and_report(running, 2.5, name="cut", finish_reason=pb.FINISH_REASON_LENGTH)
    (drift,) = (await info(running)).drift
    assert drift.censored_rows == ROWS
    assert drift.coverage_90 == pytest.approx(0.5)
    assert "90 % interval" in drift.reason


async def test_with_a_window_of_none_nothing_is_watched(watched):
    running = await watched(drift_window=0)
    await serve_and_report(running, 3.0)
    told = await info(running)
    assert (len(told.drift), told.reports_judged, told.reports_unmatched) == (0, 0, 0)


def watch(**options) -> DriftMonitor:
    monitor = DriftMonitor(window_rows=10, band=Band(min_rows=5), **options)
    monitor.index_switched("v1", PROMISED, ["llm", "second"])
    return monitor


def come_true(monitor: DriftMonitor, model: str, *, factor: float = 1.0, rows: int = 10) -> None:
    """Have lengths predicted and reported of an LLM."""
    for i in range(rows):
        prompt = f"{model} {i}"
        query = Query(prompt, model)
        monitor.outstanding.computed(query, "v1", (0.05, 0.5, 0.95), (50.0, 100.0, 150.0))
        tokens = round(100 * factor)
        monitor.reported([HistoryRecord(prompt, tokens, model, f"{prompt} {factor}")])


def test_ten_thousand_names_do_not_push_out_the_llms_of_the_index():
    monitor = watch()
    come_true(monitor, "llm")
    for number in range(10_000):
        come_true(monitor, f"made up {number}", rows=1)
    come_true(monitor, "second")
    watched = {drift.model: drift.rows for drift in monitor.snapshot()}
    assert len(watched) == MAX_MODELS
    assert (watched["llm"], watched["second"], watched["made up 9999"]) == (10, 10, 1)


def test_the_llm_that_was_silent_longest_makes_room_and_takes_its_alarm_along():
    told: list[bool] = []
    now_s = 0.0
    monitor = watch(on_alarm=told.append, clock=lambda: now_s)
    come_true(monitor, "new", factor=9)
    monitor.snapshot()
    assert told == [True]
    for number in range(MAX_MODELS - 1):
        come_true(monitor, f"other {number}", rows=1)
    come_true(monitor, "new", factor=9)
    come_true(monitor, "one more", rows=1)
    assert "new" in {drift.model for drift in monitor.snapshot()}
    for number in range(MAX_MODELS):
        come_true(monitor, f"yet another {number}", rows=1)
    assert "new" not in {drift.model for drift in monitor.snapshot()}
    assert told == [True, False]


def test_the_alarm_names_the_caller_whose_lengths_are_unlike_the_others():
    monitor = DriftMonitor(window_rows=200, band=Band(min_rows=5))
    monitor.index_switched("v1", PROMISED, ["llm"])
    for i in range(60):
        caller, tokens = ("token stranger", 90_000) if i % 2 else ("token engine", 100)
        query = Query(f"{i}", "llm")
        monitor.outstanding.computed(query, "v1", (0.05, 0.5, 0.95), (50.0, 100.0, 150.0))
        monitor.reported([HistoryRecord(f"{i}", tokens, "llm", f"{i}", caller=caller)])
    (drift,) = monitor.snapshot()
    assert drift.reason.endswith(
        "; token stranger reports 90000 tokens on average (30 rows), the others 100 (30)"
    )


def test_a_drift_of_all_callers_names_none():
    monitor = watch()
    come_true(monitor, "llm", factor=3)
    (drift,) = monitor.snapshot()
    assert drift.alarm
    assert "reports" not in drift.reason
