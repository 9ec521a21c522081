"""Envoy's external processor: `python -m scheduler_client envoy`; docs/gateways_envoy.md.

| module | is |
|---|---|
| ext_proc/ | Envoy's contract, generated from protos/ |
| server, processor | listens; a stream for each HTTP request |
| http_exchange | one HTTP request and its response, message by message |
| messages | what Envoy's messages say, and what goes back |
| api_call | an HTTP request as a call for text |
| envoy_advisor | places calls and learns from their ends |
| activity | what was done of late, for the log |
"""
