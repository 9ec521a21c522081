"""Entry point of `python -m predictor_service`."""

import sys

from predictor_service.cli import main

if __name__ == "__main__":
    sys.exit(main())
