"""How calls are retried and spread over addresses, in gRPC's own words.

gRPC itself carries this out, below the call and within its deadline.
See https://github.com/grpc/proposal/blob/master/A6-client-retries.md
"""

import json
from typing import Any

LENGTH_PREDICTOR = "lengthwise.v1.LengthPredictor"
"""The service whose calls may be repeated; those of IndexAdmin are not."""

FIRST_RETRY_S = 0.05
"""How long before the first retry, in seconds; longer and longer before later ones."""


def service_config(max_attempts: int) -> str:
    """The service config as JSON: round robin, and retries where nothing was answered.

    Every call of LengthPredictor may be repeated: predictions change nothing, and a report is known
    by its request_id. A health check is not retried: it is to say how things are now.

    Args:
        max_attempts: The first attempt and its retries together, 1 to 5 (gRPC's own ceiling).
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if max_attempts > 1:
        config["methodConfig"] = [
            {
                "name": [{"service": LENGTH_PREDICTOR}],
                "retryPolicy": {
                    "maxAttempts": max_attempts,
                    "initialBackoff": f"{FIRST_RETRY_S:g}s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 3,
                    # gRPC's core answers CANCELLED to calls that arrive while a server shuts down.
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ]
        # Stops retrying while most calls fail, so that a service in trouble is not pushed further.
        # A replica that is killed fails all that it had of this client at once, and those are to be
        # retried elsewhere: half of the tokens, of which gRPC takes 1,000 at the most.
        config["retryThrottling"] = {"maxTokens": 1000, "tokenRatio": 0.5}
    return json.dumps(config)
