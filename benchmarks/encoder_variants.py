"""The ways to run the encoder that are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Environment = Literal["ours", "backends"]

REFERENCE = "torch-float32"
SHIPPED = "packed-bfloat16"

ONNX_FILE = "onnx/model.onnx"
ONNX_INT8_FILE = "onnx/model_qint8_avx512_vnni.onnx"
OPENVINO_FILE = "openvino/openvino_model.xml"
OPENVINO_INT8_FILE = "openvino/openvino_model_qint8_quantized.xml"

Encode = Callable[[list[str]], Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way.

    Args:
        name: By which it is asked for.
        title: For people.
        environment: That it runs in.
        load: Gives its encode function from the model's folder and a number of threads.
    """

    name: str
    title: str
    environment: Environment
    load: Callable[[Path, int], Encode]


def _packed(precision: Any) -> Callable[[Path, int], Encode]:
    def load(_: Path, __: int) -> Encode:
        from lengthwise.index.encoder.encoder import load_encoder  # noqa: PLC0415  not in every environment

        return load_encoder(device="cpu", precision=precision).encode

    return load


def _sentence_transformer(folder: Path, **options: Any) -> Encode:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  seconds to import

    model: Any = SentenceTransformer(str(folder), device="cpu", **options)

    def encode(prompts: list[str]) -> Any:
        return model.encode(prompts, batch_size=32, show_progress_bar=False)

    return encode


def _torch(dtype: str) -> Callable[[Path, int], Encode]:
    def load(folder: Path, _: int) -> Encode:
        import torch  # noqa: PLC0415  seconds to import

        options = {"dtype": getattr(torch, dtype)}
        plain = _sentence_transformer(folder, model_kwargs=options)

        def encode(prompts: list[str]) -> Any:
            return plain(prompts)

        return encode

    return load


def _onnx(file: str) -> Callable[[Path, int], Encode]:
    def load(folder: Path, threads: int) -> Encode:
        import onnxruntime  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        session: Any = onnxruntime.SessionOptions()
        session.intra_op_num_threads = threads
        session.inter_op_num_threads = 1
        options = {
            "file_name": file,
            "provider": "CPUExecutionProvider",
            "session_options": session,
        }
        return _sentence_transformer(folder, backend="onnx", model_kwargs=options)

    return load


def _openvino(file: str, precision: str) -> Callable[[Path, int], Encode]:
    def load(folder: Path, threads: int) -> Encode:
        settings = {
            "INFERENCE_NUM_THREADS": str(threads),
            "PERFORMANCE_HINT": "LATENCY",
            # Its default on a CPU with AMX is bfloat16, whatever the model was saved in.
            "INFERENCE_PRECISION_HINT": precision,
        }
        options = {"file_name": file, "ov_config": settings}
        return _sentence_transformer(folder, backend="openvino", model_kwargs=options)

    return load


VARIANTS = (
    Variant(REFERENCE, "torch float32", "ours", _torch("float32")),
    Variant("torch-bfloat16", "torch bfloat16", "ours", _torch("bfloat16")),
    Variant("packed-float32", "Lengthwise float32", "ours", _packed("float32")),
    Variant(SHIPPED, "Lengthwise bfloat16", "ours", _packed("bfloat16")),
    Variant("onnx-float32", "ONNX float32", "backends", _onnx(ONNX_FILE)),
    Variant("onnx-int8", "ONNX int8, dynamic", "backends", _onnx(ONNX_INT8_FILE)),
    Variant("openvino-float32", "OpenVINO float32", "backends", _openvino(OPENVINO_FILE, "f32")),
    Variant("openvino-bfloat16", "OpenVINO bfloat16", "backends", _openvino(OPENVINO_FILE, "bf16")),
    Variant(
        "openvino-int8", "OpenVINO int8, static", "backends", _openvino(OPENVINO_INT8_FILE, "bf16")
    ),
)


def variant_named(name: str) -> Variant:
    """The variant of a name."""
    return next(variant for variant in VARIANTS if variant.name == name)
