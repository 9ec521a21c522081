"""A discrete-event simulator of LLM serving: what a scheduling policy would give, in virtual time.

It runs the very rules that the vLLM plugin runs, jumps from event to event rather than from token
to token, and is deterministic: the same requests, policy and engine give the same log.
"""
