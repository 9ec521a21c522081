"""Report into a database, over a real socket: what is acknowledged is stored, once."""

import asyncio
import random

import grpc
import psycopg
import pytest

from benchmarks.harness.private_postgres import restart
from lengthwise.history.database.completion import Report
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.retention import SECONDS_PER_DAY, Retention
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.completions import housekeeping
from predictor_service.completions.completion_store import Stored
from predictor_service.completions.database_completions import (
    DatabaseCompletions,
    DatabaseLog,
    retention,
)
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.errors import ConfigError, InternalFailureError, StartUpError
from tests.lengthwise.history.database.helpers import ids, record, rows, writing
from tests.predictor_service.waiting import until


def completion(request_id: str, **fields) -> pb.Completion:
    return pb.Completion(**{"request_id": request_id, "prompt": "hi", "output_tokens": 7} | fields)


async def report(running, *completions: pb.Completion) -> tuple[int, int]:
    answer = await running.stub.Report(pb.ReportRequest(completions=completions))
    return answer.stored, answer.duplicates


async def test_reported_lengths_are_in_the_database_when_they_are_acknowledged(serve, place):
    running = await serve(completions=place)
    limited = completion("a", model="vicuna", max_tokens=512, finish_reason=2, temperature=0.7)
    talk = [pb.ChatMessage(role="user", content="yo")]
    assert await report(running, limited, completion("b", prompt="", messages=talk)) == (2, 0)
    first, second = rows(place)
    assert first.record == record(
        "a",
        prompt="hi",
        model="vicuna",
        max_tokens=512,
        finish_reason="length",
        temperature=0.7,
        caller="address 127.0.0.1",
    )
    assert second.prompt == "yo"
    info = await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())
    assert info.reported == 2


async def test_a_repeated_report_changes_nothing_also_after_a_restart(serve, place):
    first = await serve(completions=place)
    assert await report(first, completion("a"), completion("a")) == (1, 1)
    assert await report(first, completion("a", output_tokens=9), completion("b")) == (1, 1)
    await first.stop()
    second = await serve(completions=place)
    assert await report(second, completion("b"), completion("c")) == (1, 1)
    assert ids(place) == ["a", "b", "c"]
    assert rows(place)[0].output_tokens == 7


async def test_the_longest_id_that_is_taken_is_stored_and_known_again(serve, place):
    running = await serve(completions=place)
    draw = random.Random(0)  # or PostgreSQL would compress it
    longest = "".join(chr(draw.randrange(0x80, 0x800)) for _ in range(1_024))
    assert await report(running, completion(longest)) == (1, 0)
    assert await report(running, completion(longest)) == (0, 1)
    assert ids(place) == [longest]


async def test_two_replicas_store_an_id_once_and_a_reader_misses_nothing(serve, place):
    replicas = [await serve(completions=place, live_capacity=0) for _ in range(2)]
    with HistoryReader.open(place) as reader:
        reports = [
            asyncio.ensure_future(report(replicas[i % 2], *map(completion, names(i))))
            for i in range(60)
        ]
        seen: list[int] = []
        while not all(one.done() for one in reports):
            last = seen[-1] if seen else 0
            seen += await asyncio.to_thread(lambda last=last: numbers(reader, last))
        seen += numbers(reader, seen[-1])
    stored = sum(one.result()[0] for one in reports)
    assert stored == len(rows(place)) == len({name for i in range(60) for name in names(i)})
    assert seen == [row.sequence for row in rows(place)]


def names(i: int) -> list[str]:
    """Each pair of reports, one to each replica, has one id in common."""
    return [f"{i}-own", f"{i // 2}-shared"]


def numbers(reader: HistoryReader, after: int) -> list[int]:
    return [row.sequence for row in reader.rows_after(after)]


async def test_many_reports_at_once_share_few_commits(serve, place):
    running = await serve(completions=place, live_capacity=0)
    outcomes = await asyncio.gather(*[report(running, completion(f"r{i}")) for i in range(200)])
    assert sum(stored for stored, _ in outcomes) == 200
    moments = {row.stored_unix_s for row in rows(place)}
    assert len(moments) < 100, "each commit has its own moment"


async def test_what_is_stored_is_learnt_at_once_and_a_duplicate_is_not(serve, place):
    running = await serve(completions=place)
    await report(running, completion("a"), completion("a"), completion("b"))
    await report(running, completion("b"))
    await until(lambda: running.service.learner.learnt == 2)


async def test_a_stop_stores_what_was_reported(serve, place):
    running = await serve(completions=place)
    reports = [asyncio.ensure_future(report(running, completion(f"r{i}"))) for i in range(20)]
    await reports[0]
    await running.stop()
    done = await asyncio.gather(*reports, return_exceptions=True)
    acknowledged = {f"r{i}" for i, one in enumerate(done) if not isinstance(one, Exception)}
    assert acknowledged <= set(ids(place))


async def test_a_database_that_is_gone_is_told_and_used_again_when_it_is_back(
    serve, postgres_place, monkeypatch
):
    running = await serve(completions=postgres_place)
    await report(running, completion("a"))
    engine = running.service._completions._commits._log._writer._engine
    monkeypatch.setattr(engine.dialect, "do_ping", lambda _: False)
    monkeypatch.setattr(engine.dialect, "connect", refused)
    with pytest.raises(grpc.aio.AioRpcError, match="report them again") as caught:
        await report(running, completion("b"))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    monkeypatch.undo()
    assert await report(running, completion("b"), completion("a")) == (1, 1)


