"""What is asked in words, the techniques and prices in it, and why no plan is left."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pandas as pd

from llmcalc_core import (
    DoesNotFitError,
    Evaluation,
    EvaluationRequest,
    Hardware,
    Techniques,
    find_engine,
    find_hardware,
    get_minimum_system_size,
    list_hardware,
)
from llmcalc_widgets.text.plan_words import (
    LATENCY_WORDS,
    PHASE_WORDS,
    TIMES,
    TOO_LARGE,
    at_words,
    load_words,
    plan_words,
    rate_words,
)
from llmcalc_widgets.text.units import (
    counted,
    gigabytes,
    number,
    number_text,
    percent_text,
    seconds,
)

_RATE = "request_rate"


def question_words(request: EvaluationRequest) -> tuple[str, str]:
    """Say what is deployed on what, and with which workload; not escaped."""
    deployed = (
        f"{request.models[0].model or 'unnamed model'} on "
        f"{span_words(request.devices)} {TIMES} {request.hardware[0].name}"
    )
    widths = request.context_parallel
    workload = (
        f"{PHASE_WORDS[request.phase]}, {engine_words(request)}, "
        f"{request.precisions_of(request.models[0], request.hardware[0])[0].label}, "
        f"{request.input_tokens[0]:,} tokens in, {request.output_tokens[0]:,} out"
    )
    further = [
        *rates_words(request.request_rates),
        *([] if request.percentile is None else [f"times{at_words(request.percentile)}"]),
        *technique_words(request.techniques[0]),
        *([f"context parallel {span_words(widths)}"] if widths else []),
        *price_words(request.hardware[0]),
    ]
    return deployed, "; ".join([workload, *further])


def engine_words(request: EvaluationRequest) -> str:
    """Name the engine, and what it is told.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> engine_words(make_request("llama3_8b", "H100_80GB", engine_version="0.11",
    ...                           max_num_seqs=64, enforce_eager=True))
    'vLLM 0.11, at most 64 at once, eager'
    """
    words = [find_engine(request.engine).label]
    if request.engine_version is not None:
        words[0] += f" {request.engine_version}"
    if request.max_num_seqs is not None:
        words.append(f"at most {request.max_num_seqs:,} at once")
    return ", ".join([*words, *(["eager"] if request.enforce_eager else [])])


def workload_line(request: EvaluationRequest) -> str:
    """Say what is served how, whatever it runs on; not escaped."""
    _, workload = question_words(request)
    return f"{request.models[0].model or 'unnamed model'}: {workload}"


def rates_words(rates: tuple[float, ...]) -> list[str]:
    """Say at which rates requests come; nothing where so many are in flight.

    Examples
    --------
    >>> rates_words((0.5, 1.0, 2.0)), rates_words((5.0,)), rates_words(())
    (['0.5 to 2 requests/s'], ['5 requests/s'], [])
    """
    if not rates:
        return []
    low = "" if len(rates) == 1 else f"{number_text(rates[0])} to "
    return [f"{low}{rate_words(rates[-1])}"]


def at_one_rate(request: EvaluationRequest) -> bool:
    """Say whether every plan that keeps up gives as many tokens per second and device.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> asked = {"phase": "serving", "request_rate": 5.0}
    >>> at_one_rate(make_request("llama2_7b", "H100_80GB", 2, **asked))
    True
    >>> at_one_rate(make_request("llama2_7b", "H100_80GB", [2, 4], **asked))
    False
    """
    return len(request.request_rates) == len(request.devices) == 1


def span_words(numbers: tuple[int, ...]) -> str:
    """Say from where to where ascending numbers go.

    Examples
    --------
    >>> span_words((8,)), span_words((4, 8, 1024))
    ('8', '4 to 1,024')
    """
    low, high = numbers[0], numbers[-1]
    return f"{high:,}" if low == high else f"{low:,} to {high:,}"


def limit_words(request: EvaluationRequest) -> list[str]:
    """Say each limit."""
    limits = (
        (request.tpot_limit_s, LATENCY_WORDS["decode"]),
        (request.ttft_limit_s, LATENCY_WORDS["prefill"]),
    )
    at = at_words(request.percentile)
    return [f"{seconds(limit)} {what}{at}" for limit, what in limits if limit is not None]


def nothing_words(evaluation: Evaluation) -> str:
    """Say why no plan is left, and what would help; empty if some plan is."""
    if evaluation.recommended is not None:
        return ""
    frame, request = evaluation.frame, evaluation.request
    fitting = frame[~frame["rejected_for"].isin(TOO_LARGE)]
    served = fitting[fitting["rejected_for"] != "load"]
    if not served.empty:
        return f"{_unmet_words(request)} {_fastest_words(evaluation, served)}"
    if not fitting.empty:
        return _overloaded_words(request, fitting)
    if (frame["rejected_for"] == "host memory").any():
        return "What is offloaded does not fit in the memory of the host. Offload less."
    closest = frame.iloc[int(frame["memory_headroom_bytes"].argmax())]
    return (
        f"{request.models[0].model or 'The model'} does not fit on "
        f"{counted(request.devices[-1], 'device')} of {request.hardware[0].name}. The smallest "
        f"plan, {plan_words(closest, request.phase)}, is "
        f"{gigabytes(-closest['memory_headroom_bytes'])} short on a device. "
        f"{_enough_words(request)}"
    )


def _overloaded_words(request: EvaluationRequest, fitting: pd.DataFrame) -> str:
    """Say how many requests per second come, and how many the plan of the most serves."""
    most = fitting.iloc[int(fitting["requests_per_s"].argmax())]
    return (
        f"Requests come faster than any plan that fits serves them: at {rate_words(most[_RATE])} "
        f"the most is {number(most['requests_per_s'])}, {plan_words(most, request.phase)}."
    )


def _unmet_words(request: EvaluationRequest) -> str:
    limits = limit_words(request)
    return (
        f"No plan that fits in memory meets the limit{'s' if len(limits) > 1 else ''} of "
        f"{' and '.join(limits)}."
    )


def _fastest_words(evaluation: Evaluation, fitting: pd.DataFrame) -> str:
    """Say which plans come nearest to each limit."""
    request = evaluation.request
    limited = (
        ("tpot_s", request.tpot_limit_s),
        ("ttft_s", request.ttft_limit_s),
    )
    words = []
    for column in (name for name, limit in limited if limit is not None):
        fastest = fitting.iloc[int(fitting[column].argmin())]
        what = LATENCY_WORDS["prefill" if column == "ttft_s" else "decode"]
        plan, at = plan_words(fastest, request.phase), at_words(request.percentile)
        words.append(f"The fastest needs {seconds(fastest[column])} {what}{at}: {plan}.")
    return " ".join(words)


def _enough_words(request: EvaluationRequest) -> str:
    batch = request.batches[0]
    try:
        enough = get_minimum_system_size(
            model=request.models[0],
            system_name=request.hardware[0],
            batch_size=batch,
            input_tokens=request.input_tokens[0],
            output_tokens=request.output_tokens[0],
            bits=request.precisions_of(request.models[0], request.hardware[0])[0],
            memory_fraction=request.memory_fraction,
            **arguments_of(request.techniques[0]),
        )
    except DoesNotFitError:
        return "No number of these devices would do."
    return f"{counted(enough, 'device')} would do at {load_words(batch, request.phase)}."


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


def price_kind_words(hardware: Hardware) -> str:
    """Say what kind of price a device's is, which costs of different kinds do not share.

    Examples
    --------
    >>> price_kind_words(find_hardware("H100_80GB")), price_kind_words(find_hardware("DGX_Spark"))
    ('cloud price', 'list price over 4 years, assumed')
    >>> price_kind_words(find_hardware("H100_80GB").replace(price_per_hour=2.5))
    'price as given'
    """
    kind, _, what = hardware.price_kind.partition(": ")
    if hardware.price_per_hour is None:
        return "price not known"
    return f"{what}, {kind}" if what else f"price {kind}" if " " in kind else f"{kind} price"


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
