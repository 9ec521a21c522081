"""What is asked about a call of LiteLLM's, and what is added to it."""

import pytest

from scheduler_client.gateways.litellm_call import added_to, read_call
from scheduler_client.gateways.priorities import RequestFields

HEADER = RequestFields(headers={"X-Vllm-Priority": "9"})
HINTS = RequestFields(body={"nvext": {"agent_hints": {"osl": 8, "priority": -1}}})


@pytest.mark.parametrize(
    ("call_type", "data", "text"),
    [
        ("acompletion", {"messages": [{"role": "user", "content": "hi"}]}, "hi"),
        ("atext_completion", {"prompt": "hi"}, "hi"),
        ("aresponses", {"input": "hi", "instructions": "be brief"}, "system: be brief\nhi"),
        (
            "aresponses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
            "hi",
        ),
        (
            "anthropic_messages",
            {"system": "be brief", "messages": [{"role": "user", "content": "hi"}]},
            "system: be brief\nhi",
        ),
    ],
)
def test_whatever_generates_text_is_asked_about_by_its_text(call_type, data, text):
    assert read_call({"model": "m", **data}, call_type).text == text


@pytest.mark.parametrize(
    "call_type", ["aembedding", "embeddings", "image_generation", "moderation", "rerank", ""]
)
def test_other_calls_are_not(call_type):
    assert read_call({"model": "m", "input": "hi"}, call_type) is None


@pytest.mark.parametrize("prompt", [["one", "two"], [1, 2, 3], [[1], [2]], "", None])
def test_several_prompts_and_token_ids_have_no_text(prompt):
    assert read_call({"prompt": prompt}, "atext_completion").text is None


def test_the_limit_is_read_under_each_of_its_names():
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    assert [read_call({name: 5}, "acompletion").max_tokens for name in names] == [5, 5, 5]


def test_headers_and_fields_stand_beside_the_callers():
    data = {"extra_headers": {"x-team": "a"}, "extra_body": {"top_k": 5}}
    assert added_to(data, HEADER) == {"extra_headers": {"x-team": "a", "X-Vllm-Priority": "9"}}
    assert added_to(data, HINTS) == {"extra_body": {"top_k": 5, **HINTS.body}}


def test_a_priority_that_the_caller_set_wins():
    assert added_to({"extra_headers": {"x-vllm-priority": "7"}}, HEADER) == {
        "extra_headers": {"x-vllm-priority": "7"}
    }
    own = {"extra_body": {"nvext": {"agent_hints": {"priority": 3}}}}
    hints = added_to(own, HINTS)["extra_body"]["nvext"]["agent_hints"]
    assert hints == {"priority": 3, "osl": 8}


@pytest.mark.parametrize("nothing", [None, "text", []])
def test_what_is_no_object_is_taken_for_none(nothing):
    added = added_to({"extra_headers": nothing}, HEADER)
    assert added == {"extra_headers": {"X-Vllm-Priority": "9"}}
