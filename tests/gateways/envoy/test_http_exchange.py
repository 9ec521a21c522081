"""Streams of Envoy's messages, and what goes back: without Envoy, by its contract."""

import json

import pytest

from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.gateways.envoy import envoy_advisor
from scheduler_client.gateways.envoy.envoy_advisor import EnvoyAdvisor
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2 as pb
from scheduler_client.gateways.envoy.processor import EnvoyProcessor
from scheduler_client.gateways.priorities import INT32_MAX
from tests.gateways.envoy.backend import ANSWERS
from tests.scheduler_client.advisor.helpers import (
    ScriptedClient,
    TurnedClock,
    prediction,
    settings,
    until,
)

ARRIVAL = "2026-11-28T10:22:06.744964+00:00"
ARRIVAL_S = 1_795_861_326
PROMPT = b'{"prompt": "hello", "model": "llm", "max_tokens": 9}'
TYPICAL = str(ARRIVAL_S + 9 * 0.02 * 50).partition(".")[0]
PREDICTED = str(ARRIVAL_S + 5)


@pytest.fixture
async def client():
    return ScriptedClient()


@pytest.fixture
async def make(client):
    """Makes processors with settings of the test's own."""
    made = []

    def processor(**options) -> EnvoyProcessor:
        rule = {"rule": "aged", "rule_options": "weight=50", "deadline_s": 10.0}
        own = settings(**rule | options)
        log = RateLimitedLog(TurnedClock())
        advisor = EnvoyAdvisor(own, log, connection=Connection(own, lambda _: client))
        advisor.start()
        made.append(advisor)
        return EnvoyProcessor(advisor, log)

    yield processor
    for advisor in made:
        await advisor.close()


def headers(**named: str) -> pb.HttpHeaders:
    pairs = {":method": "POST", ":path": "/v1/completions"} | {
        name.replace("_", "-").removeprefix("-"): value for name, value in named.items()
    }
    items = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in pairs.items()]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=items))


def request_messages(body=PROMPT, head=None, *, watches=False, observes=False):
    """A request as it is sent to a filter that waits for the priority, or one that observes."""
    first = pb.ProcessingRequest(request_headers=head or headers())
    first.attributes["envoy.filters.http.ext_proc"].update({"request.time": ARRIVAL})
    if not observes:
        first.protocol_config.request_body_mode = pb.BUFFERED_PARTIAL
        first.protocol_config.response_body_mode = pb.STREAMED if watches else pb.NONE
    second = pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=True))
    return observed([first, second]) if observes else [first, second]


def response_messages(answer=""):
    head = {":status": "200", "content-type": ANSWERS[answer].content_type}
    items = [pb.HeaderValue(key=key, raw_value=value.encode()) for key, value in head.items()]
    first = pb.HttpHeaders(headers=pb.HeaderMap(headers=items))
    parts = [pb.HttpBody(body=part) for part in ANSWERS[answer].parts]
    parts.append(pb.HttpBody(end_of_stream=True))
    return [
        pb.ProcessingRequest(response_headers=first),
        *(pb.ProcessingRequest(response_body=part) for part in parts),
    ]


def observed(messages):
    for message in messages:
        message.observability_mode = True
    return messages


async def exchanged(processor, messages):
    """The answers, and how many messages were read for them."""
    read = 0

    async def requests():
        nonlocal read
        for message in messages:
            read += 1
            yield message

    answers = [answer async for answer in processor.Process(requests(), None)]
    return answers, read


def priority_of(answer: pb.ProcessingResponse) -> str | None:
    options = answer.request_body.response.header_mutation.set_headers
    if not options:
        return None
    (option,) = options
    assert option.header.key == "x-vllm-priority"
    assert option.append_action == pb.OVERWRITE_IF_EXISTS_OR_ADD
    assert option.header.value == ""  # Envoy takes raw_value alone
    return option.header.raw_value.decode()


async def test_the_body_is_answered_with_the_priority_and_the_stream_is_left(make, client):
    answers, _ = await exchanged(make(), request_messages())
    assert [answer.WhichOneof("response") for answer in answers] == [
        "request_headers",
        "request_body",
    ]
    assert priority_of(answers[1]) == PREDICTED
    (query,) = client.queries
    assert (query.prompt, query.model, query.max_tokens) == ("hello", "llm", 9)


