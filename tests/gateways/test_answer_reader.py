"""How answers ended, read off their bytes however those are cut."""

import json

import pytest

from scheduler_client.gateways import answer_reader, sse_events
from scheduler_client.gateways.answer_reader import AnswerReader
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.sse_events import SseEvents
from tests.gateways.envoy.backend import ANSWERS, Answer, chat_choice, chunk, events, whole

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


def test_of_a_whole_answer_that_was_cut_nothing_is_known():
    content = ANSWERS[""].parts[0]
    assert read(Answer((content[:-5],)), 50, is_whole=False).kind == "abort"
    assert read(Answer((content[:-5],)), 50).kind == "unreadable"


def test_only_of_a_stream_is_it_known_when_the_first_token_came():
    assert read(ANSWERS["stream"], 7).first_token_s == 0.0
    assert read(ANSWERS[""], 7).first_token_s is None


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
