"""What LiteLLM's standard logging payload says of an end; shapes as litellm 1.110.2 writes them."""

import pytest

from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.litellm_call import answering_model, metadata_of, read_ending


def choice(reason="stop", **fields):
    return {"index": 0, "finish_reason": reason, "message": {"content": "hello"}, **fields}


def payload(*choices, **fields):
    return {
        "status": "success",
        "completion_tokens": 12,
        "prompt_tokens": 7,
        "cache_hit": None,
        "stream": None,
        "endTime": 1_000.5,
        "completionStartTime": 1_000.5,
        "error_information": {"error_code": "", "error_class": ""},
        "response": {"object": "chat.completion", "choices": list(choices or [choice()])},
    } | fields


def test_a_whole_answer_has_its_length_and_its_end():
    assert read_ending(payload()) == Ending("stop", 12, 7, None, 1_000.5)


def test_of_a_stream_the_first_tokens_time_is_known():
    streamed = payload(stream=True, completionStartTime=1_000.1)
    assert read_ending(streamed).first_token_s == 1_000.1


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call"])
def test_an_answer_that_the_llm_ended_is_whole(reason):
    assert read_ending(payload(choice(reason))).finish_reason == "stop"


def test_an_answer_at_its_limit_is_cut():
    assert read_ending(payload(choice("length"))).finish_reason == "length"


def test_of_several_answers_the_mean_counts_and_one_that_was_cut_makes_it_a_lower_bound():
    ending = read_ending(payload(choice(), choice(index=1), choice("length", index=2)))
    assert (ending.output_tokens, ending.finish_reason) == (4, "length")


def test_a_client_that_left_is_an_abort_though_the_status_is_success_and_the_reason_stop():
    left = {"error_code": "499", "error_class": "ClientDisconnected"}
    assert read_ending(payload(error_information=left)).finish_reason == "abort"


@pytest.mark.parametrize("native", [{}, {"native_finish_reason": "refusal"}])
def test_an_answer_that_a_filter_broke_off_says_nothing_of_the_llm(native):
    ending = read_ending(payload(choice("content_filter", provider_specific_fields=native)))
    assert ending.finish_reason == "abort"


def test_an_engine_that_gave_up_is_an_abort_though_litellm_says_stop():
    native = {"native_finish_reason": "abort"}
    ending = read_ending(payload(choice("stop", provider_specific_fields=native)))
    assert ending.finish_reason == "abort"


@pytest.mark.parametrize(
    "said",
    [
        {"status": "failure"},
        {"error_information": {"error_code": "500"}},
        {"cache_hit": True},
        {"completion_tokens": 0},
        {"completion_tokens": None},
        {"response": {}},
        {"response": None},
        {"response": {"choices": []}},
        {"response": {"choices": None}},
    ],
)
def test_what_failed_or_came_from_the_cache_or_has_no_length_says_nothing_of_the_llm(said):
    assert read_ending(payload(**said)).finish_reason == "error"


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("completed", None, "stop"),
        ("incomplete", {"reason": "max_output_tokens"}, "length"),
        ("cancelled", None, "abort"),
    ],
)
def test_a_response_of_the_responses_api_says_so_in_its_own_words(status, details, reason):
    response = {"object": "response", "status": status, "incomplete_details": details, "output": []}
    ending = read_ending(payload(response=response))
    assert (ending.finish_reason, ending.output_tokens) == (reason, 12)


@pytest.mark.parametrize("value", [{}, {"response": 5, "error_information": "no", "stream": 1}])
def test_a_payload_of_another_shape_is_no_length(value):
    assert read_ending(value).finish_reason == "error"


@pytest.mark.parametrize(
    ("said", "counted", "model"),
    [
        ({"model_group": "fallback"}, {"attempted_fallbacks": 1}, "fallback"),
        ({"model_group": "fallback"}, {}, "fallback"),
        ({"model_group": "a team's own"}, {"attempted_fallbacks": 0}, ""),
        ({"model_group": None}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_who_answered_is_the_model_group_but_where_there_was_no_fallback(said, counted, model):
    assert answering_model(payload(**said), counted) == model


@pytest.mark.parametrize("name", ["metadata", "litellm_metadata"])
def test_the_metadata_is_found_wherever_the_router_left_it(name):
    told = {"litellm_params": {name: {"attempted_fallbacks": 0}}}
    assert metadata_of(told) == {"attempted_fallbacks": 0}
    assert metadata_of({"litellm_params": None}) == metadata_of({}) == {}
