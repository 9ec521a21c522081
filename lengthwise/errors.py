"""The root of every error that Lengthwise raises on purpose.

Each part has its own tree below it: the index, the history, the client, the service, the simulator.
"""


class LengthwiseError(Exception):
    """Base of all errors whose message is meant to be read by people."""
