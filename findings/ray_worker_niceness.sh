#!/usr/bin/env bash
# Ray's workers run at the lowest but four of all priorities, whatever the driver runs at.
#
# ray.init() in a process of the usual priority starts workers with the nice value 15. On cores that
# nothing else uses nobody sees it. Beside other work, on a build machine or a node with a service,
# an actor gets a small share of what the driver would get: loading a model takes minutes, and the job
# looks as if it hung. RAY_worker_niceness=0 in the environment of ray.init() gives them the driver's.
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check ray==2.60.0

cat > niceness.py <<'PY'
"""Prints the nice values of a driver and of a worker."""
import os

import ray

ray.init(
    num_cpus=1,
    include_dashboard=False,
    log_to_driver=False,
    logging_level="error",
    object_store_memory=100_000_000,
)


@ray.remote
def nice():
    return os.nice(0)


print(os.nice(0), ray.get(nice.remote()))
PY

export RAY_USAGE_STATS_ENABLED=0 HOME="$folder"
read -r driver worker < <(env/bin/python niceness.py 2> errors.log) || { tail -5 errors.log; exit 1; }
read -r _ asked < <(RAY_worker_niceness=0 env/bin/python niceness.py 2> errors.log)
echo "ray $(env/bin/python -c 'import ray; print(ray.__version__)')"
echo "nice value of the driver: $driver; expected of its worker: $driver; seen: $worker"
echo "seen with RAY_worker_niceness=0: $asked"
[ "$worker" -eq 15 ] && [ "$asked" -eq 0 ] && [ "$driver" -eq 0 ] || { echo "this changed"; exit 1; }
