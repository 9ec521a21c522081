"""The one configuration object: flags over environment over file over defaults, checked when built.

One file for each group of options, which `ServiceConfig` puts together.
"""

from predictor_service.config.printing import printed
from predictor_service.config.reading import Settled, read_config, settle
from predictor_service.config.service_config import ServiceConfig
from predictor_service.config.spelling import ENV_PREFIX, accepted, flag

__all__ = [
    "ENV_PREFIX",
    "ServiceConfig",
    "Settled",
    "accepted",
    "flag",
    "printed",
    "read_config",
    "settle",
]
