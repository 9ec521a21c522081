"""The sidecar: a child of the engine core, which ends when the core does.

| module | is |
|---|---|
| __main__ | the process |
| sidecar | takes in what the core says; asks, reports and counts |
| core_link | the socket to the core: what is read from it, and the one who writes to it |
| board | numbers in memory that both look at: whether there is something to read, what is counted |
"""
