# The index job with Ray, for clusters: deploy/kubernetes/ray-build.yaml.
ARG BASE_IMAGE=docker.io/library/python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/lengthwise
WORKDIR /source
# The dependencies, the embedding model among them: a layer that stays while the code changes.
COPY LICENSE README.md constraints.txt pyproject.toml ./
# [default] is the dashboard's agent, by which KubeRay hands in a job.
RUN /opt/lengthwise/bin/pip install --constraint constraints.txt '.[ray,s3]' 'ray[default]==2.60.0'
COPY index_builder index_builder
COPY lengthwise lengthwise
COPY predictor_service predictor_service
COPY scheduler_client scheduler_client
RUN /opt/lengthwise/bin/pip install --force-reinstall --no-deps .

FROM ${BASE_IMAGE}
# KubeRay's probes of health ask with wget.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends wget=1.21.* \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 lengthwise \
    && useradd --uid 10001 --gid lengthwise --no-create-home --home-dir /tmp lengthwise
COPY --from=build /opt/lengthwise /opt/lengthwise
ENV PATH=/opt/lengthwise/bin:$PATH HOME=/tmp HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
CMD ["python", "-m", "index_builder", "build", "--help"]