@pytest.mark.parametrize(
    ("path", "said", "limit"),
    [
        ("/v1/completions", {}, 16),
        ("/prefix/v1/completions?a=b", {"max_tokens": None}, 16),
        ("/v1/completions", {"max_tokens": 9}, 9),
        ("/v1/chat/completions", {}, None),
        ("/v1/responses", {}, None),
    ],
)
async def test_a_limit_that_a_completion_does_not_name_is_vllms_own(
    make, client, path, said, limit
):
    messages = request_messages(
        json.dumps({"prompt": "hello", **said}).encode(), headers(**{":path": path})
    )
    await exchanged(make(), messages)
    (query,) = client.queries
    assert query.max_tokens == limit


async def test_one_filter_may_do_both(make, client):
    messages = [*request_messages(watches=True), *response_messages("stream")]
    answers, read = await exchanged(make(), messages)
    kinds = [answer.WhichOneof("response") for answer in answers]
    assert kinds == [message.WhichOneof("request") for message in messages]
    assert read == len(messages)
    assert priority_of(answers[1]) == PREDICTED
    await until(lambda: bool(client.reported))
    (report,) = client.reported
    assert (report.prompt, report.model, report.output_tokens) == ("hello", "llm", 7)


async def test_who_observes_is_answered_nothing_and_learnt_from(make, client):
    messages = request_messages(observes=True) + observed(response_messages())
    answers, _ = await exchanged(make(), messages)
    assert answers == []
    assert not client.queries
    await until(lambda: bool(client.reported))


async def test_a_body_in_pieces_is_read_whole_by_who_observes(make, client):
    first, _ = request_messages(observes=True)
    pieces = observed(
        [
            pb.ProcessingRequest(request_body=pb.HttpBody(body=PROMPT[:9])),
            pb.ProcessingRequest(request_body=pb.HttpBody(body=PROMPT[9:])),
            pb.ProcessingRequest(request_body=pb.HttpBody(end_of_stream=True)),
        ]
    )
    await exchanged(make(), [first, *pieces, *observed(response_messages())])
    await until(lambda: bool(client.reported))


async def test_a_request_that_trailers_end_is_read_all_the_same(make, client):
    first, body = request_messages(observes=True)
    body.request_body.end_of_stream = False
    await exchanged(make(), [first, body, *observed(response_messages())])
    await until(lambda: bool(client.reported))


async def test_an_answer_that_trailers_end_is_read_all_the_same(make, client):
    *parts, last = response_messages("stream")
    last.response_trailers.SetInParent()
    answers, _ = await exchanged(make(), [*request_messages(watches=True), *parts, last])
    assert answers[-1].WhichOneof("response") == "response_trailers"
    await until(lambda: bool(client.reported))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", PROMPT[:-1], b"[" * 100_000 + b"}"])
async def test_what_cannot_be_read_goes_by_its_arrival(make, client, body):
    answers, _ = await exchanged(make(), request_messages(body))
    assert priority_of(answers[1]) == str(ARRIVAL_S)
    assert not client.queries


async def test_a_compressed_body_goes_by_its_arrival(make):
    messages = request_messages(head=headers(content_encoding="gzip"))
    answers, _ = await exchanged(make(), messages)
    assert priority_of(answers[1]) == str(ARRIVAL_S)


@pytest.mark.parametrize(
    "head",
    [
        {":path": "/v1/embeddings"},
        {":path": "/v1/completions/render"},
        {":method": "GET"},
        {"x-vllm-priority": "7"},
    ],
)
async def test_what_is_not_to_be_placed_is_left_at_its_headers(make, head):
    answers, read = await exchanged(make(), request_messages(head=headers(**head)))
    assert read == 1
    assert [answer.WhichOneof("response") for answer in answers] == ["request_headers"]


@pytest.mark.parametrize(
    ("own", "set_to"),
    [("9" * 12, str(INT32_MAX)), (str(-(2**31) - 1), str(-(2**31))), ("-7", None), ("x", None)],
)
async def test_a_callers_header_beyond_32_bits_is_clamped_which_one_frontend_takes_for_0(
    make, own, set_to
):
    messages = request_messages(head=headers(**{"x-vllm-priority": own}))
    (answer,), _ = await exchanged(make(), messages)
    mutation = answer.request_headers.response.header_mutation
    assert [h.header.raw_value.decode() for h in mutation.set_headers] == [set_to][: bool(set_to)]
    (answer,), _ = await exchanged(make(shadow=True), messages)
    assert not answer.request_headers.response.header_mutation.set_headers


