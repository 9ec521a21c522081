"""The whole error tree of the autoscaler. Every message says what was expected and what came.

AutoscalerError
├── InvalidConfigError    a key, a value or a combination that cannot be
├── InvalidStateError     an observed state that cannot be: negative counts, no such pool
├── UnknownPoolError      KEDA asks for a pool that nobody configured
├── KubernetesError       the API server cannot be asked, or refuses
├── NameServerError       nobody knows what a name resolves to
├── StaleFleetError       nothing is known of the fleet, or what is known is too old
└── TooManyReportersError more names report demand than may be kept
"""

from lengthwise.errors import LengthwiseError


class AutoscalerError(LengthwiseError):
    """Base of everything that the autoscaler raises on purpose."""


class InvalidConfigError(AutoscalerError, ValueError):
    """A key, a value or a combination of them that cannot be."""


class InvalidStateError(AutoscalerError, ValueError):
    """An observed state that cannot be."""


class UnknownPoolError(AutoscalerError, LookupError):
    """A pool that nobody configured."""


class KubernetesError(AutoscalerError):
    """The API server cannot be asked, or refuses."""


class NameServerError(AutoscalerError):
    """Nobody knows what a name resolves to; that it resolves to nothing is no error."""


class StaleFleetError(AutoscalerError):
    """Nothing is known of the fleet, or what is known is too old to go by."""


class TooManyReportersError(AutoscalerError):
    """More names report demand than are kept: somebody makes up new ones."""
