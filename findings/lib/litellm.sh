# Sourced by findings about LiteLLM: a temporary folder with an environment that has its proxy, and how
# to start that before the finding's own backend.py, which writes its port into backend.port. Needs
# Python 3.11, curl and PyPI.
folder=$(mktemp -d)
backend="" proxy=""
trap 'kill $backend $proxy 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check litellm==1.110.2 \
  apscheduler==3.11.3 backoff==2.2.1 boto3==1.44.8 cryptography==50.0.2 email-validator==2.4.0 \
  Expression==5.8.0 fastapi==0.165.0 fastapi-sso==0.23.0 h2==4.4.1 mcp==2.3.0 orjson==3.13.0 \
  PyJWT==2.15.1 python-multipart==0.0.34 redis==8.1.0 semver==3.1.2 soundfile==0.14.0 \
  uvicorn==0.54.0 uvloop==0.23.0 websockets==17.4
export LITELLM_LOCAL_MODEL_COST_MAP=True NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

start_proxy() { # its litellm_settings
  env/bin/python backend.py & backend=$!
  until [ -s backend.port ]; do sleep 0.2; done
  port=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  PROXY_KEY="sk-$(env/bin/python -c 'import secrets; print(secrets.token_hex(16))')"
  export PROXY_KEY
  cat > config.yaml <<YAML
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: "http://127.0.0.1:$(cat backend.port)/v1", api_key: none}
litellm_settings: $1
general_settings: {master_key: os.environ/PROXY_KEY}
YAML
  env/bin/litellm --config config.yaml --host 127.0.0.1 --port "$port" > proxy.log 2>&1 & proxy=$!
  for _ in $(seq 180); do
    curl -s -m 2 "http://127.0.0.1:$port/health/liveliness" > /dev/null && return
    sleep 1
  done
  tail -5 proxy.log
  echo "the proxy did not start"
  exit 1
}

ask() { # a path, a body, options of curl
  curl -s -m 60 "http://127.0.0.1:$port$1" -H "authorization: Bearer $PROXY_KEY" \
    -H "content-type: application/json" -d "$2" "${@:3}"
}
