"""From the quantisation of a checkpoint's modules to the precision of a model's parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from llmcalc_core.architecture.model import architecture
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.quantisation.module_names import modules_of, spellings
from llmcalc_core.hub.quantisation.scheme import Quantisation, Scheme
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision

_FIRST = ("dense", "shared", "attention", "recurrent", "experts")
_NEAR = 1e-9
_WIDE_BITS = 16.0


def checkpoint_precision(
    quantisation: Quantisation, config: ModelConfig, model_type: str
) -> Precision:
    """Give each part of a model the scheme that most of its weights have, and their mean bits.

    Parameters
    ----------
    quantisation : Quantisation
        Which modules are quantised how.
    config : ModelConfig
        The architecture.
    model_type : str
        Whose names the modules have.

    Returns
    -------
    Precision
        Types of the dense layers (where there are none, of the shared experts, else of
        attention) as its main ones, the others as parts; ``stored_bits`` where the weights of a
        part differ. The embedding stays at 16 bits.

    Raises
    ------
    ValueError
        If it says something of modules that this model is not known to have.
    """
    weighed = _weighed(quantisation, config, model_type)
    schemes = {part: counted.most_common(1)[0][0] for part, counted in weighed.items()}
    main = next(part for part in _FIRST if part in schemes)
    experts = schemes.get("experts", schemes[main])
    narrowest = min(schemes.values(), key=lambda scheme: DATA_TYPES[scheme.weights].stored_bits)
    usual = DATA_TYPES[narrowest.weights].scale_bits
    own: dict[str, Any] = {
        part: schemes[part].weights
        for part in ("attention", "attention_output", "recurrent", "shared")
        if part in schemes
    }
    plain = Precision(
        weights=schemes[main].weights,
        activations=schemes[main].activations,
        kv_cache=quantisation.kv_cache,
        experts=experts.weights,
        expert_activations=experts.activations,
        scale_bits=None if narrowest.scale_bits == usual else narrowest.scale_bits,
        **own,
    )
    means = {part: _mean(counted) for part, counted in weighed.items()}
    means["weights"] = means[main]
    means.pop("dense", None)
    if not config.tie_word_embeddings:
        means["head"] = _bits(quantisation.head)
    prediction = f"layers.{config.num_decoder_layers}.mlp.experts.0.gate_proj"
    mixed = {part: mean for part, mean in means.items() if abs(plain.bits(part) - mean) > _NEAR}
    narrow = any(DATA_TYPES[scheme.weights].is_quantised for scheme in schemes.values())
    if config.mtp_layers and narrow and quantisation.leaves_prediction(prediction):
        mixed["mtp"] = _WIDE_BITS
    return replace(plain, stored_bits=mixed) if mixed else plain


def _weighed(
    quantisation: Quantisation, config: ModelConfig, model_type: str
) -> dict[str, Counter[Scheme]]:
    """Count the parameters of each part that have a scheme."""
    model = architecture(config)
    weighed: dict[str, Counter[Scheme]] = {}
    seen: set[str] = set()
    for index, kind in enumerate(model.sequence):
        for part, name, parameters in modules_of(model.layers[kind], config, model_type):
            names = spellings(f"layers.{index}.{name}")
            seen.update(names)
            scheme = quantisation.scheme_of(*names)
            counted = weighed.setdefault(part, Counter())
            counted[scheme] += round(parameters)
    unmet = quantisation.unmet(seen)
    if unmet:
        msg = f"the quantisation names parts of layers that are not known, such as {unmet[0]!r}"
        raise ValueError(msg)
    return weighed


def _mean(counted: Counter[Scheme]) -> float:
    """Give the mean bits of a part's weights; of one without any, those of its scheme."""
    if not counted.total():
        return _bits(next(iter(counted)))
    return sum(_bits(scheme) * number for scheme, number in counted.items()) / counted.total()


def _bits(scheme: Scheme) -> float:
    """Bits that a weight takes, its share of the scales included."""
    kind = DATA_TYPES[scheme.weights]
    return kind.bits + scheme.scale_bits if kind.is_quantised else kind.stored_bits
