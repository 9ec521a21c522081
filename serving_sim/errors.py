"""The whole error tree of the simulator. Every message says what was expected and what came.

SimulationError
├── InvalidWorkloadError    requests, arrivals or predictions that cannot be simulated
└── InvalidEngineError      an engine or cost model that cannot be, or not with these requests
"""


class SimulationError(ValueError):
    """Base of everything that the simulator raises on purpose."""


class InvalidWorkloadError(SimulationError):
    """Requests, arrivals or predictions that cannot be simulated."""


class InvalidEngineError(SimulationError):
    """An engine or cost model that cannot be, or not with these requests."""
