"""Tests of builds on Ray, in the environment that holds it: `make test-ray`."""

from importlib.util import find_spec

if not find_spec("ray"):
    collect_ignore_glob = ["test_*.py"]
