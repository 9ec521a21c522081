"""Entry point of `python -m predictor_service`."""

import os

# gRPC's core would log what callers send in their last frames, as often as they like. It reads this
# when it is imported; the worker processes inherit it.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from predictor_service.batching.threads import leave
from predictor_service.cli import main

if __name__ == "__main__":
    leave(main())
