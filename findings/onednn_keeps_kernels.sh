#!/usr/bin/env bash
# A bfloat16 linear layer on a CPU keeps memory for every batch size that it ever met.
#
# PyTorch hands torch.nn.functional.linear in bfloat16 to oneDNN, which compiles kernels for the exact
# number of rows and keeps them: for one layer of 384 to 1,536 between 0.6 and 3 MB for each other
# number of rows, by what the CPU can. A server whose batches are of any size grows by
# gigabytes this way for hours, and it looks like a leak: Python's own objects stay as they are, and
# asked again for the same sizes it takes no more. ONEDNN_PRIMITIVE_CACHE_CAPACITY, said to bound what is
# kept, made it 960 instead of 1,478 MiB with a capacity of 16 and 500 sizes. float32 does not do it. What
# helps is to round the rows up, to a few sizes.
#
# Needs Python 3.11, Linux and PyPI; everything happens in a temporary folder. Seen on an Intel Xeon with
# AMX: +264 MiB with 200 sizes, +1,478 with 500; with ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 +323 with 500.
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > sizes.py <<'PY'
"""Resident memory before and after a layer meets batches of many sizes."""
from pathlib import Path

import torch

SIZES = range(16, 816, 4)
LEAST_MIB = 0.3


def resident_mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def grown_mib(dtype):
    """MiB after 300 batches of one size, after one of each size, and after one of each again."""
    layer = torch.nn.Linear(384, 1536).to(dtype).eval()
    rows = torch.randn(2048, 384, dtype=dtype)
    layer(rows)
    noted = [resident_mib()]
    for sizes in ([2048] * 300, SIZES, SIZES):
        for size in sizes:
            layer(rows[:size])
        noted.append(resident_mib())
    return [later - before for before, later in zip(noted, noted[1:])]


torch.set_num_threads(1)
print("PyTorch", torch.__version__, "on", torch.backends.cpu.get_cpu_capability())
with torch.inference_mode():
    found = {dtype: grown_mib(dtype) for dtype in (torch.bfloat16, torch.float32)}
for dtype, (one, many, again) in found.items():
    print(f"{dtype}: {one:+.0f} MiB with one size, {many:+.0f} with {len(SIZES)}, {again:+.0f} with them again")
(one, many, again), (_, other, _) = found.values()
least = LEAST_MIB * len(SIZES)
same = one < least and many > least and again < least and other < least
raise SystemExit(0 if same else "this changed: expected bfloat16 to grow by the number of sizes alone")
PY
env/bin/python sizes.py
