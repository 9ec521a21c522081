"""A running request makes room for a much shorter one.

| module | is |
|---|---|
| preempting | who goes before a step, by vLLM's own means |
| device_blocks | what requests hold of the device's memory, and lack |

`lengthwise.scheduling.preemption` decides.
"""
