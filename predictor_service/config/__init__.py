"""The one configuration object: flags over environment over file over defaults, checked when built.

`options` says what each option is, `service_config` what they must be together.
"""

from predictor_service.config.reading import Settled, printed, read_config, settle
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
