"""The engine's own limit on its batch, which follows the time between tokens.

| module | is |
|---|---|
| settings | the SLO that a user sets |
| live_limit | what is seen of the engine's steps, and vLLM's limit, which is set |

`lengthwise.scheduling.batch_limit` decides.
"""
