"""The parts that measure: options, processes, load, workloads."""

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import WITHIN
from benchmarks.build.child import StageClock
from benchmarks.encoder.precomputed import PrecomputedEncoder
from benchmarks.encoder.variants import REFERENCE, SHIPPED, variant_named
from benchmarks.harness.options import base_parser, parsed, recorded_command
from benchmarks.harness.processes import cpu_seconds, run_measured
from benchmarks.harness.raw_encoder import Timed, timed
from benchmarks.harness.workloads import SplitWorkload, data_file, unique_prompts
from benchmarks.search.grown_vectors import grow, nearest_others
from benchmarks.search.own_rows import OwnRows, measure_own_rows
from benchmarks.search.prediction_parts import measure_parts, served_index
from benchmarks.service_load.__main__ import Sizes, jobs
from benchmarks.service_load.generator import Pass, batch_sizes
from benchmarks.service_load.http_caller import HttpCaller
from benchmarks.service_load.job import LoadJob, LoadResult
from benchmarks.service_load.measure import ServicePass, job_name
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.v1 import length_predictor_pb2 as pb


def test_a_recorded_command_shows_no_path_of_this_machine():
    inside = str(Path.cwd() / "benchmarks" / "results" / "x.json")
    assert recorded_command("python -m benchmarks.x", ["--json", inside, "--cache=/var/tmp/c"]) == (
        "python -m benchmarks.x --json benchmarks/results/x.json --cache=c"
    )


def test_a_quick_run_has_one_round(tmp_path):
    options = parsed(base_parser("x", ""), ["--quick", "--repeats", "5", "--data", str(tmp_path)])
    assert options.repeats == 1


def test_a_missing_data_folder_is_refused_before_anything_is_measured(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parsed(base_parser("x", ""), ["--data", str(tmp_path / "none")])
    assert "expected a folder with the real data sets" in capsys.readouterr().err


def test_a_missing_set_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.jsonl\.gz is missing"):
        data_file(tmp_path, "nothing")


def test_cpu_time_counts_children():
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    assert cpu_seconds(process.pid) >= 0.3
    process.communicate(b"\n")


def test_a_failed_command_says_what_it_said():
    with pytest.raises(RuntimeError, match=r"ended with 3: .*the reason"):
        run_measured(
            [sys.executable, "-c", "import sys; print('the reason', file=sys.stderr); sys.exit(3)"]
        )


def test_a_measured_command_has_a_peak():
    assert run_measured([sys.executable, "-c", "pass"]).peak_mib > 1


def test_timing_calls_in_chunks_in_the_order_given():
    calls = []
    assert timed(calls.append, ["a", "b", "c"], 2).prompts == 3
    assert calls == [["a", "b"], ["c"]]


RESULT = LoadResult(2.0, 100, [1.0, 2.0, 3.0], 0.1, 32.0)


def test_a_pass_is_held_against_the_encoders_beside_it():
    asked = ServicePass(LoadJob("unary", 8, 100), 1, RESULT, 0.3, Timed(200, 2.0, 0.5))
    assert asked.of_raw_rate == 0.5
    assert asked.of_raw_cpu == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("job", "processes", "name"),
    [
        (LoadJob("unary", 1, 9), 1, "unary, 1 caller"),
        (LoadJob("stream", 8, 9), 1, "stream, 8 streams"),
        (LoadJob("batch", 2, 9, 128), 2, "PredictBatch, 2 callers, 128/message, 2 proc."),
    ],
)
def test_ways_of_asking_have_names(job, processes, name):
    assert job_name(job, processes) == name


def test_several_processes_get_several_connections_but_no_more_than_callers():
    found = jobs(Sizes.from_mode(quick=True), 2, (1, 32))
    assert {(j.callers, j.connections) for j in found if j.kind == "unary"} == {(1, 1), (32, 8)}


def test_messages_hold_the_prompts_in_order():
    job = LoadJob("stream", 1, 3, per_message=2)
    made = [Pass(job, ["a", "b", "c"], 0)._message(chunk) for chunk in (["a", "b"], ["c"])]
    assert [[r.prompt for r in m.requests] for m in made] == [["a", "b"], ["c"]]


