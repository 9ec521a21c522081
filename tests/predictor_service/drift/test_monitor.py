"""Drift from end to end: predicted, reported, told."""

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lengthwise.v1 import length_predictor_pb2 as pb
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