async def test_a_server_that_restarts_under_reports_loses_none_that_was_acknowledged(
    serve, postgres, postgres_place
):
    running = await serve(completions=postgres_place)
    acknowledged: list[str] = []
    refusals: set[grpc.StatusCode] = set()

    async def go_on_reporting(caller: int) -> None:
        for i in range(40):
            one = completion(f"{caller}-{i}")
            while True:
                try:
                    await report(running, one)
                except grpc.aio.AioRpcError as error:
                    refusals.add(error.code())
                else:
                    break
            acknowledged.append(one.request_id)

    callers = [asyncio.create_task(go_on_reporting(caller)) for caller in range(4)]
    await until(lambda: len(acknowledged) > 10)
    await asyncio.to_thread(restart, postgres)
    await asyncio.wait_for(asyncio.gather(*callers), 60)
    assert sorted(acknowledged) == sorted(ids(postgres_place))
    assert len(acknowledged) == 160
    assert refusals <= {grpc.StatusCode.UNAVAILABLE}


def refused(*_, **__):
    raise psycopg.OperationalError("connection refused")


async def test_a_report_that_cannot_be_stored_fails_alone():
    class Picky:
        def append(self, reports):
            if any(one.id == "bad" for records in reports for one in records):
                raise InternalFailureError("bad row")
            return [Stored(len(records), 0, tuple(records)) for records in reports]

        def close(self):
            pass

    store = GroupCommit(Picky())
    outcomes = await asyncio.gather(
        *[store.add([record(name)]) for name in ("first", "a", "bad", "b")], return_exceptions=True
    )
    assert [isinstance(one, InternalFailureError) for one in outcomes] == [
        False,
        False,
        True,
        False,
    ]
    assert store.reported == 3
    await store.close()


async def test_old_completions_are_removed_while_it_serves(serve, place, monkeypatch):
    monkeypatch.setattr(housekeeping.Housekeeping.__init__, "__kwdefaults__", {"period_s": 0.02})
    running = await serve(completions=place, completions_max_bytes=2**20, live_capacity=0)
    for i in range(12):
        await report(running, completion(f"r{i}", prompt="x" * 200_000))
    await until(lambda: len(ids(place)) <= 5)
    assert ids(place)[-1] == "r11"


async def test_a_clock_that_is_set_forward_takes_a_share_of_the_history_and_is_survived(place):
    now_s = 1_000_000.0
    day_s = SECONDS_PER_DAY
    with writing(place, clock=lambda: now_s) as writer:
        commits = GroupCommit(DatabaseLog(writer))
        kept = housekeeping.Housekeeping(writer, commits, Retention(max_age_s=30 * day_s))
        await kept.stop()
        writer.append([Report([record(f"r{i}") for i in range(5_000)])])
        now_s += 70 * 365 * day_s
        for _ in range(5):
            await kept._remove_expired()
        assert 0 < kept.removed < 20
        now_s = 1_000_060.0
        await kept._remove_expired()
        assert kept.removed < 20


async def test_several_processes_together_take_no_larger_share_than_one_alone(place):
    now_s = 1_000_000.0
    share = Retention(max_age_s=SECONDS_PER_DAY)
    with writing(place, clock=lambda: now_s) as writer:
        commits = GroupCommit(DatabaseLog(writer))
        workers = [housekeeping.Housekeeping(writer, commits, share, processes=4) for _ in "abcd"]
        for worker in workers:
            await worker.stop()
        writer.append([Report([record(f"r{i}") for i in range(4_800)])])
        now_s += 70 * 365 * SECONDS_PER_DAY
        for worker in workers:
            await worker._remove_expired()
        assert sum(worker.removed for worker in workers) == 80, "as one alone: 24 minutes of a day"


async def test_the_processes_of_a_service_share_its_tidying(make_config, sqlite_place):
    config = make_config(completions=sqlite_place, completions_max_age_days=1, processes=3)
    kept = DatabaseCompletions.from_config(config, lambda: None, lambda: None)
    assert kept._housekeeping._processes == 3
    await kept.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"completions": "history.db", "completions_max_bytes": 5}, "from 1,048,576 to"),
        ({"completions": "c.jsonl", "completions_keep": "vectors"}, "to name a database"),
        ({"completions_keep": "vectors"}, "to name a database"),
        ({"completions": "c.jsonl", "completions_max_age_days": 3}, "to name a database"),
        ({"completions": "c.jsonl", "completions_max_bytes": 2**30}, "to name a database"),
        ({"completions": "history.db", "completions_keep": "all"}, "expected 'text' or 'vectors'"),
    ],
)
def test_what_a_place_cannot_do_stops_the_start(make_config, options, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**options)


def test_days_become_seconds(make_config):
    config = make_config(completions="history.db", completions_max_age_days="0.5")
    assert retention(config).max_age_s == 43_200


async def test_a_place_that_cannot_be_used_stops_the_start(serve, tmp_path):
    for place, part in (
        (tmp_path / "no such folder" / "h.db", "No such file"),
        ("mysql://me:secret@host/name", "expected a file ending in"),
    ):
        with pytest.raises(StartUpError, match=part) as caught:
            await serve(completions=place)
        assert str(caught.value).startswith("--completions ")
        assert "secret" not in str(caught.value)
