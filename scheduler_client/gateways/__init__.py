"""Gateways in front of any engine that ask the predictor: a thin adapter each over the advisor.

| module | is |
|---|---|
| gateway_advisor, placed_request, ending | for all of them: places calls, learns from their ends |
| api_request, completion_limit | what a call's body asks for |
| answer_reader, sse_events, answer_parts | how its answer ended, read off the response |
| priorities | what an engine's field takes of a key |
| envoy | Envoy's external processor |
| litellm_callback, litellm_advisor, litellm_call, litellm_settings | what LiteLLM's proxy calls |
| vllm_middleware | what vLLM's API server calls |
"""
