"""Entry point of `python -m predictor_service`."""

from predictor_service.cli import main
from predictor_service.threads import leave

if __name__ == "__main__":
    leave(main())
