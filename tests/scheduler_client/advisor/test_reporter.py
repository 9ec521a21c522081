"""True lengths handed back to the predictor."""

import asyncio

import grpc

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.errors import ServerUnavailableError
from tests.scheduler_client.advisor.helpers import ending, question, until
from tests.scheduler_client.fake_service import FakeService, serving

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "starting")


def reports_in(service):
    return [message for message in service.received if isinstance(message, pb.ReportRequest)]


def stored(service):
    return sorted(service.stored.values(), key=lambda completion: completion.prompt)


async def run_to_the_end(advisor, count, **how):
    for n in range(count):
        await advisor.advise(question(f"r{n}", f"prompt {n:04}"))
        advisor.finished(ending(f"r{n}", n, **how))


async def test_a_finished_requests_true_length_reaches_the_predictor(
    make_advisor, running, service
):
    advisor = make_advisor(running.target, deadline_s=5.0)
    await advisor.advise(question("r", "hello", max_tokens=100, temperature=0.5))
    advisor.finished(ending("r", 42))
    await until(lambda: service.stored)
    (completion,) = stored(service)
    assert completion.prompt == "hello"
    assert (completion.model, completion.output_tokens, completion.max_tokens) == ("llm", 42, 100)
    assert (completion.finish_reason, completion.temperature) == (pb.FINISH_REASON_STOP, 0.5)
    await until(lambda: advisor.counters.reports_sent == 1)


async def test_a_length_that_was_cut_off_is_marked(make_advisor, running, service):
    advisor = make_advisor(running.target, deadline_s=5.0)
    await run_to_the_end(advisor, 1, finish_reason="length")
    await until(lambda: service.stored)
    assert stored(service)[0].finish_reason == pb.FINISH_REASON_LENGTH


async def test_aborted_failed_and_forgotten_requests_are_not_reported(
    make_advisor, running, service
):
    advisor = make_advisor(running.target, deadline_s=5.0)
    for n, reason in enumerate(("abort", "error")):
        await advisor.advise(question(f"r{n}"))
        advisor.finished(ending(f"r{n}", finish_reason=reason))
    await advisor.advise(question("gone"))
    advisor.forget("gone")
    advisor.finished(ending("gone"))
    assert advisor.counters.requests_known == 0
    await advisor.close()
    assert not service.stored


async def test_reports_go_in_batches(make_advisor, running, service):
    advisor = make_advisor(
        running.target, deadline_s=5.0, report_interval_s=3_600.0, report_batch_size=64
    )
    await run_to_the_end(advisor, 100)
    await advisor.close()
    assert [len(report.completions) for report in reports_in(service)] == [64, 36]
    assert len(service.stored) == 100


async def test_an_id_that_comes_again_is_reported_again(make_advisor, running, service):
    first, second = (make_advisor(running.target, deadline_s=5.0) for _ in range(2))
    for advisor in (first, first, second):
        await advisor.advise(question("cmpl-0"))
        advisor.finished(ending("cmpl-0"))
    await until(lambda: len(service.stored) == 3)


async def test_reports_survive_a_restart_of_the_predictor(make_advisor):
    with serving() as before:
        advisor = make_advisor(before.target, deadline_s=5.0, close_timeout_s=10.0)
        await run_to_the_end(advisor, 1)
        await until(lambda: before.service.stored)
    await asyncio.sleep(0.05)
    for n in range(10):
        advisor.fallback_key(question(f"while away {n}", f"while away {n}"))
        advisor.finished(ending(f"while away {n}"))
    await asyncio.sleep(0.1)
    assert advisor.counters.reports_sent == 1
    service = FakeService()
    service.failures.append(UNAVAILABLE)
    with serving(service, address=before.target):
        await until(lambda: len(service.stored) == 10)


async def test_what_the_predictor_did_not_acknowledge_goes_again_and_counts_once(
    make_advisor, port
):
    advisor = make_advisor(port=port)
    await advisor.advise(question())
    port.fault = ServerUnavailableError("starting")
    advisor.finished(ending())
    await until(lambda: advisor.counters.reports_waiting == 1)
    await asyncio.sleep(0.05)
    port.fault = None
    await until(lambda: len(port.reported) == 1)
    await until(lambda: advisor.counters.reports_sent == 1)
    assert advisor.counters.reports_failed == advisor.counters.reports_dropped == 0


async def test_one_refused_length_does_not_take_its_batch_along(make_advisor, running, service):
    advisor = make_advisor(running.target, deadline_s=5.0, report_interval_s=3_600.0)
    await run_to_the_end(advisor, 5)
    await advisor.advise(question("bad", "bad one"))
    advisor.finished(ending("bad", -1))
    await advisor.close()
    assert len(service.stored) == 5
    assert (advisor.counters.reports_sent, advisor.counters.reports_failed) == (5, 1)


async def test_while_the_predictor_is_away_the_oldest_reports_go_and_are_counted(
    make_advisor, port
):
    advisor = make_advisor(port=port, report_queue=10, report_interval_s=3_600.0)
    for n in range(25):
        advisor.fallback_key(question(f"r{n}", f"prompt {n}"))
        advisor.finished(ending(f"r{n}"))
    counters = advisor.counters
    assert (counters.reports_waiting, counters.reports_dropped) == (10, 15)
    advisor.start()
    await advisor.close()
    assert [report.prompt for report in port.reported] == [f"prompt {n}" for n in range(15, 25)]


async def test_long_prompts_fill_the_queue_by_their_characters(make_advisor, port):
    advisor = make_advisor(port=port, report_queue_chars=1_000)
    for n in range(5):
        advisor.fallback_key(question(f"r{n}", "x" * 400))
        advisor.finished(ending(f"r{n}"))
    assert (advisor.counters.reports_waiting, advisor.counters.reports_dropped) == (2, 3)


async def test_closing_gives_a_hung_predictor_no_more_than_its_time(make_advisor, running, service):
    advisor = make_advisor(
        running.target, deadline_s=5.0, report_interval_s=3_600.0, close_timeout_s=0.2
    )
    await run_to_the_end(advisor, 3)
    service.gate.clear()
    async with asyncio.timeout(5):
        await advisor.close()
    assert advisor.counters.reports_failed == 3


async def test_nothing_is_reported_where_that_is_switched_off(make_advisor, running, service):
    advisor = make_advisor(running.target, deadline_s=5.0, report=False)
    await run_to_the_end(advisor, 3)
    await advisor.close()
    assert not reports_in(service)
    assert advisor.counters.reports_failed == 0
