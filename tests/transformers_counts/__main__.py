"""Hold the reader against transformers: ``python -m tests.transformers_counts CASES.jsonl``.

Each case is a line ``{"id": ..., "config": {...}}``. The model is built on the meta device by the
real transformers and its parameters are counted; the reader must count as many, or refuse the file.
It runs in an environment with both::

    python3 -m venv /tmp/counts
    /tmp/counts/bin/pip install -e . transformers==5.24.0 torch torchvision
    /tmp/counts/bin/python -m tests.transformers_counts tests/core/hub/public_counts.json

Corrections of a router's load (one number for each expert) are buffers there and count here.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmcalc_core.hub.reader import read_hf_config


def counted(config: dict[str, Any]) -> tuple[int, int]:
    """Build a model without memory, and count its parameters and its buffers."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch  # noqa: PLC0415 - another environment
    from transformers import AutoConfig  # noqa: PLC0415 - the same
    from transformers.models.auto import modeling_auto  # noqa: PLC0415 - the same

    with TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config), "utf-8")
        read = AutoConfig.from_pretrained(folder)
    mappings = (
        modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING,
    )
    kind = next(mapping[type(read)] for mapping in mappings if type(read) in mapping)
    kind = kind[0] if isinstance(kind, tuple | list) else kind
    with torch.device("meta"):
        model = kind._from_config(read)
    parameters = {id(one): one.numel() for one in model.parameters()}
    held = {id(one): one.numel() for one in model.state_dict(keep_vars=True).values()}
    buffers = sum(held[key] for key in held.keys() - parameters.keys())
    return sum(parameters.values()), buffers


def judged(config: dict[str, Any]) -> str:
    """Say whether a configuration is read right, refused, or wrong by how many parameters."""
    try:
        found = read_hf_config(config).parameters
    except ValueError:
        return "refused"
    parameters, buffers = counted(config)
    return "right" if found in (parameters, parameters + buffers) else f"{found - parameters:+}"


def main(source: str) -> None:
    """Judge every case and print those that are wrong."""
    text = Path(source).read_text("utf-8")
    cases = json.loads(text) if text.startswith("[") else [*map(json.loads, text.splitlines())]
    totals: Counter[str] = Counter()
    for case in cases:
        config = case["config"]
        word = judged(config)
        totals[word if word in ("right", "refused") else "wrong"] += 1
        if word not in ("right", "refused"):
            sys.stdout.write(f"{case.get('id', config['model_type'])}: {word}\n")
    sys.stdout.write(f"{dict(totals)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
