"""Report over a real socket: what is acknowledged is stored, once."""

import asyncio
import errno
import json
import threading
from pathlib import Path

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.completions.completion_file import CompletionFile
from predictor_service.completions.completion_store import MemoryCompletions
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.errors import OverloadedError, StartUpError
from predictor_service.rpc.validation import RequestLimits
from tests.predictor_service.waiting import until

LIMITS = RequestLimits(max_prompt_chars=1_000, max_batch_items=100)


def completion(request_id: str, **fields) -> pb.Completion:
    return pb.Completion(**{"request_id": request_id, "prompt": "hi", "output_tokens": 7} | fields)


def record(request_id: str, **fields):
    return LIMITS.record(completion(request_id, **fields), "")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_reported_lengths_are_in_the_file_when_they_are_acknowledged(serve, tmp_path):
    path = tmp_path / "completions.jsonl"
    running = await serve(completions=path)
    answer = await running.stub.Report(
        pb.ReportRequest(
            completions=[
                completion("a", model="vicuna", max_tokens=512, finish_reason=2, temperature=0.7),
                completion("b", prompt="", messages=[pb.ChatMessage(role="user", content="yo")]),
            ]
        )
    )
    assert (answer.stored, answer.duplicates) == (2, 0)
    assert rows(path) == [
        {
            "id": "a",
            "prompt": "hi",
            "output_tokens": 7,
            "finish_reason": "length",
            "model": "vicuna",
            "caller": "address 127.0.0.1",
            "max_tokens": 512,
            "temperature": 0.7,
        },
        {
            "id": "b",
            "prompt": "yo",
            "output_tokens": 7,
            "finish_reason": "stop",
            "caller": "address 127.0.0.1",
        },
    ]
    info = await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())
    assert info.reported == 2


async def test_a_repeated_report_changes_nothing(serve, tmp_path):
    path = tmp_path / "completions.jsonl"
    running = await serve(completions=path)
    await running.stub.Report(pb.ReportRequest(completions=[completion("a")]))
    again = await running.stub.Report(
        pb.ReportRequest(completions=[completion("a", output_tokens=9), completion("b")] * 2)
    )
    assert (again.stored, again.duplicates) == (1, 3)
    assert [row["id"] for row in rows(path)] == ["a", "b"]
    assert rows(path)[0]["output_tokens"] == 7


@pytest.mark.parametrize("store", ["memory", "completions.jsonl", "completions.db"])
async def test_two_callers_may_report_under_one_id_and_what_differs_is_counted_and_logged(
    serve, tmp_path, capsys, store
):
    tokens = tmp_path / "tokens"
    tokens.write_text("a aaaaaaaaaaaaaaaa\nb bbbbbbbbbbbbbbbb\n")
    kept = {} if store == "memory" else {"completions": tmp_path / store}
    running = await serve(report_token_file=tokens, **kept)

    async def report(name: str, *completions: pb.Completion) -> tuple[int, int]:
        answer = await running.stub.Report(
            pb.ReportRequest(completions=completions),
            metadata=[("authorization", f"Bearer {name * 16}")],
        )
        return answer.stored, answer.duplicates

    assert await report("a", completion("1")) == (1, 0)
    assert await report("b", completion("1", output_tokens=9)) == (1, 0)
    assert await report("b", completion("1", output_tokens=9)) == (0, 1)
    for _ in range(20):
        assert await report("a", completion("1", output_tokens=8), completion("1")) == (0, 2)
    meter = running.service.reports
    assert (meter.duplicates, meter.differing) == (41, 20)
    printed = capsys.readouterr().out
    assert printed.count("say something else") == 1
    assert "subject='token a'" in printed


def test_a_file_of_an_earlier_release_goes_on_with_its_ids_and_callers_beside_them(tmp_path):
    path = tmp_path / "completions.jsonl"
    path.write_text('{"id": "1", "prompt": "hi", "output_tokens": 7, "finish_reason": "stop"}\n')
    mine = LIMITS.record(completion("1"), "", "token a")
    log = CompletionFile(path)
    assert [one.stored for one in log.append([[record("1")], [mine]])] == [0, 1]
    log.close()
    again = CompletionFile(path)
    differing = LIMITS.record(completion("1", prompt="ho"), "", "token a")
    assert [(one.stored, one.differing) for one in again.append([[mine], [differing]])] == [
        (0, 0),
        (0, 1),
    ]
    again.close()
    assert [row.get("caller") for row in rows(path)] == [None, "token a"]


