"""What LengthPredictorClient asks and answers, against a real gRPC server."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client import (
    ChatMessage,
    ClientClosedError,
    CompletedRequest,
    HealthStatus,
    IncompatibleServerError,
    InvalidRequestError,
    LengthPredictorClient,
    Prediction,
    PredictionFailure,
    PredictionQuery,
    ReportReceipt,
    ServerUnavailableError,
    Timing,
)
from tests.scheduler_client.fake_service import serving


@pytest.fixture
def client(running):
    with LengthPredictorClient(running.target, timeout_s=20) as client:
        yield client


def test_predict_gives_the_whole_distribution_with_its_grounds(client):
    prediction = client.predict("x" * 100, model="llm", request_id="r1", neighbour_count=2)

    assert prediction.request_id == "r1"
    assert prediction.expected_tokens == 100
    assert prediction.quantile_levels == (0.05, 0.25, 0.5, 0.75, 0.95)
    assert prediction.p50_tokens == pytest.approx(50)
    assert prediction.p90_tokens == pytest.approx(90)
    assert prediction.confidence == 0.75
    assert prediction.basis == "neighbours"
    assert [n.id for n in prediction.neighbours] == ["row-0", "row-1"]
    assert prediction.model_known
    assert prediction.index_version == "v1"
    assert prediction.timing == Timing(1, 2, 3, 4)


def test_predict_sends_every_option(client, service):
    options = {"model": "m", "max_tokens": 7, "neighbour_count": 0, "temperature": 0.0}
    client.predict("hi", include_neighbour_text=True, **options)

    (sent,) = service.received
    assert sent == pb.PredictRequest(prompt="hi", include_neighbour_text=True, **options)
    assert sent.HasField("temperature"), "0 is greedy decoding, not unknown"


def test_options_that_are_not_given_are_left_to_the_service(client, service):
    client.predict("hi")

    (sent,) = service.received
    assert not sent.HasField("max_tokens")
    assert not sent.HasField("temperature")
    assert not sent.HasField("neighbour_count")


def test_predict_takes_a_conversation_as_messages_or_as_openai_mappings(client, service):
    client.predict(messages=[ChatMessage("user", "hello"), {"role": "user", "content": "you"}])

    (sent,) = service.received
    assert [(m.role, m.content) for m in sent.messages] == [("user", "hello"), ("user", "you")]
    assert sent.prompt == ""


def test_options_of_the_call_win_over_those_of_the_query(client, service):
    client.predict(PredictionQuery("hi", model="a", max_tokens=5), model="b")

    (sent,) = service.received
    assert (sent.model, sent.max_tokens) == ("b", 5)


def test_predict_raises_what_the_service_refuses_in_its_own_words(client):
    with pytest.raises(InvalidRequestError, match=r"^bad one$"):
        client.predict("bad")


def test_predict_many_keeps_the_order_over_several_messages(client, service):
    predictions = client.predict_many(
        (PredictionQuery("x" * n, request_id=str(n)) for n in range(1, 601)), raise_on_failure=True
    )

    assert [p.request_id for p in predictions] == [str(n) for n in range(1, 601)]
    assert [p.expected_tokens for p in predictions] == list(range(1, 601))
    assert [len(message.requests) for message in service.received] == [256, 256, 88]


def test_predict_many_of_nothing_asks_nothing(client, service):
    assert client.predict_many([]) == []
    assert service.received == []


def test_a_prompt_that_fails_among_many_fails_alone_and_in_its_place(client):
    outcomes = client.predict_many(
        [
            "good",
            PredictionQuery("bad", request_id="b"),
            "",
            "\ud800",
            PredictionQuery("x", max_tokens=-1),
        ]
    )

    assert isinstance(outcomes[0], Prediction)
    assert isinstance(outcomes[1], PredictionFailure)
    assert outcomes[1].request_id == "b"
    messages = [str(outcome.error) for outcome in outcomes[1:]]
    assert messages[0] == "bad one"
    assert messages[1].startswith("prompt is empty: expected at least one visible character")
    assert "lone surrogate" in messages[2]
    assert messages[3] == "max_tokens is -1: expected 1 to 4,294,967,295"


def test_predict_many_can_raise_the_first_failure(client):
    with pytest.raises(InvalidRequestError, match="bad one"):
        client.predict_many(["good", "bad"], raise_on_failure=True)


def test_predict_many_refuses_a_single_string_which_would_be_read_letter_by_letter(client):
    with pytest.raises(InvalidRequestError, match="one string"):
        client.predict_many("hello")


def test_long_prompts_are_spread_over_messages_that_the_server_takes(client, service):
    predictions = client.predict_many(["x" * 1_500_000] * 5, raise_on_failure=True)

    assert [p.expected_tokens for p in predictions] == [1_500_000] * 5
    assert [len(message.requests) for message in service.received] == [2, 2, 1]


def test_a_prompt_over_the_message_limit_is_refused_alone_with_both_sizes(client):
    outcomes = client.predict_many(["good", "x" * 10_000_000, "good"])

    assert [type(o) for o in outcomes] == [Prediction, PredictionFailure, Prediction]
    with pytest.raises(InvalidRequestError, match=r"10,000,005 bytes.*holds 4,194,304"):
        client.predict("x" * 10_000_000)


def test_a_service_that_answers_too_few_is_not_believed(client, service):
    service.drop_results = 1
    with pytest.raises(IncompatibleServerError, match="1 results for 2 requests"):
        client.predict_many(["a", "b"])


def test_a_stream_answers_each_prompt_before_the_next_is_there(client):
    answered = threading.Event()

    def prompts():
        for n in (1, 2, 3):
            yield "x" * n
            assert answered.wait(20)
            answered.clear()

    seen = []
    for outcome in client.predict_stream(prompts()):
        seen.append(outcome.expected_tokens)
        answered.set()
    assert seen == [1, 2, 3]


def test_a_stream_gathers_prompts_into_messages_when_told_to(client, service):
    outcomes = list(client.predict_stream(["x"] * 10, prompts_per_message=4))

    assert len(outcomes) == 10
    assert [len(message.requests) for message in service.received] == [4, 4, 2]


def test_a_prompt_that_fails_in_a_stream_fails_alone_and_in_its_place(client):
    outcomes = list(client.predict_stream(["aa", "bad", "\ud800", "bbb"]))

    assert [type(o) for o in outcomes] == [
        Prediction,
        PredictionFailure,
        PredictionFailure,
        Prediction,
    ]


def test_an_error_of_the_callers_own_iterator_is_raised_after_what_was_sent_is_answered(client):
    def prompts():
        yield "a"
        raise RuntimeError("my own")

    stream = client.predict_stream(prompts())
    assert next(stream).expected_tokens == 1
    with pytest.raises(RuntimeError, match="my own"):
        next(stream)


def test_leaving_a_stream_early_ends_the_call_on_the_server(client, service):
    stream = client.predict_stream("x" for _ in iter(int, 1))
    next(stream)
    stream.close()
    assert service.cancelled.wait(20)


def test_a_stream_reads_no_further_ahead_than_max_in_flight(client, service):
    taken = []

    def prompts():
        for n in range(1000):
            taken.append(n)
            yield "x"

    service.gate.clear()
    stream = client.predict_stream(prompts(), max_in_flight=8)
    reader = threading.Thread(target=next, args=(stream,))
    reader.start()
    assert service.entered.wait(20)
    service.gate.set()
    reader.join()
    # One answered, eight in flight, and one packed and waiting for its turn.
    assert len(taken) <= 10
    assert len(list(stream)) == 999


def test_closing_the_client_ends_a_stream_as_closed(client):
    stream = client.predict_stream("x" for _ in iter(int, 1))
    next(stream)
    client.close()
    with pytest.raises(ClientClosedError):
        list(stream)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts_per_message": 0}, "prompts_per_message is 0: expected 1 to 256"),
        ({"max_in_flight": 0}, "max_in_flight is 0: expected at least 1"),
        ({"timeout_s": 0}, "timeout_s is 0: expected seconds above 0"),
    ],
)
def test_bad_stream_options_are_refused_at_once(client, options, message):
    with pytest.raises(InvalidRequestError, match=message):
        client.predict_stream(["a"], **options)


def test_report_counts_what_is_new_and_what_was_known(client, service):
    completions = [CompletedRequest(f"id-{n}", n, "prompt", model="llm") for n in range(300)]

    assert client.report(completions) == ReportReceipt(stored=300, duplicates=0)
    assert client.report(completions[:5]) == ReportReceipt(stored=0, duplicates=5)
    assert len(service.stored) == 300


def test_report_carries_limit_finish_reason_and_temperature(client, service):
    how = {"max_tokens": 5, "temperature": 0.5}
    client.report([CompletedRequest("a", 5, "p", finish_reason="length", **how)])

    assert service.stored["a"] == pb.Completion(
        request_id="a",
        prompt="p",
        output_tokens=5,
        finish_reason=pb.FINISH_REASON_LENGTH,
        **how,
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (CompletedRequest("", 5, "p"), "completion 2: request_id is empty"),
        (CompletedRequest("b", 5, ""), "completion 2: prompt is empty"),
        (
            CompletedRequest("b", 2.5, "p"),
            "completion 2: output_tokens is 2.5: expected an integer",
        ),
        (CompletedRequest("b", 5, "p", finish_reason="eos"), "finish_reason is 'eos'"),
    ],
)
def test_one_completion_that_cannot_be_sent_stops_the_report_before_anything_is_stored(
    client, service, bad, message
):
    with pytest.raises(InvalidRequestError, match=message):
        client.report([CompletedRequest("a", 5, "p"), bad])
    assert service.stored == {}


def test_a_negative_length_is_refused_by_the_service_with_a_message(client):
    with pytest.raises(InvalidRequestError, match="output_tokens is -3: expected at least 0"):
        client.report([CompletedRequest("a", -3, "p")])


def test_health_tells_serving_not_serving_and_unknown_services_apart(client, running):
    from grpc_health.v1 import health_pb2

    assert client.health() is HealthStatus.SERVING
    running.health.set("mine", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert client.health("mine") is HealthStatus.NOT_SERVING
    assert not client.health("mine")
    assert client.health("no.such.Service") is HealthStatus.SERVICE_UNKNOWN


def test_info_tells_what_the_index_holds(client):
    info = client.info()

    assert info.index_version == "v1"
    assert info.rows == 1000
    assert info.models[0].median_tokens == 105
    assert info.quantile_levels == (0.05, 0.25, 0.5, 0.75, 0.95)
    assert info.created_at.year == 2023


def test_a_closed_client_says_so(client):
    client.close()
    with pytest.raises(ClientClosedError, match="closed"):
        client.predict("hi")


def test_closing_during_a_call_ends_it_as_closed(running, service):
    service.gate.clear()
    client = LengthPredictorClient(running.target, timeout_s=20)
    raised = []

    def ask():
        try:
            client.predict("hi")
        except ClientClosedError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert service.entered.wait(20)
    client.close()
    asking.join(20)
    assert len(raised) == 1


def test_threads_may_share_a_client(client):
    lengths = [n % 9 + 1 for n in range(160)]
    with ThreadPoolExecutor(8) as pool:
        predictions = list(pool.map(client.predict, ["x" * length for length in lengths]))
    assert [p.expected_tokens for p in predictions] == lengths


def test_a_stream_that_the_service_ends_early_is_an_error_with_what_is_missing(running, service):
    def ends_early(request_iterator, context):
        next(request_iterator)
        return
        yield

    service.PredictStream = ends_early
    # The server looked its handlers up when it was built: serve this one anew.
    with (
        serving(service) as again,
        LengthPredictorClient(again.target) as client,
        pytest.raises(ServerUnavailableError, match="unanswered"),
    ):
        list(client.predict_stream(["a", "b"]))