def test_an_answer_from_the_cache_is_no_measurement():
    answer = pb.PredictResponse(distribution=pb.LengthDistribution(tokens=[1.0]))
    with pytest.raises(RuntimeError, match="from the cache"):
        batch_sizes(answer)


async def test_a_connection_that_was_dropped_while_idle_is_opened_again():
    async def serve_once(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve_once, "127.0.0.1", 0)
    async with server:
        caller = HttpCaller(server.sockets[0].getsockname()[1])
        assert [await caller.embed(["p"]), await caller.embed(["p"])] == [2, 2]
        caller.close()


async def test_an_error_of_the_peer_is_raised():
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(ConnectionError, match="500"):
            await HttpCaller(server.sockets[0].getsockname()[1]).embed(["p"])


def _unit(rows, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("rows", [50, 200, 500])
def test_vectors_are_grown_to_any_size_and_keep_unit_length(rows):
    grown = grow(_unit(200), rows)
    assert grown.shape == (rows, 16)
    assert np.linalg.norm(grown, axis=1) == pytest.approx(np.ones(rows), abs=1e-5)


def test_the_real_vectors_come_first_among_the_grown():
    real = _unit(100)
    assert np.array_equal(grow(real, 300)[:100], real)


def test_no_row_is_among_its_own_nearest_even_beside_twins():
    twins = np.repeat(_unit(20), 3, axis=0)
    found = nearest_others(twins, 4)
    assert found.shape == (60, 4)
    assert not (found == np.arange(60)[:, None]).any()


def test_precomputed_vectors_are_looked_up_by_prompt():
    first, second = _unit(2)
    encoder = PrecomputedEncoder("x", {"a": first, "b": second})
    assert np.array_equal(encoder.encode(["b", "a"]), np.stack([second, first]))
    assert encoder.encode([]).shape == (0, 16)


def _record(prompt, tokens=5):
    return HistoryRecord(prompt, tokens, id="x")


def test_prompts_are_asked_once():
    assert unique_prompts([_record("a"), _record("b"), _record("a")]) == ["a", "b"]


def test_a_workload_can_be_made_smaller():
    workload = SplitWorkload([_record("a"), _record("b")], [_record("c"), _record("d")])
    assert len(workload.first(1, 2).learnt) == 1


def test_stages_are_timed_one_after_another():
    clock = StageClock()
    clock.stage("encode")
    clock.stage("index")
    seconds = clock.seconds()
    assert list(seconds) == ["encode_s", "index_s"]
    assert all(value >= 0 for value in seconds.values())


def test_the_reference_and_the_default_are_among_the_variants():
    assert [variant_named(name).name for name in (REFERENCE, SHIPPED)] == [REFERENCE, SHIPPED]


def test_conversations_are_split_as_a_whole():
    options = next(one.options for one in WITHIN if one.name == "sharegpt_turns")
    match = options.group_pattern.match("some-conversation-3")
    assert match is not None
    assert match[1] == "some-conversation"


def test_an_index_made_of_vectors_alone_predicts_part_by_part(encoder):
    prompts = [f"prompt number {i}" for i in range(8)]
    vectors = VectorIndex.build(encoder.encode(prompts))
    parts = measure_parts(served_index(vectors, [10, 20], encoder), prompts, batch=2, count=2)
    assert min(parts.encode_ms, parts.search_ms, parts.estimate_ms) > 0
    assert 0 < parts.search_share < 1


def test_an_llms_own_rows_are_searched_by_each_way_and_all_are_found_where_the_search_is_exact():
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    own = OwnRows.shared_by(VectorIndex.build(vectors), 3)
    assert sum(len(rows) for rows in own.members) == 300
    rows = measure_own_rows(own, vectors[:40], repeats=1)
    assert [row["batch"] for row in rows] == [1, 32]
    for row in rows:
        assert (row["own_recall"], row["selector_recall"]) == (1, 1)
        assert row["own_ratio"].median > 0 < row["selector_ratio"].median
