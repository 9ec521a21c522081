"""A preempted request keeps its keys and values: swapped to the host's memory and back.

ALISE's memory (Zhao and Wang 2024, arXiv 2410.23537, section 3.3) as a KV connector of vLLM, keyed
by request: at its preemption all that it has computed is copied out, the last partial block
included, and copied back before it goes on. Off unless LENGTHWISE_SWAP_GIB is set; docs/kv_swap.md
says when to set it.

`connector` is what vLLM loads. Its half beside the scheduler (`scheduler_side`, `host_slots`,
`running_blocks`) decides and keeps the books, its half in each worker (`worker_side`, `host_store`,
`link` and the codecs) copies; `orders` is what passes between them. Nothing here imports vLLM but
`connector` and `metrics`.
"""