async def test_a_caller_that_leaves_is_not_reported(make, client):
    processor = make()
    await exchanged(processor, request_messages(observes=True))
    parts = observed(response_messages("stream"))[:2]
    await exchanged(processor, request_messages(observes=True) + parts)
    line = processor._advisor.activity.take_line()
    assert line == "calls placed: 0; ended: 2 (2 abort)"
    assert not client.reported


async def test_in_shadow_it_is_asked_and_no_priority_set(make, client):
    answers, _ = await exchanged(make(shadow=True), request_messages())
    assert priority_of(answers[1]) is None
    assert len(client.queries) == 1


async def test_a_prediction_that_is_late_costs_the_deadline_and_no_more(make, client):
    client.hold.clear()
    answers, _ = await exchanged(make(deadline_s=0.01), request_messages())
    assert priority_of(answers[1]) == TYPICAL


async def test_a_prediction_that_can_be_none_is_taken_for_none(make, client):
    client.outcome = lambda prompt: prediction(float("nan"))
    answers, _ = await exchanged(make(), request_messages())
    assert priority_of(answers[1]) == TYPICAL


async def test_a_fault_of_ours_lets_the_request_go_on(make, client):
    processor = make()
    processor._advisor._gateway.asker.ask = None  # calling it raises
    answers, _ = await exchanged(processor, request_messages())
    assert [priority_of(answer) for answer in answers] == [None, None]


async def test_a_body_mode_that_is_not_served_is_left_at_once(make):
    messages = request_messages()
    messages[0].protocol_config.request_body_mode = pb.FULL_DUPLEX_STREAMED
    assert await exchanged(make(), messages) == ([], 1)


async def test_what_answers_teach_is_what_others_are_taken_for(make, client):
    processor = make()
    client.fault = ConnectionError("no")
    await exchanged(processor, request_messages(observes=True) + observed(response_messages()))
    answers, _ = await exchanged(processor, request_messages())
    assert priority_of(answers[1]) == str(ARRIVAL_S + 7)


@pytest.mark.parametrize(("body", "told"), [(PROMPT, 1), (b'{"prompt": "hi", "priority": 7}', 0)])
async def test_the_rule_hears_of_the_ends_of_those_that_it_placed(make, body, told):
    processor = make()
    ended = []
    keys = processor._advisor._gateway._keys
    keys.finished = lambda arrival_s, finished: ended.append(finished)
    await exchanged(processor, request_messages(body))
    for _ in range(2):
        messages = request_messages(body, observes=True) + observed(response_messages("stream"))
        await exchanged(processor, messages)
    assert [one.output_tokens for one in ended] == [7] * told


@pytest.mark.parametrize(("answer", "runs"), [("no-usage", True), ("cut", False)])
async def test_of_a_stream_that_says_no_length_the_rule_learns_how_long_it_ran(make, answer, runs):
    processor = make()
    ended = []
    keys = processor._advisor._gateway._keys
    keys.finished = lambda arrival_s, finished: ended.append(finished)
    await exchanged(processor, request_messages())
    messages = request_messages(observes=True) + observed(response_messages(answer))
    await exchanged(processor, messages)
    assert [one.completed for one in ended] == [runs]


async def test_of_calls_whose_end_is_not_seen_a_bounded_number_is_kept(make, monkeypatch):
    monkeypatch.setattr(envoy_advisor, "MAX_PLACED", 3)
    processor = make()
    for second in range(10, 20):
        messages = request_messages()
        time = ARRIVAL.replace(":06.", f":{second}.")
        messages[0].attributes["envoy.filters.http.ext_proc"].update({"request.time": time})
        await exchanged(processor, messages)
    assert len(processor._advisor._placed) == 3


async def test_what_was_done_is_told_in_a_line(make):
    processor = make()
    await exchanged(processor, request_messages())
    await exchanged(processor, request_messages(b"{"))
    line = processor._advisor.activity.take_line()
    assert line == "calls placed: 2 (1 no_text, 1 predicted); ended: 0"
    assert processor._advisor.activity.take_line() == ""
