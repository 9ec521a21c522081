"""The metrics, as Prometheus gets them from a real service."""

import asyncio
import urllib.request
from dataclasses import replace

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lengthwise.index.estimate.estimate import Query
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.batching.batch_meter import BatchMeter
from predictor_service.batching.job import Answer
from predictor_service.errors import StartUpError
from predictor_service.histogram import Histogram
from predictor_service.serving_index.inference import BatchFacts
from tests.predictor_service.fakes import FakeIndex

PREFIX = "lengthwise_service_"


def scrape(running):
    port = running.service.metrics.port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        (sample.name.removeprefix(PREFIX), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scraped(running):
    return await asyncio.to_thread(scrape, running)


async def test_calls_are_counted_by_method_and_status(serve):
    running = await serve(metrics_port=0)
    for prompt in ("one", "two"):
        await running.stub.Predict(pb.PredictRequest(prompt=prompt))
    with pytest.raises(grpc.aio.AioRpcError):
        await running.stub.Predict(pb.PredictRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await running.stub.Report(pb.ReportRequest())
    call = running.stub.PredictStream()
    await call.done_writing()
    assert [answer async for answer in call] == []
    found = await scraped(running)
    assert found["requests_total", "OK", "Predict"] == 2
    assert found["requests_total", "INVALID_ARGUMENT", "Predict"] == 1
    assert found["requests_total", "INVALID_ARGUMENT", "Report"] == 1
    assert found["requests_total", "OK", "PredictStream"] == 1
    assert found["requests_under_way",] == 0
    assert found["request_seconds_count", "Predict"] == 3
    assert ("request_seconds_count", "PredictStream") not in found


async def test_a_call_that_its_caller_gives_up_counts_as_cancelled(serve):
    index = FakeIndex()
    running = await serve(index, metrics_port=0)
    index.gate.clear()
    call = running.stub.Predict(pb.PredictRequest(prompt="slow"))
    await asyncio.to_thread(index.entered.acquire, timeout=20)
    assert (await scraped(running))["requests_under_way",] == 1
    call.cancel()
    while running.service.calls.under_way:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert (await scraped(running))["requests_total", "CANCELLED", "Predict"] == 1


async def test_micro_batches_and_the_cache_are_measured(serve):
    running = await serve(metrics_port=0, queue_capacity=5_000)
    requests = [pb.PredictRequest(prompt=f"p{i}") for i in range(3)]
    await running.stub.PredictBatch(pb.PredictBatchRequest(requests=requests))
    await running.stub.Predict(requests[0])
    found = await scraped(running)
    assert found["batch_prompts_sum",] == found["queue_seconds_count",] == 3
    assert found["encode_seconds_count",] == found["batch_prompts_count",] >= 1
    assert (found["cache_lookups_total", "hit"], found["cache_lookups_total", "miss"]) == (1, 3)
    assert found["cache_answers",] == 3
    assert (found["queue_prompts",], found["queue_capacity_prompts",]) == (0, 5_000)


async def test_the_index_its_age_and_its_swaps_are_told(serve):
    running = await serve(FakeIndex("v1"), FakeIndex("v2"), metrics_port=0)
    found = await scraped(running)
    assert found["index_info", "v1"] == 1
    assert found["index_swaps_total",] == 0
    await running.service.holder.swap(FakeIndex("v2"))
    found = await scraped(running)
    assert found["index_info", "v2"] == found["index_swaps_total",] == found["serving",] == 1
    assert ("index_info", "v1") not in found
    assert found["index_age_seconds",] > 0


async def test_reports_are_counted_and_judged(serve):
    running = await serve(metrics_port=0)
    await running.stub.Predict(pb.PredictRequest(prompt="hello", request_id="r1"))
    completion = pb.Completion(request_id="r1", prompt="hello", output_tokens=5)
    await running.stub.Report(pb.ReportRequest(completions=[completion]))
    found = await scraped(running)
    assert found["completions_total",] == 1
    assert found["drift_judged_total",] + found["drift_unmatched_total",] == 1


async def test_there_are_metrics_while_the_index_is_still_loaded(serve):
    running = await serve(metrics_port=0, load=False)
    found = await scraped(running)
    assert found["serving",] == 0
    assert found["process_open_fds",] > 0


async def test_a_taken_metrics_port_stops_the_start(serve):
    running = await serve(metrics_port=0)
    with pytest.raises(StartUpError, match=r"--metrics-port .* cannot be used"):
        await serve(metrics_port=running.service.metrics.port)


def test_each_process_has_a_metrics_port_of_its_own(make_config):
    config = make_config(processes=3, metrics_port=9_100)
    assert [config.for_worker(i).metrics_port for i in range(3)] == [9_100, 9_101, 9_102]
    assert make_config(processes=3, metrics_port=0).for_worker(2).metrics_port == 0


def test_a_histogram_counts_up_to_each_bound():
    histogram = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 9):
        histogram.observe(value)
    counted = histogram.read()
    assert (counted.cumulative, counted.total) == ((2, 3, 4), 12)


def test_a_micro_batch_is_counted_once_and_its_failures_apart():
    meter = BatchMeter()
    facts = BatchFacts("v1", 2, 1_000, 2_000)
    (second,) = FakeIndex().estimate([[5]], [Query("p")])
    first = replace(second, tier="first")
    meter.computed([Answer(first, 500_000, facts), Answer(second, 0, facts), None])
    assert meter.by_tier == {"first": 1, "second": 1}
    assert meter.sizes.read().total == 2
    assert meter.queue_s.read().total == 0.5
    assert (meter.encode_s.read().total, meter.search_s.read().total) == (0.001, 0.002)
    assert meter.failed == 1


async def test_names_of_llms_that_the_index_does_not_know_share_one_label(serve):
    running = await serve(metrics_port=0)
    for number in range(30):
        prompt, model = f"p{number}", f"made up {number}"
        await running.stub.Predict(pb.PredictRequest(prompt=prompt, model=model))
        await running.stub.Report(
            pb.ReportRequest(
                completions=[
                    pb.Completion(
                        request_id=prompt, prompt=prompt, model=model, output_tokens=number
                    )
                ]
            )
        )
    told = await asyncio.to_thread(scrape, running)
    assert {key[1] for key in told if key[0] == "drift_rows"} == {"(others)"}


async def test_the_descriptors_that_are_open_and_may_be_are_told(serve):
    running = await serve(metrics_port=0)
    told = await asyncio.to_thread(scrape, running)
    assert 0 < told["process_open_fds",] < told["process_max_fds",]
