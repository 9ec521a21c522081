"""How answers ended, read off their bytes however those are cut."""

import json

import pytest

from scheduler_client.gateways import answer_reader, sse_events
from scheduler_client.gateways.answer_reader import AnswerReader
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.sse_events import SseEvents
from tests.gateways.envoy.backend import ANSWERS, Answer, chat_choice, chunk, event, events, whole

KNOWN = {
    "": "stop",
    "length": "length",
    "tools": "stop",
    "text": "stop",
    "stream": "stop",
    "response": "stop",
    "incomplete": "length",
    "response-stream": "stop",
    "message": "stop",
    "message-stream": "length",
}
UNKNOWN = {
    "no-usage": "no_usage",
    "aborted": "abort",
    "filtered": "abort",
    "cut": "abort",
    "error": "error",
    "no-json": "unreadable",
    "gzip": "unreadable",
}


def read(answer: Answer, step: int, *, is_whole: bool = True) -> Ending:
    headers = {":status": str(answer.status), "content-type": answer.content_type}
    reader = AnswerReader(headers | {"content-encoding": answer.encoding})
    content = b"".join(answer.parts)
    for start in range(0, len(content), step):
        reader.feed(content[start : start + step], float(start))
    return reader.ending(whole=is_whole)


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("name", KNOWN)
def test_an_answers_length_and_reason_are_read_wherever_its_bytes_are_cut(name, step):
    ending = read(ANSWERS[name], step)
    assert (ending.kind, ending.output_tokens, ending.input_tokens) == (KNOWN[name], 7, 3)


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize("name", UNKNOWN)
def test_an_answer_of_unknown_length_is_told_from_others_by_its_cause(name, step):
    assert read(ANSWERS[name], step).kind == UNKNOWN[name]


def test_of_several_answers_the_mean_counts_and_one_that_was_cut_off_cuts_all():
    choices = [chat_choice(), chat_choice("length", index=1)]
    ending = read(whole({"choices": choices, "usage": {"completion_tokens": 9}}), 100)
    assert (ending.kind, ending.output_tokens) == ("length", 4)


def test_a_stream_of_several_answers_has_ended_when_all_have():
    parts = [chunk("stop"), chunk(index=1)]
    assert read(events(*parts, chunk(tokens=8)), 50).kind == "abort"
    ending = read(events(*parts, chunk("stop", index=1), chunk(tokens=8)), 50)
    assert (ending.kind, ending.output_tokens) == ("stop", 4)


def test_a_stream_whose_usage_grows_with_every_piece_has_the_last():
    pieces = [{**chunk(), "usage": {"completion_tokens": tokens}} for tokens in (1, 2, 3)]
    ending = read(events(*pieces, {**chunk("stop"), "usage": {"completion_tokens": 4}}), 50)
    assert (ending.kind, ending.output_tokens) == ("stop", 4)


def test_of_a_stream_that_was_cut_after_its_usage_the_length_is_known():
    answer = events(chunk("stop"), chunk(tokens=7), done=False)
    assert read(answer, 50, is_whole=False).output_tokens == 7


@pytest.mark.parametrize("numbers", [(0, 1), (1,)])
def test_of_a_stream_of_several_answers_that_was_cut_the_length_is_not_known(numbers):
    """The usage may be that of one answer alone: vLLM says it so with each event."""
    parts = [{**chunk("stop", index=n), "usage": {"completion_tokens": 9}} for n in numbers]
    assert read(events(*parts, done=False), 50, is_whole=False).kind == "abort"
    assert read(events(*parts), 50).kind == "stop"


def test_of_a_whole_answer_that_was_cut_nothing_is_known():
    content = ANSWERS[""].parts[0]
    assert read(Answer((content[:-5],)), 50, is_whole=False).kind == "abort"
    assert read(Answer((content[:-5],)), 50).kind == "unreadable"


def timed(*pieces: bytes) -> float | None:
    """When the first token came of a stream of which a piece came each second, from 0."""
    reader = AnswerReader({":status": "200", "content-type": "text/event-stream"})
    for second, piece in enumerate((*pieces, event(chunk("stop")), event(chunk(tokens=7)))):
        reader.feed(piece, float(second))
    return reader.ending(whole=True).first_token_s


def test_only_of_a_stream_is_it_known_when_the_first_token_came():
    assert timed(event(chunk())) == 0.0
    assert timed(event(chunk())[:9], event(chunk())[9:]) == 1.0
    assert read(ANSWERS[""], 7).first_token_s is None


def early(name: str) -> bytes:
    return event({"type": name, "response": {"object": "response", "status": "queued"}})


EARLY = [early(f"response.{name}") for name in ("created", "queued", "in_progress")]


@pytest.mark.parametrize(
    "before", [*EARLY, b": ping\n\n", b":\n", b"\n", event({"type": "ping"}), b"event: x\n"]
)
def test_what_comes_before_anything_runs_is_no_first_token(before):
    assert timed(before, before, event(chunk())) == 2.0


def test_a_token_of_the_responses_api_is_the_first_after_all_that_come_before():
    delta = {"type": "response.output_text.delta", "delta": "hello"}
    assert timed(b"".join(EARLY), event(delta)) == 1.0


def test_an_event_that_is_left_unread_may_be_the_first_token():
    reader = AnswerReader({":status": "200", "content-type": "text/event-stream"})
    reader.feed(b": ping\n\n", 1.0)
    reader.skip(2.0)
    reader.skip(3.0)
    reader.feed(event(chunk("stop")) + event(chunk(tokens=7)), 4.0)
    assert reader.ending(whole=True) == Ending("stop", 7, 3, 2.0)


def test_an_error_in_the_middle_of_a_stream_is_one():
    assert read(events(chunk(), {"error": {"message": "no"}}, chunk("stop")), 9).kind == "error"


@pytest.mark.parametrize("value", [True, -1, 0, 1.5, "7", None, [7]])
def test_a_length_that_can_be_none_is_unknown(value):
    answer = whole({"choices": [chat_choice()], "usage": {"completion_tokens": value}})
    assert read(answer, 100).kind == "no_usage"


@pytest.mark.parametrize(
    "fields",
    [[], "text", 7, None, {}, {"choices": 7}, {"choices": [None]}, {"usage": []}, {"delta": []}],
)
def test_json_of_another_shape_is_no_answer(fields):
    assert read(Answer((json.dumps(fields).encode(),)), 100).kind == "abort"


def test_what_is_nested_too_deeply_is_not_read():
    assert read(Answer((b"[" * 200_000,)), 200_000).kind == "unreadable"


def test_what_is_too_long_is_not_kept(monkeypatch):
    monkeypatch.setattr(answer_reader, "MAX_ANSWER_BYTES", 20)
    monkeypatch.setattr(sse_events, "MAX_EVENT_BYTES", 20)
    assert read(ANSWERS[""], 7).kind == "unreadable"
    assert read(ANSWERS["stream"], 7).kind == "unreadable"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("step", [1, 3, 100])
def test_events_come_out_as_they_went_in(newline, step):
    lines = [b": a comment", b"event: x", b"data: one", b"", b"", b"data:two", b"data: three", b""]
    content = newline.join([*lines, b"data: left"])
    parser = SseEvents()
    pieces = [content[start : start + step] for start in range(0, len(content), step)]
    assert [data for piece in pieces for data in parser.feed(piece)] == [b"one", b"two\nthree"]


def test_the_last_event_counts_without_the_line_that_ends_it():
    parser = SseEvents()
    assert list(parser.feed(b"data: one\n")) == []
    assert parser.last() == b"one"
