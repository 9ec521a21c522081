"""Swapping of preempted requests in a real vLLM: `python -m benchmarks.kv_swap`.

The engine is vLLM's own, in this process, with a tiny model; its clock is that of OPT-13B on an
A100 (`testbed.in_engine.modelled_engine`): each step takes the bytes and FLOPs that were in it,
swaps included. What is compared is run in turns on the same requests.
"""
