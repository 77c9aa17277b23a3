"""What a deployment does with its requests, and what it pays, in words."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from llmcalc_core import Hardware, Techniques, find_hardware, list_hardware
from llmcalc_widgets.text.numbers import number_text, percent_text
from llmcalc_widgets.text.units import counted


def technique_words(techniques: Techniques) -> list[str]:
    """Say each technique that is in use; not escaped.

    Examples
    --------
    >>> technique_words(Techniques(prefix_hit_rate=0.5, lora_adapters=8))
    ['50 % of the prompt cached', '8 LoRA adapters of rank 16']
    """
    said = []
    if techniques.prefix_hit_rate:
        said.append(f"{percent_text(techniques.prefix_hit_rate)} of the prompt cached")
    if techniques.prefill_chunk_tokens is not None:
        said.append(f"at most {counted(techniques.prefill_chunk_tokens, 'token')} a step")
    if techniques.speculative_tokens:
        draft = techniques.draft_model
        by = "the model itself" if draft is None else draft.model or "an unnamed model"
        said.append(
            f"{counted(techniques.speculative_tokens, 'token')} drafted by {by}, "
            f"{percent_text(techniques.acceptance_rate)} accepted"
        )
    if techniques.lora_adapters:
        adapters = counted(techniques.lora_adapters, "LoRA adapter")
        said.append(f"{adapters} of rank {techniques.lora_rank:,}")
    if techniques.weights_offload:
        said.append(f"{percent_text(techniques.weights_offload)} of the weights in host memory")
    if techniques.weights_offload_gib:
        gib = number_text(techniques.weights_offload_gib)
        said.append(f"{gib} GiB of each device's weights in host memory")
    if techniques.kv_offload:
        said.append(f"{percent_text(techniques.kv_offload)} of the KV cache in host memory")
    if techniques.offload_to_fit:
        said.append("as much in host memory as a plan needs to fit")
    return said


def arguments_of(techniques: Techniques) -> dict[str, Any]:
    """Give what is in use as arguments of a function of the core.

    Examples
    --------
    >>> arguments_of(Techniques(prefix_hit_rate=0.5))
    {'prefix_hit_rate': 0.5}
    """
    neutral = Techniques()
    values = {field.name: getattr(techniques, field.name) for field in fields(Techniques)}
    return {name: own for name, own in values.items() if own != getattr(neutral, name)}


def price_words(hardware: Hardware) -> list[str]:
    """Say the price and the power of a device that are not the listed ones.

    Examples
    --------
    >>> price_words(find_hardware("H100_80GB").replace(price_per_hour=2.5))
    ['at 2.5 USD/h a device']
    """
    if hardware.name not in list_hardware():
        return []
    listed, said = find_hardware(hardware.name), []
    price, power = hardware.price_per_hour, hardware.power_watts
    if price is not None and price != listed.price_per_hour:
        said.append(f"at {number_text(price)} USD/h a device")
    if power is not None and power != listed.power_watts:
        said.append(f"at {number_text(power)} W a device")
    return said
