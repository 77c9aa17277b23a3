"""Write ``class_defaults.json``: what the configuration classes of transformers have by default.

In an environment of its own, which is in no extra of this project::

    python3 -m venv /tmp/counts
    /tmp/counts/bin/pip install transformers==5.24.0 torch torchvision
    /tmp/counts/bin/python -m tests.transformers_counts.defaults TARGET

where the target is ``llmcalc_core/hub/class_defaults.json``.

It needs nothing of this project but the rules of harmless fields, which are left out.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_RULES = Path(__file__).parents[2] / "llmcalc_core/hub/dialects/harmless.py"
_LEFT_OUT = re.compile(
    r"^(use_cache|hidden_act|rms_norm_eps|.*_act|activation_function|transformers_version|"
    r"is_decoder|add_cross_attention|id2label|label2id|problem_type|attn_implementation|"
    r"add_pooling_layer|num_nextn_predict_layers|num_mtp_layers|mtp_num_hidden_layers|"
    r"num_mtp_modules|use_mtp)$"
)
"""Fields that say nothing of the layers, and modules of prediction: weights hold those or don't."""

_KEPT = ("max_position_embeddings", "n_positions", "max_window_layers")


def _rules() -> Any:
    spec = spec_from_file_location("harmless", _RULES)
    if spec is None or spec.loader is None:
        msg = f"{_RULES} must be there"
        raise ValueError(msg)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _defaults(kind: Any, rules: Any) -> dict[str, Any]:
    """Give the defaults of a class, before anything is derived from them."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        value = field.default
        if value is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        value = _plain(value)
        simple = isinstance(value, bool | int | str | list) and value is not None
        wordy = isinstance(value, float) and rules.is_structural(field.name)
        left = _LEFT_OUT.match(field.name) or rules.is_of_harmless_kind(field.name)
        if field.name in _KEPT or ((simple or wordy) and not left):
            found[field.name] = value
    return found


def main(target: str) -> None:
    """Write the table."""
    import transformers  # noqa: PLC0415 - another environment
    from transformers.models.auto import modeling_auto  # noqa: PLC0415 - the same
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: PLC0415

    rules = _rules()
    mappings = (
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING,
        modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    )
    waiting = {kind.model_type for mapping in mappings for kind in mapping}
    waiting |= {name for name in CONFIG_MAPPING if "vision" in name}
    fields: dict[str, dict[str, Any]] = {}
    sections: dict[str, dict[str, str]] = {}
    while waiting:
        name = waiting.pop()
        if name in fields or name not in CONFIG_MAPPING:
            continue
        kind = CONFIG_MAPPING[name]
        fields[name] = _defaults(kind, rules)
        parts = {part: getattr(own, "model_type", "") for part, own in kind.sub_configs.items()}
        known = {part: own for part, own in parts.items() if own in CONFIG_MAPPING}
        if known:
            sections[name] = known
        waiting |= set(known.values())
    source = (
        "Configuration classes of Hugging Face transformers "
        f"{transformers.__version__} (defaults of their fields), read 2026-11-30."
    )
    lines = [f'{{"source": {json.dumps(source)},', '"sections": {']
    lines.append(
        ",\n".join(f"{json.dumps(k)}: {json.dumps(sections[k])}" for k in sorted(sections))
    )
    lines += ["},", '"fields": {']
    lines.append(",\n".join(f"{json.dumps(k)}: {json.dumps(fields[k])}" for k in sorted(fields)))
    Path(target).write_text("\n".join([*lines, "}}"]) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
