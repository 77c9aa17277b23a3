"""A model in words and numbers: its layers, its parameters, the bytes of a token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from llmcalc_core.api.images import image_work
from llmcalc_core.api.make_request import ModelLike
from llmcalc_core.api.sequence_bytes import sequence_bytes_by_layers, weight_bytes
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.architecture.part_parameters import part_parameters
from llmcalc_core.hub.models import find_model
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import PLAIN, Precision

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[str, str, int | float | str, str]

_IMAGE = 1024  # side of the square image that a description names [pixels]
_SEQUENCE = {
    "token": "KV cache of a token",
    "windows": "full windows of a sequence",
    "state": "state of a sequence",
}


def describe(model: ModelLike) -> pd.DataFrame:
    """Describe a model: its layers, parameters by part, bytes in memory, and images.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model. ``ModelConfig.describe`` is the same.

    Returns
    -------
    DataFrame
        Columns ``section`` ('architecture', 'parameters', 'memory', 'image'), ``item``, ``value``
        and ``unit``. Bytes are those of the checkpoint's precision on one device: of the weights,
        of the KV cache for each token of the context, of windows (sliding or chunked) once they are
        full, and of what a sequence keeps whatever its length (states of recurrent layers); where
        several kinds of layer hold some, also kind by kind.

    Raises
    ------
    ValueError
        For an unknown name, or a file that cannot be described faithfully.

    Examples
    --------
    >>> found = describe("llama3_8b").set_index("item")["value"]
    >>> found["attention"], found["KV cache of a token"]
    (1342177280, 131072)
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    rows = list(_rows(find_model(model)))
    return pd.DataFrame(rows, columns=["section", "item", "value", "unit"])


def parameters_by_part(model: ModelLike | Model) -> dict[str, int]:
    """Count the parameters of each part that a model has.

    Parameters
    ----------
    model : name, path, dict, ModelConfig or Model
        The model, or its architecture.

    Returns
    -------
    dict of str to int
        Those of 'embedding', 'attention', 'recurrent', 'dense', 'routed', 'shared', 'router',
        'norms', 'other' and 'head' that are not zero, which sum to the decoder's, then those of
        'vision' and 'mtp' beside it. ``attention`` and ``recurrent`` are token mixers, ``dense``
        feed-forward layers, ``routed`` and ``shared`` experts.

    Raises
    ------
    ValueError
        For an unknown name, or a file that cannot be described faithfully.

    Examples
    --------
    >>> parameters_by_part("llama3_8b")["attention"]
    1342177280
    """
    return part_parameters(model if isinstance(model, Model) else architecture(find_model(model)))


def _rows(config: ModelConfig) -> Iterator[Row]:
    model, precision = architecture(config), config.precision or PLAIN
    yield "architecture", "model", config.model, ""
    yield "architecture", "precision", precision.label, ""
    yield "architecture", "hidden size", model.hidden, "elements"
    yield "architecture", "vocabulary", model.vocabulary, "tokens"
    if model.max_context:
        yield "architecture", "longest context", model.max_context, "tokens"
    yield "architecture", "layers", model.layer_count, ""
    layers = Counter(model.layers[kind].description for kind in model.sequence)
    for words, count in layers.items():
        yield "architecture", f"{count} x", words, ""
    if model.prediction:
        yield "architecture", "modules of multi-token prediction", model.prediction.count, ""
    for part, parameters in part_parameters(model).items():
        yield "parameters", part, parameters, "parameters"
    yield "parameters", "decoder in all", model.parameters, "parameters"
    yield "parameters", "used by a token", model.active_parameters, "parameters"
    yield from _memory(model, precision)
    if config.vision:
        work = image_work(config, _IMAGE, _IMAGE)
        yield "image", f"tokens of {_IMAGE} x {_IMAGE} pixels", work["tokens"], "tokens"
        yield "image", "work of the encoder on it", work["flops"], "FLOP"


def _memory(model: Model, precision: Precision) -> Iterator[Row]:
    """Bytes of the weights and of a sequence: in all, then by kind of layer where several hold."""
    yield "memory", "weights", round(weight_bytes(model, precision)), "bytes"
    kinds = tuple(sequence_bytes_by_layers(model, precision))
    for field, item in _SEQUENCE.items():
        parts = {kind.layers: getattr(kind, field) for kind in kinds}
        total = sum(parts.values())
        if total or field != "windows":
            yield "memory", item, round(total), "bytes"
        if len(kinds) > 1:
            for layers, part in parts.items():
                if part:
                    yield "memory", f"{item}, {layers}", round(part), "bytes"


def description_html(config: ModelConfig) -> str:
    """Give the description as a table for a notebook; every name is escaped text."""
    frame = describe(config)
    cell, right = 'style="text-align:left"', 'style="text-align:right"'
    decoder = architecture(config).parameters
    lines = []
    for section, rows in frame.groupby("section", sort=False):
        lines.append(f'<tr><th colspan="3" {cell}>{escape(str(section)).capitalize()}</th></tr>')
        for item, value, unit in rows[["item", "value", "unit"]].itertuples(index=False):
            side = cell if isinstance(value, str) else right
            shown = value if isinstance(value, str) else _number(value)
            said = _said(value, unit, decoder) if section != "architecture" else unit
            lines.append(
                f"<tr><td {cell}>{escape(item)}</td><td {side}>{escape(shown)}</td>"
                f"<td {cell}>{escape(said)}</td></tr>"
            )
    return f'<table class="llmcalc-model">{"".join(lines)}</table>'


def _said(value: float, unit: str, decoder: int) -> str:
    """Say more than the unit: the share of the decoder, or bytes in thousands of thousands.

    Examples
    --------
    >>> _said(5, "parameters", 200), _said(1_500_000, "bytes", 200), _said(4096, "bytes", 200)
    ('parameters, 2.5 %', 'bytes, 1.5 MB', 'bytes, 4.1 kB')
    """
    if unit == "parameters":
        return f"{unit}, {100 * value / decoder:.3g} %"
    for power, prefix in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if unit == "bytes" and value >= 10**power:
            return f"{unit}, {value / 10**power:.1f} {prefix}"
    return unit


def _number(value: float) -> str:
    """Write a count with separators of thousands, work in powers of ten.

    Examples
    --------
    >>> _number(131072), _number(2.5e12)
    ('131,072', '2.50e+12')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:.2e}"