async def test_without_a_file_completions_are_kept_in_memory_and_the_log_says_so(serve, capsys):
    running = await serve()
    assert "kept in memory" in capsys.readouterr().out
    for expected in ((1, 0), (0, 1)):
        answer = await running.stub.Report(pb.ReportRequest(completions=[completion("a")]))
        assert (answer.stored, answer.duplicates) == expected


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"request_id": ""}, "completions[1].request_id is empty"),
        ({"request_id": "号" * 683}, "completions[1].request_id takes 2,049 bytes of UTF-8"),
        ({"request_id": "\0" * 683}, "completions[1].request_id takes 2,049 bytes of UTF-8"),
        ({"prompt": ""}, "completions[1].prompt is empty"),
        ({"output_tokens": -1}, "completions[1].output_tokens is -1: expected 0 to 10,000,000"),
        ({"output_tokens": 10**12}, "completions[1].output_tokens is 1000000000000"),
        ({"max_tokens": 0}, "completions[1].max_tokens is 0"),
        ({"temperature": 101}, "completions[1].temperature is 101: expected 0 to 100"),
        ({"finish_reason": 9}, "completions[1].finish_reason is 9: expected FINISH_REASON_STOP"),
        ({"model": "m" * 2_000}, "completions[1].model has 2,000 characters"),
    ],
)
async def test_a_completion_that_cannot_be_used_refuses_the_report_and_is_named(
    serve, tmp_path, fields, part
):
    path = tmp_path / "completions.jsonl"
    running = await serve(completions=path)
    bad = completion(**{"request_id": "bad"} | fields)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Report(pb.ReportRequest(completions=[completion("good"), bad]))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert part in caught.value.details()
    assert rows(path) == []


async def test_an_empty_report_is_refused(serve):
    running = await serve()
    with pytest.raises(grpc.aio.AioRpcError, match="completions has 0 items"):
        await running.stub.Report(pb.ReportRequest())


@pytest.fixture
async def slow_disk(serve, tmp_path):
    """A service whose commits wait until the test lets them go on, and what lets them."""
    running = await serve(completions=tmp_path / "completions.jsonl")
    commit, go_on = running.service._completions._log.append, threading.Event()

    def append(reports):
        assert go_on.wait(20)
        return commit(reports)

    running.service._completions._log.append = append
    yield running, go_on
    go_on.set()


async def given_up(running, *completions: pb.Completion) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Report(pb.ReportRequest(completions=completions), timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: not running.service._servicer._active)


async def test_what_is_stored_after_its_caller_gave_up_is_learnt_and_judged_all_the_same(slow_disk):
    running, go_on = slow_disk
    await given_up(running, completion("a"), completion("a"))
    go_on.set()
    again = await running.stub.Report(pb.ReportRequest(completions=[completion("a")]))
    assert (again.stored, again.duplicates) == (0, 1)
    await until(lambda: running.service.learner.learnt == 1)
    assert running.service.drift.unmatched == 1
    assert running.service.reports.duplicates == 2


async def test_a_stop_waits_for_what_is_being_stored_though_its_caller_gave_up(slow_disk):
    running, go_on = slow_disk
    await given_up(running, completion("a"))
    stopping = asyncio.create_task(running.stop())
    await until(lambda: running.service.stopping)
    assert not running.service._servicer._drained.is_set()
    go_on.set()
    await stopping
    assert running.service.drift.unmatched == 1


def test_an_answer_as_long_as_its_limit_was_cut_off_unless_said_otherwise():
    assert record("a", max_tokens=7).finish_reason == "length"
    assert record("a", max_tokens=8).finish_reason == "stop"
    assert record("a", max_tokens=7, finish_reason=1).finish_reason == "stop"


