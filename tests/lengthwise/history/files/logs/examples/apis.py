"""Logs in the words of the APIs that were called: OpenAI's, Anthropic's, and their batches."""

from typing import Any

from tests.lengthwise.history.files.logs.examples.log import ASKED, LIMIT, Log


def chat_response(tokens: int, reason: str, *, choices: int = 1) -> dict[str, Any]:
    """What an OpenAI chat server gives back."""
    message = {"role": "assistant", "content": "Lake Geneva."}
    return {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": place, "message": message, "finish_reason": reason}
            for place in range(choices)
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens},
    }


def response_object(tokens: int, status: str, **changes: Any) -> dict[str, Any]:
    """An object of OpenAI's Responses API, merged with its input."""
    said = {"type": "output_text", "text": "Lake Geneva.", "annotations": []}
    return {
        "id": "resp_7",
        "object": "response",
        "status": status,
        "model": "m",
        "instructions": "Be brief.",
        "input": "Name a lake.",
        "max_output_tokens": LIMIT,
        "incomplete_details": None,
        "error": None,
        "output": [{"type": "message", "role": "assistant", "content": [said]}],
        "usage": {"input_tokens": 9, "output_tokens": tokens},
    } | changes


ANTHROPIC_ASKED = {
    "model": "m",
    "max_tokens": LIMIT,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Name a lake."}],
}


def anthropic_message(tokens: int, reason: str) -> dict[str, Any]:
    """What Anthropic's Messages API gives back."""
    return {
        "id": "msg_7",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Lake Geneva."}],
        "stop_reason": reason,
        "usage": {"input_tokens": 9, "output_tokens": tokens},
    }


def batch_request(key: str) -> dict[str, Any]:
    """A line of an OpenAI Batch's input file."""
    body = {"model": "m", "messages": ASKED, "max_tokens": LIMIT}
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


def batch_answer(key: str, body: dict[str, Any], code: int = 200) -> dict[str, Any]:
    """A line of an OpenAI Batch's output file."""
    response = {"status_code": code, "request_id": "q", "body": body}
    return {"id": f"batch_{key}", "custom_id": key, "response": response, "error": None}


LOGS: tuple[Log, ...] = (
    Log(
        "openai",
        [
            {"messages": ASKED, "max_tokens": LIMIT, **chat_response(tokens, reason)}
            for tokens, reason in ((5, "stop"), (64, "length"))
        ],
        failed={"messages": ASKED, "choices": [], "error": {"message": "no"}},
    ),
    Log(
        "responses",
        [
            response_object(5, "completed"),
            response_object(64, "incomplete", incomplete_details={"reason": "max_output_tokens"}),
        ],
        failed=response_object(0, "failed", error={"code": "server_error"}),
    ),
    Log(
        "openai-batch",
        [batch_request("a"), batch_request("b")],
        answers=[  # in another order
            batch_answer("b", chat_response(64, "length")),
            batch_answer("a", chat_response(5, "stop")),
            batch_answer("c", {"error": {"message": "no"}}, code=400),
        ],
        failed=batch_request("c"),
    ),
    Log(
        "anthropic",
        [
            {"request": ANTHROPIC_ASKED, "response": anthropic_message(tokens, reason)}
            for tokens, reason in ((5, "end_turn"), (64, "max_tokens"))
        ],
        failed={"request": ANTHROPIC_ASKED, "response": None, "error": {"type": "overloaded"}},
    ),
    Log(
        "anthropic-batch",
        [{"custom_id": key, "params": ANTHROPIC_ASKED} for key in "ab"],
        answers=[
            {
                "custom_id": key,
                "result": {"type": "succeeded", "message": anthropic_message(tokens, reason)},
            }
            for key, tokens, reason in (("a", 5, "end_turn"), ("b", 64, "max_tokens"))
        ]
        + [{"custom_id": "c", "result": {"type": "errored", "error": {"type": "error"}}}],
        failed={"custom_id": "c", "params": ANTHROPIC_ASKED},
    ),
)
