#!/usr/bin/env bash
# A 4-bit tensor of torch, two values to the byte, goes into a safetensors file.
# Guess: the header has the shape that torch has, as for every other type, and get_slice tells the
#   shape of what get_tensor gives, and can cut it.
# safetensors 0.8.0 counts values in the header, torch 2.13.0 pairs: float4_e2m1fn_x2 of (4, 8) is
#   saved as F4 of (4, 16) and comes back as (4, 8): TensorSpec (bindings/python/src/lib.rs) doubles
#   the last axis, and the loader there halves it. Slices are read with the shape of the header and
#   fail. The same bytes saved as uint8, as many quantisers do, keep (4, 8).
# It matters: parameters counted from headers differ by two between checkpoints of the same bits,
#   bytes over elements is a half or one, and a loader that splits a tensor over devices by
#   get_slice has to read it whole.
# Seen on 2026-11-30:
#   float4_e2m1fn_x2: torch (4, 8), header F4 (4, 16), get_slice (4, 16), get_tensor (4, 8)
#   float4_e2m1fn_x2: slice of two rows: RuntimeError
#   uint8: torch (4, 8), header U8 (4, 8), get_slice (4, 8), get_tensor (4, 8)
#   uint8: slice of two rows: (2, 8)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" CUDA_VISIBLE_DEVICES=""
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet safetensors==0.8.0 torch==2.13.0 numpy==2.4.6
"$folder/env/bin/python" - "$folder/weights.safetensors" <<'PYTHON'
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

path, seen = Path(sys.argv[1]), []
packed = torch.arange(32, dtype=torch.uint8).reshape(4, 8)
for tensor in (packed.view(torch.float4_e2m1fn_x2), packed):
    name = str(tensor.dtype).removeprefix("torch.")
    save_file({"weight": tensor}, path)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["weight"]
    with safe_open(path, "pt") as file:
        part, whole = file.get_slice("weight"), file.get_tensor("weight")
        shapes = [tuple(s) for s in (tensor.shape, header["shape"], part.get_shape(), whole.shape)]
        try:
            rows = tuple(part[:2].shape)
        except RuntimeError as error:
            rows = type(error).__name__
    if not torch.equal(whole.view(torch.uint8), packed):
        sys.exit("CHANGED: the bytes are others")
    print(f"{name}: torch {shapes[0]}, header {header['dtype']} {shapes[1]},",
          f"get_slice {shapes[2]}, get_tensor {shapes[3]}")
    print(f"{name}: slice of two rows: {rows}")
    seen.append((shapes, rows))
narrow, wide = (4, 8), (4, 16)
if seen != [([narrow, wide, wide, narrow], "RuntimeError"), ([narrow] * 4, (2, 8))]:
    sys.exit("CHANGED: shapes of 4-bit tensors are told in another way")
print("AS DESCRIBED: values in the header, pairs in torch, and no slices")
PYTHON