class CountingFile(CompletionFile):
    """Counts commits, and can be told to wait or to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commits = 0
        self.sizes: list[list[int]] = []
        self.error: OSError | None = None

    def append(self, reports):
        self.commits += 1
        self.sizes.append([len(records) for records in reports])
        return super().append(reports)

    def _sync(self) -> None:
        if self.error is not None:
            raise self.error
        super()._sync()


async def test_reports_that_come_together_share_a_sync(tmp_path):
    file = CountingFile(tmp_path / "c.jsonl")
    store = GroupCommit(file)
    outcomes = await asyncio.gather(*[store.add([record(f"r{i}")]) for i in range(200)])
    assert sum(outcome.stored for outcome in outcomes) == 200
    assert file.commits <= 3
    await store.close()


async def test_a_commit_holds_no_more_than_it_may_but_a_large_report_goes_whole(tmp_path):
    file = CountingFile(tmp_path / "c.jsonl")
    store = GroupCommit(file, max_commit_rows=10)
    sizes = [1, 4, 6, 4, 25, 1]
    reports = [[record(f"{i}-{j}") for j in range(size)] for i, size in enumerate(sizes)]
    outcomes = await asyncio.gather(*[store.add(report) for report in reports])
    assert [outcome.stored for outcome in outcomes] == sizes
    assert file.sizes == [[1, 4], [6, 4], [25], [1]]
    await store.close()


async def test_reports_beyond_what_may_wait_are_refused_and_nothing_of_them_kept(tmp_path):
    store = GroupCommit(CountingFile(tmp_path / "c.jsonl"), max_waiting_rows=5)
    adding = [asyncio.ensure_future(store.add([record(f"r{i}")])) for i in range(9)]
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    refused = [isinstance(outcome, OverloadedError) for outcome in outcomes]
    assert refused == [False] * 5 + [True] * 4
    assert "5 completions wait to be written" in str(outcomes[-1])
    assert (await store.add([record("later")])).stored == 1
    assert len(rows(tmp_path / "c.jsonl")) == 6
    await store.close()


async def test_the_same_id_in_two_reports_of_one_commit_is_stored_once(tmp_path):
    store = GroupCommit(CompletionFile(tmp_path / "c.jsonl"))
    outcomes = await asyncio.gather(*[store.add([record("same")]) for _ in range(5)])
    assert [outcome.stored for outcome in outcomes] == [1, 0, 0, 0, 0]
    await store.close()


async def test_ids_are_known_again_after_a_restart(tmp_path):
    for expected in (1, 0):
        store = GroupCommit(CompletionFile(tmp_path / "c.jsonl"))
        assert (await store.add([record("a")])).stored == expected
        await store.close()


def test_a_torn_last_line_is_cut_off_and_logged(tmp_path, capsys):
    path = tmp_path / "c.jsonl"
    CompletionFile(path).append([[record("whole")]])
    with path.open("a") as file:
        file.write('{"id": "torn", "prom')
    reopened = CompletionFile(path)
    assert "torn last line" in capsys.readouterr().out
    assert reopened.append([[record("torn")]])[0].stored == 1
    assert [row["id"] for row in rows(path)] == ["whole", "torn"]


def test_two_processes_on_one_file_store_an_id_once(tmp_path):
    path = tmp_path / "c.jsonl"
    one, other = CompletionFile(path), CompletionFile(path)
    assert one.append([[record("a")]])[0].stored == 1
    assert other.append([[record("a"), record("b")]])[0].stored == 1
    assert one.append([[record("b"), record("c")]])[0].stored == 1
    assert [row["id"] for row in rows(path)] == ["a", "b", "c"]


async def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path):
    path = tmp_path / "c.jsonl"
    file = CountingFile(path)
    store = GroupCommit(file)
    await store.add([record("before")])
    file.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OverloadedError, match="No space left on device; none of this report"):
        await store.add([record("lost")])
    assert [row["id"] for row in rows(path)] == ["before"]
    file.error = None
    assert (await store.add([record("lost")])).stored == 1
    await store.close()


def test_a_folder_that_does_not_exist_stops_start_up(tmp_path):
    with pytest.raises(StartUpError, match="--completions"):
        CompletionFile(tmp_path / "no such folder" / "c.jsonl")


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")
    with pytest.raises(StartUpError, match="line at byte 0 is not a completion"):
        CompletionFile(path)
    assert path.read_text() == "dear diary\n"


def test_a_file_of_something_else_without_a_line_end_is_left_alone_too(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    with pytest.raises(StartUpError, match="not a completion"):
        CompletionFile(path)
    assert path.read_text() == "dear diary"


async def test_memory_is_bounded_and_says_how_to_keep_more():
    store = MemoryCompletions(capacity=2)
    await store.add([record("a"), record("b")])
    with pytest.raises(OverloadedError, match="--completions FILE"):
        await store.add([record("c")])
    assert [r.id for r in store.records] == ["a", "b"]
