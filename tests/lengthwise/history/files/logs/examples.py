"""One small made-up log for each tool: two answers to learn from, the second cut at 64 tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lengthwise.history.files.files import write_json_lines, write_parquet

Rows = list[dict[str, Any]]

ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Name a lake."},
]
PROMPT = "system: Be brief.\nName a lake."
LIMIT = 64


@dataclass(frozen=True)
class Log:
    """A tool's log.

    Args:
        name: What --format calls it.
        rows: The history, in its file.
        answers: The other file, where there are two.
        failed: A row of the same log whose request failed.
        suffix: Of the history's file.
        prompt: What its two records ask.
        options: What a user must say, beside the two files.
    """

    name: str
    rows: Rows
    answers: Rows = field(default_factory=list)
    failed: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".jsonl"
    prompt: str = PROMPT
    options: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path, rows: Rows | None = None) -> tuple[Path, dict[str, Any]]:
        """Write it; gives the history and the options to read it with."""
        path = folder / f"log{self.suffix}"
        rows = self.rows if rows is None else rows
        if self.suffix == ".json":
            path.write_text(json.dumps(rows[0], indent=1))
        elif self.suffix == ".parquet":
            write_parquet(path, list(rows))
        else:
            write_json_lines(path, rows)
        if not self.answers:
            return path, dict(self.options)
        answers = write_json_lines(folder / "answers.jsonl", self.answers)
        return path, {"answers": str(answers), **self.options}


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


def litellm_payload(**changes: Any) -> dict[str, Any]:
    """A standard logging payload."""
    return {
        "id": "chatcmpl-7",
        "call_type": "acompletion",
        "status": "success",
        "cache_hit": None,
        "error_str": None,
        "error_information": {"error_code": "", "error_class": ""},
        "startTime": 1.5,
        "completion_tokens": 5,
        "model": "m",
        "messages": ASKED,
        "response": chat_response(5, "stop"),
        "model_parameters": {"max_tokens": LIMIT},
        "metadata": {},
    } | changes


def litellm_spend(tokens: int, reason: str, **changes: Any) -> dict[str, Any]:
    """A row of the spend table, as a database gives it: JSON in texts."""
    return {
        "request_id": "chatcmpl-7",
        "call_type": "acompletion",
        "spend": 0.01,
        "completion_tokens": tokens,
        "startTime": "2026-11-01 10:00:00",
        "model": "m",
        "cache_hit": "False",
        "status": "success",
        "metadata": "{}",
        "messages": "{}",
        "proxy_server_request": json.dumps({"messages": ASKED, "max_tokens": LIMIT}),
        "response": json.dumps(chat_response(tokens, reason)),
    } | changes


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


ANTHROPIC_ASKED = {
    "model": "m",
    "max_tokens": LIMIT,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Name a lake."}],
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


def otel_span(tokens: int, reason: str, code: int = 0, **attributes: Any) -> dict[str, Any]:
    """A span of the semantic conventions for generative AI, in OTLP's JSON."""
    parts = [{"role": "user", "parts": [{"type": "text", "content": "Name a lake."}]}]
    values: dict[str, Any] = {
        "gen_ai.operation.name": {"stringValue": "chat"},
        "gen_ai.request.model": {"stringValue": "m"},
        "gen_ai.request.max_tokens": {"intValue": str(LIMIT)},
        "gen_ai.usage.output_tokens": {"intValue": str(tokens)},
        "gen_ai.response.finish_reasons": {"arrayValue": {"values": [{"stringValue": reason}]}},
        "gen_ai.system_instructions": {
            "stringValue": json.dumps([{"type": "text", "content": "Be brief."}])
        },
        "gen_ai.input.messages": {"stringValue": json.dumps(parts)},
    } | attributes
    return {
        "traceId": "dHJhY2U=",
        "spanId": "c3Bhbg==",
        "name": "chat m",
        "attributes": [{"key": key, "value": value} for key, value in values.items() if value],
        "status": {"code": code} if code else {},
    }


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    """An export request."""
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def phoenix_span(tokens: int, reason: str, **changes: Any) -> dict[str, Any]:
    """A row of Phoenix's data frame of spans."""
    return {
        "context.span_id": "ab12",
        "name": "ChatCompletion",
        "span_kind": "LLM",
        "status_code": "OK",
        "attributes.llm.model_name": "m",
        "attributes.llm.token_count.completion": float(tokens),
        "attributes.llm.invocation_parameters": json.dumps({"max_tokens": LIMIT}),
        "attributes.llm.input_messages": [
            {"message.role": one["role"], "message.content": one["content"]} for one in ASKED
        ],
        "attributes.output.value": json.dumps(chat_response(tokens, reason)),
    } | changes


def langfuse_observation(tokens: int, **changes: Any) -> dict[str, Any]:
    """A row of Langfuse's export of observations."""
    return {
        "id": "obs-7",
        "trace_id": "t-7",
        "type": "GENERATION",
        "level": "DEFAULT",
        "provided_model_name": "m",
        "model_parameters": json.dumps({"max_tokens": str(LIMIT)}),
        "input": json.dumps({"messages": ASKED}),
        "output": json.dumps({"role": "assistant", "content": "Lake Geneva."}),
        "usage_details": {"input": 9, "output": tokens, "total": 9 + tokens},
    } | changes


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


def batch_answer(key: str, body: dict[str, Any], code: int = 200) -> dict[str, Any]:
    """A line of an OpenAI Batch's output file."""
    response = {"status_code": code, "request_id": "q", "body": body}
    return {"id": f"batch_{key}", "custom_id": key, "response": response, "error": None}


def batch_request(key: str) -> dict[str, Any]:
    """A line of an OpenAI Batch's input file."""
    body = {"model": "m", "messages": ASKED, "max_tokens": LIMIT}
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


LOGS: tuple[Log, ...] = (
    Log(
        "litellm",
        [
            litellm_payload(),
            litellm_payload(completion_tokens=64, response=chat_response(64, "length")),
        ],
        failed=litellm_payload(status="failure", completion_tokens=0, response={}),
    ),
    Log(
        "litellm",
        [litellm_spend(5, "stop"), litellm_spend(64, "length")],
        failed=litellm_spend(0, "stop", status="failure"),
        suffix=".parquet",
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
    Log(
        "otel",
        [otlp(otel_span(5, "stop"), otel_span(64, "length"))],
        failed=otlp(otel_span(0, "error", code=2)),
    ),
    Log(
        "phoenix",
        [phoenix_span(5, "stop"), phoenix_span(64, "length")],
        failed=phoenix_span(0, "stop", status_code="ERROR"),
        suffix=".parquet",
    ),
    Log(
        "langfuse",
        [langfuse_observation(5), langfuse_observation(64)],
        failed=langfuse_observation(0, level="ERROR"),
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
        "openai",
        [
            {"messages": ASKED, "max_tokens": LIMIT, **chat_response(tokens, reason)}
            for tokens, reason in ((5, "stop"), (64, "length"))
        ],
        failed={"messages": ASKED, "choices": [], "error": {"message": "no"}},
    ),
    Log(
        "anthropic",
        [
            {"request": ANTHROPIC_ASKED, "response": anthropic_message(tokens, reason)}
            for tokens, reason in ((5, "end_turn"), (64, "max_tokens"))
        ],
        failed={"request": ANTHROPIC_ASKED, "response": None, "error": {"type": "overloaded"}},
    ),
)
