"""True lengths handed back to the predictor."""

import asyncio

import grpc

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.advisor import reporter as reporter_module
from scheduler_client.errors import ServerUnavailableError
from tests.scheduler_client.advisor.helpers import ScriptedClient, completion, until
from tests.scheduler_client.fake_service import FakeService, serving

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "starting")


class SlowClient(ScriptedClient):
    """Acknowledges no report while `hold` is cleared; `entered` has the prompts of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: list[list[str]] = []

    async def report(self, completions, *, timeout_s):
        self.entered.append([one.prompt for one in completions])
        await self.hold.wait()
        return await super().report(completions, timeout_s=timeout_s)


def reports_in(service):
    return [message for message in service.received if isinstance(message, pb.ReportRequest)]


def put(reporter, count, **options):
    for n in range(count):
        reporter.put(completion(f"r{n}", n, prompt=f"prompt {n:04}", **options))


async def test_a_true_length_reaches_the_predictor(make_reporter, running, service):
    reporter = make_reporter(running.target)
    reporter.put(completion("r", 42, model="llm", max_tokens=100, temperature=0.5))
    await until(lambda: service.stored)
    (stored,) = service.stored.values()
    assert (stored.prompt, stored.model) == ("hello", "llm")
    assert (stored.output_tokens, stored.max_tokens, stored.temperature) == (42, 100, 0.5)
    assert stored.finish_reason == pb.FINISH_REASON_STOP
    await until(lambda: reporter.sent == 1)


async def test_reports_go_in_batches(make_reporter, running, service):
    reporter = make_reporter(running.target, report_interval_s=3_600.0)
    put(reporter, 100)
    await reporter.close()
    assert [len(report.completions) for report in reports_in(service)] == [64, 36]
    assert len(service.stored) == 100


async def test_reports_survive_a_restart_of_the_predictor(make_reporter):
    with serving() as before:
        reporter = make_reporter(before.target, close_timeout_s=10.0)
        put(reporter, 1)
        await until(lambda: before.service.stored)
    await asyncio.sleep(0.05)
    for n in range(10):
        reporter.put(completion(f"while away {n}"))
    await asyncio.sleep(0.1)
    assert reporter.sent == 1
    service = FakeService()
    service.failures.append(UNAVAILABLE)
    with serving(service, address=before.target):
        await until(lambda: len(service.stored) == 10)


async def test_what_the_predictor_did_not_acknowledge_goes_again_and_counts_once(
    make_reporter, client
):
    client.fault = ServerUnavailableError("starting")
    reporter = make_reporter(client=client)
    put(reporter, 1)
    await asyncio.sleep(0.05)
    client.fault = None
    await until(lambda: len(client.reported) == 1)
    await until(lambda: reporter.sent == 1)
    assert reporter.failed == reporter.dropped == 0


async def test_one_refused_length_does_not_take_its_batch_along(make_reporter, running, service):
    reporter = make_reporter(running.target, report_interval_s=3_600.0)
    put(reporter, 5)
    reporter.put(completion("bad", -1))
    await reporter.close()
    assert len(service.stored) == 5
    assert (reporter.sent, reporter.failed) == (5, 1)


async def test_while_the_predictor_is_away_the_oldest_reports_go_and_are_counted(
    make_reporter, client, monkeypatch
):
    monkeypatch.setattr(reporter_module, "MAX_WAITING", 10)
    reporter = make_reporter(client=client, report_interval_s=3_600.0)
    put(reporter, 25)
    assert (reporter.waiting, reporter.dropped) == (10, 15)
    await reporter.close()
    assert [one.prompt for one in client.reported] == [f"prompt {n:04}" for n in range(15, 25)]


async def test_reports_that_go_while_they_are_being_sent_take_no_others_along(
    make_reporter, monkeypatch
):
    monkeypatch.setattr(reporter_module, "MAX_WAITING", 4)
    monkeypatch.setattr(reporter_module, "BATCH_SIZE", 3)
    client = SlowClient()
    client.hold.clear()
    reporter = make_reporter(client=client)
    put(reporter, 4)
    await until(lambda: client.entered != [])
    for n in range(2):
        reporter.put(completion(f"late {n}", prompt=f"late {n}"))
    assert (reporter.waiting, reporter.dropped) == (4, 2)
    client.hold.set()
    await until(lambda: reporter.waiting == 0)
    assert client.entered == [
        ["prompt 0000", "prompt 0001", "prompt 0002"],
        ["prompt 0003", "late 0", "late 1"],
    ]
    assert (reporter.sent, reporter.failed, reporter.dropped) == (4, 0, 2)


async def test_what_is_being_sent_when_it_closes_is_sent_all_the_same(make_reporter):
    client = SlowClient()
    client.hold.clear()
    reporter = make_reporter(client=client)
    put(reporter, 3)
    await until(lambda: client.entered != [])
    put(reporter, 2)
    client.hold.set()
    await reporter.close()
    assert len(client.reported) == 5
    assert (reporter.waiting, reporter.sent, reporter.failed) == (0, 5, 0)


async def test_a_fault_on_this_side_costs_its_batch_alone(make_reporter, client):
    client.fault = KeyError("a fault")
    reporter = make_reporter(client=client)
    put(reporter, 3)
    await until(lambda: reporter.failed == 3)
    client.fault = None
    put(reporter, 2)
    await until(lambda: reporter.sent == 2)
    assert (reporter.waiting, reporter.failed) == (0, 3)


async def test_long_prompts_fill_the_queue_by_their_characters(make_reporter, client, monkeypatch):
    monkeypatch.setattr(reporter_module, "MAX_WAITING_CHARS", 1_000)
    reporter = make_reporter(client=client, report_interval_s=3_600.0)
    for n in range(5):
        reporter.put(completion(f"r{n}", prompt="x" * 400))
    assert (reporter.waiting, reporter.dropped) == (2, 3)


async def test_closing_gives_a_hung_predictor_no_more_than_its_time(
    make_reporter, running, service
):
    reporter = make_reporter(running.target, report_interval_s=3_600.0, close_timeout_s=0.2)
    put(reporter, 3)
    service.gate.clear()
    async with asyncio.timeout(5):
        await reporter.close()
    assert reporter.failed == 3
