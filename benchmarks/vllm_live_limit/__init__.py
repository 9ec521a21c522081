"""The live limit in a real vLLM, as the load moves: `python -m benchmarks.vllm_live_limit`.

The engine is vLLM's own, in this process, with a tiny model; its clock is a modelled GPU's
(`testbed.in_engine.modelled_engine`): each step takes the bytes and FLOPs that were in it, with
some noise. Fixed limits and the live one serve the same callers in turns.
"""
