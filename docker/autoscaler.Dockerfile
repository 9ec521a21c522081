# The external scaler of KEDA: no index, no model, no engine.
ARG BASE_IMAGE=docker.io/library/python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/lengthwise
WORKDIR /source
COPY LICENSE README.md constraints.txt pyproject.toml ./
RUN /opt/lengthwise/bin/pip install --constraint constraints.txt '.[kubernetes]'
COPY autoscaler autoscaler
COPY lengthwise lengthwise
RUN /opt/lengthwise/bin/pip install --force-reinstall --no-deps .

FROM ${BASE_IMAGE} AS autoscaler
RUN groupadd --gid 10001 lengthwise \
    && useradd --uid 10001 --gid lengthwise --no-create-home --home-dir /tmp lengthwise
COPY --from=build /opt/lengthwise /opt/lengthwise
ENV PATH=/opt/lengthwise/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 6000 6001 9465
CMD ["python", "-m", "autoscaler", "--help"]
