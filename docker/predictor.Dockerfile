# The predictor, the index job and the client in one image; target `demo` adds the demo's traffic.
ARG BASE_IMAGE=docker.io/library/python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/lengthwise
WORKDIR /source
# The dependencies, the embedding model among them: a layer that stays while the code changes.
COPY LICENSE README.md constraints.txt pyproject.toml ./
RUN /opt/lengthwise/bin/pip install --constraint constraints.txt '.[service,postgres,s3,otel]'
COPY index_builder index_builder
COPY lengthwise lengthwise
COPY predictor_service predictor_service
COPY scheduler_client scheduler_client
RUN /opt/lengthwise/bin/pip install --force-reinstall --no-deps .

FROM ${BASE_IMAGE} AS predictor
RUN groupadd --gid 10001 lengthwise \
    && useradd --uid 10001 --gid lengthwise --no-create-home --home-dir /tmp lengthwise \
    # A new volume takes its owner from the folder that it is mounted on.
    && install -d -o lengthwise -g lengthwise /index /index-cache /seed
COPY --from=build /opt/lengthwise /opt/lengthwise
ENV PATH=/opt/lengthwise/bin:$PATH HOME=/tmp HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 50051 9464
CMD ["python", "-m", "predictor_service", "--help"]

FROM predictor AS demo
COPY demo /opt/demo/demo
COPY testbed /opt/demo/testbed
ENV PYTHONPATH=/opt/demo
