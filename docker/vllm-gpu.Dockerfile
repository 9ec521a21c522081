# vLLM's own image with Lengthwise's plugin, and a model that is downloaded while it is built.
ARG BASE_IMAGE=docker.io/vllm/vllm-openai:v0.32.0

FROM ${BASE_IMAGE}
ARG MODEL=Qwen/Qwen2.5-0.5B-Instruct
RUN python3 -c "from huggingface_hub import snapshot_download; \
snapshot_download('${MODEL}', local_dir='/models/llm')" \
    && chmod -R a+rX /models
WORKDIR /source
COPY LICENSE README.md pyproject.toml ./
COPY lengthwise lengthwise
COPY scheduler_client scheduler_client
# What the plugin needs, grpcio and protobuf, vLLM has brought along.
RUN python3 -m pip install --no-cache-dir --no-deps .
ENV HOME=/tmp HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
ENTRYPOINT []
CMD ["vllm", "--help"]
