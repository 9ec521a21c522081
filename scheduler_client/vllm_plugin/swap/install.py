"""Has vLLM load the connector, as if --kv-transfer-config had named it."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.swap.settings import GIB_VARIABLE, SwapSettings

MARK = "__lengthwise_swap__"
"""Attribute of the wrapped function: a second call must not wrap it again."""

# What vLLM loads by name in every process: it is not imported here, where vLLM may be another.
MODULE = "scheduler_client.vllm_plugin.swap.connector"  # kv_connector_module_path
CLASS = "SwapConnector"  # kv_connector


def install(environment: Mapping[str, str]) -> bool:
    """Arrange that engines of this process swap, if LENGTHWISE_SWAP_GIB is set.

    To be called by a general plugin, which vLLM loads before it makes a configuration: what is set
    there reaches the engine core and its workers by itself. Any number of calls does what one does.

    Returns:
        Whether it is arranged.

    Raises:
        ValueError: If a variable has a bad value: that stops vLLM's start.
    """
    settings = SwapSettings.from_environment(environment)
    if settings is None:
        return False
    try:
        from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415  heavy, and maybe another
    except ImportError as error:
        LOGGER.warning("Lengthwise swaps nothing: this vLLM has no EngineArgs (%s)", error)
        return False
    engine_args: Any = EngineArgs
    original = getattr(engine_args, "create_engine_config", None)
    if not inspect.isfunction(original):
        LOGGER.warning(
            "Lengthwise swaps nothing: this vLLM makes its configuration in another way; "
            "--kv-transfer-config may still name %s.%s",
            MODULE,
            CLASS,
        )
        return False
    if not hasattr(original, MARK):
        engine_args.create_engine_config = _naming_the_connector(original, settings)
    return True


def transfer_config(settings: SwapSettings) -> dict[str, Any]:
    """What --kv-transfer-config takes."""
    return {
        "kv_connector": CLASS,
        "kv_connector_module_path": MODULE,
        "kv_role": "kv_producer",
        "kv_load_failure_policy": "recompute",
        "kv_connector_extra_config": settings.to_extra_config(),
    }


def _naming_the_connector(
    original: Callable[..., Any], settings: SwapSettings
) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_engine_config(*args: Any, **kwargs: Any) -> Any:
        config = original(*args, **kwargs)
        if (trouble := _why_not(config)) is not None:
            LOGGER.warning("%s has no effect: %s", GIB_VARIABLE, trouble)
            return config
        from vllm.config import KVTransferConfig  # noqa: PLC0415  as above

        config.kv_transfer_config = KVTransferConfig(**transfer_config(settings))
        return config

    setattr(create_engine_config, MARK, True)
    return create_engine_config


def _why_not(config: Any) -> str | None:
    """Why vllm.config.VllmConfig cannot have a connector of ours; None if it can."""
    if config.kv_transfer_config is not None:
        return f"this engine has the connector {config.kv_transfer_config.kv_connector} already"
    if config.model_config.is_encoder_decoder:
        return "vLLM admits no connector for an encoder-decoder model"
    if config.model_config.runner_type != "generate":
        return "this model generates nothing"
    return None
