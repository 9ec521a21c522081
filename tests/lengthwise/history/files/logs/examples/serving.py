"""Logs of servers, and of what measures them."""

import json
from typing import Any

from tests.lengthwise.history.files.logs.examples.log import ASKED, LIMIT, Log


def sglang_event(tokens: int, reason: str, **asked: Any) -> dict[str, Any]:
    """A line of SGLang's request log."""
    return {
        "timestamp": "2026-11-01T10:00:00",
        "event": "request.finished",
        "rid": "r-7",
        "obj": {"text": "Name a lake.", "sampling_params": {"max_new_tokens": LIMIT}} | asked,
        "out": {
            "text": "Lake Geneva.",
            "meta_info": {
                "id": "r-7",
                "finish_reason": {"type": reason, "length": LIMIT},
                "completion_tokens": tokens,
            },
        },
    }


def tgi_row(tokens: int, reason: str) -> dict[str, Any]:
    """A request to TGI's /generate with what came back."""
    return {
        "inputs": "Name a lake.",
        "parameters": {"max_new_tokens": LIMIT, "details": True},
        "generated_text": "Lake Geneva.",
        "details": {"finish_reason": reason, "generated_tokens": tokens},
    }


def aiperf_record(session: str, tokens: int, **changes: Any) -> dict[str, Any]:
    """A line of AIPerf's profile_export.jsonl."""
    metadata = {"session_num": 7, "x_request_id": "r-7", "conversation_id": session}
    return {
        "metadata": metadata | {"turn_index": 0, "was_cancelled": False},
        "metrics": {"output_sequence_length": {"value": tokens, "unit": "tokens"}},
    } | changes


AIPERF_PAYLOAD = {"model": "m", "messages": ASKED, "max_completion_tokens": LIMIT}


AIPERF_INPUTS = {
    "data": [{"session_id": name, "payloads": [AIPERF_PAYLOAD]} for name in ("s-1", "s-2", "s-3")]
}


def guidellm_request(tokens: int) -> dict[str, Any]:
    """A request of a GuideLLM report."""
    body = {"model": "m", "messages": ASKED, "max_completion_tokens": LIMIT}
    return {
        "request_id": "r-7",
        "request_args": json.dumps({"method": "POST", "body": body}),
        "output": "Lake Geneva.",
        "reasoning_output": None,
        "tool_calls": None,
        "output_metrics": {"text_tokens": tokens},
    }


LOGS: tuple[Log, ...] = (
    Log(
        "sglang",
        [sglang_event(5, "stop"), sglang_event(64, "length")],
        failed=sglang_event(3, "abort"),
        prompt="Name a lake.",
    ),
    Log(
        "tgi",
        [tgi_row(5, "eos_token"), tgi_row(64, "length")],
        failed={
            "inputs": "Name a lake.",
            "parameters": {},
            "error": "x",
            "error_type": "generation",
        },
        prompt="Name a lake.",
    ),
    Log(
        "vllm-bench",
        [{"prompt": "Name a lake.", "output_tokens": LIMIT}] * 2,
        answers=[
            {
                "model_id": "m",
                "input_lens": [9, 9],
                "output_lens": [5, 64],
                "generated_texts": ["", ""],
                "errors": ["", ""],
            }
        ],
        prompt="Name a lake.",
        options={"join_on": "row-number"},
    ),
    Log(
        "aiperf",
        [aiperf_record("s-1", 5), aiperf_record("s-2", 64)],
        answers=[AIPERF_INPUTS],
        failed=aiperf_record("s-3", 0, metrics={}, error={"code": 500, "type": "X"}),
    ),
    Log(
        "guidellm",
        [
            {
                "benchmarks": [
                    {
                        "requests": {
                            "successful": [guidellm_request(5), guidellm_request(64)],
                            "errored": [],
                            "incomplete": [],
                        }
                    }
                ]
            }
        ],
        suffix=".json",
    ),
)
