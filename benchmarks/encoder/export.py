"""Exports the model for ONNX and OpenVINO: `python -m benchmarks.encoder.export FOLDER TEXTS`.

Runs in the environment of the other backends. FOLDER is a copy of the model, since exports are
written beside the weights; TEXTS holds a train.jsonl to calibrate the static int8 export with.
"""

import sys
from typing import Any

from optimum.intel import OVQuantizationConfig  # pyright: ignore[reportMissingImports]
from sentence_transformers import SentenceTransformer
from sentence_transformers.backend import (
    export_dynamic_quantized_onnx_model,
    export_static_quantized_openvino_model,
)

CALIBRATION_TEXTS = 64
"""Of those handed over, as many as OpenVINO looks at."""


def main() -> None:
    """Export in each form."""
    folder, texts = sys.argv[1:]
    onnx: Any = SentenceTransformer(folder, backend="onnx", device="cpu")
    onnx.save_pretrained(folder)
    export_dynamic_quantized_onnx_model(onnx, "avx512_vnni", folder)
    # Calibrated in float32: on a CPU with AMX it would otherwise be computed in bfloat16.
    exact = {"ov_config": {"INFERENCE_PRECISION_HINT": "f32"}}
    openvino: Any = SentenceTransformer(
        folder, backend="openvino", device="cpu", model_kwargs=exact
    )
    openvino.save_pretrained(folder)
    export_static_quantized_openvino_model(
        openvino,
        OVQuantizationConfig(num_samples=CALIBRATION_TEXTS),
        folder,
        dataset_name=texts,
        dataset_config_name="default",
        dataset_split="train",
        column_name="sentence",
    )


if __name__ == "__main__":
    main()
