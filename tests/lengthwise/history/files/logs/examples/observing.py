"""Logs of what stands between or looks on: gateways and tracing."""

import json
from typing import Any

from tests.lengthwise.history.files.logs.examples.apis import chat_response
from tests.lengthwise.history.files.logs.examples.log import ASKED, LIMIT, Log


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


def openllmetry_span(tokens: int, reason: str, code: int = 0, kind: str = "chat") -> dict[str, Any]:
    """A span of OpenLLMetry (Traceloop): flat messages, and llm.* beside gen_ai.*."""
    values: dict[str, Any] = {
        "llm.request.type": {"stringValue": kind},
        "llm.is_streaming": {"boolValue": False},
        "llm.headers": {"stringValue": "None"},
        "llm.usage.total_tokens": {"intValue": str(9 + tokens)},
        "gen_ai.system": {"stringValue": "OpenAI"},
        "gen_ai.request.model": {"stringValue": "m"},
        "gen_ai.response.model": {"stringValue": "m"},
        "gen_ai.request.max_tokens": {"intValue": str(LIMIT)},
        "gen_ai.usage.prompt_tokens": {"intValue": "9"},
        "gen_ai.usage.completion_tokens": {"intValue": str(tokens)},
        "gen_ai.completion.0.role": {"stringValue": "assistant"},
        "gen_ai.completion.0.content": {"stringValue": "Lake Geneva."},
        "gen_ai.completion.0.finish_reason": {"stringValue": reason},
    }
    for number, message in enumerate(ASKED):
        for key, value in message.items():
            values[f"gen_ai.prompt.{number}.{key}"] = {"stringValue": value}
    return {
        "spanId": "c3Bhbg==",
        "name": "openai.chat",
        "attributes": [{"key": key, "value": value} for key, value in values.items()],
        "status": {"code": code} if code else {},
    }


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
        "otel",
        [otlp(otel_span(5, "stop"), otel_span(64, "length"))],
        failed=otlp(otel_span(0, "error", code=2)),
    ),
    Log(
        "otel",
        [otlp(openllmetry_span(5, "stop"), openllmetry_span(64, "length"))],
        failed=otlp(openllmetry_span(0, "error", code=2)),
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
)
