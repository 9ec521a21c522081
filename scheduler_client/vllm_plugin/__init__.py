"""Lengthwise inside vLLM: the only code of the client that knows the engine.

| module | is |
|---|---|
| plugin | the entry point of vllm.general_plugins: into the scheduler that vLLM chooses |
| scheduler | Lengthwise mixed over a scheduler class, and two such classes for `--scheduler-cls` |
| queue_order, waiting_queues | what runs in the engine's loop: keys, order, ends |
| tracked | a request there, and how long it is taken to be |
| preemption | a running request makes room for a much shorter one |
| batch_limit | the engine's own limit on its batch follows the time between tokens |
| sidecar_process, outbox, messages | the sidecar as the engine core sees it |
| sidecar | the child process that asks the predictor and reports to it |
| text, chat_template_file | token ids as text |
| metrics, metrics_page, log | what is counted and said |
| swap | memory for a preempted request's cache: a connector of its own |
| middleware | priorities through vLLM's public header, for `--middleware` |
| offline | the same for the `LLM` class |
| guard | a fault of ours is swallowed, and turns its part off |
| seams | what is needed of vLLM's objects |

Nothing here is imported by the rest of the client, and importing this package alone does not import
vLLM.
"""
