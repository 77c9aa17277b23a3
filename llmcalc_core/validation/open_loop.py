"""Rows of an open loop of ``inference-perf`` against a server: a row becomes a case.

What its rows are was found out from what they record, and from the tool's code
(kubernetes-sigs/inference-perf, client/modelserver/openai_client.py at 025219f; read 2026-11-30):

- Prompts do not grow, although ``multi_turn`` is true: mean and 99th percentile of the prompts'
  tokens are within 3 % of each other after hundreds of turns. Each session's prompt is sent again
  and again, in turn, and is found in the prefix cache but for its last block.
- Every answer has ``output_tokens``: the tool sends ``ignore_eos``, and mean and median of the
  end-to-end latency are within 2 % of each other even where the recorded answers of Llama 2 7B
  are 80 % of that in the mean and all of it in the median. ``answer_tokens_mean`` is what the tool
  counts in the text, without the special tokens that follow an end, and at times more than were
  asked for; a time per output token of these files is divided by it.
- The client has no timeout of its own, so that aiohttp's holds: an answer that takes more than 300
  seconds fails, and no latency is recorded of it. Of 4,800 requests of one overloaded server 4,068
  did.
- The version of vLLM is not recorded. Rows are of February and March 2026, after release 0.14.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from llmcalc_core.architecture.model import architecture
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    measured_number,
    optional_count,
    stated_count,
    stated_number,
)
from llmcalc_core.validation.names import checkpoint_precision, device, engine, model
from llmcalc_core.validation.traffic import (
    Traffic,
    at_a_rate,
    repeated_prompts,
    replicas_and_ranks,
    schedules_ahead,
)
from llmcalc_core.workload.requests import Arrivals, Requests

COLUMNS = (
    "id", "source", "engine", "model", "hardware", "tp", "precision", "arrivals", "rate",
    "duration_s", "sessions", "system_prompt_tokens", "question_tokens", "multi_turn",
    "output_tokens",
)  # fmt: skip
"""Columns that a row is read from; those of what was measured, counted or set may be absent."""

METRICS = (
    "ttft_mean_ms", "ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms", "tpot_mean_ms", "e2e_mean_ms",
    "e2e_p99_ms",
)  # fmt: skip

_BURSTINESS = {"constant": math.inf, "poisson": 1.0}
"""Shapes of the gamma distribution of times between requests [1]."""

_PRECISIONS = {"16 bit": ""}
"""Words of these files for the types of a checkpoint that others do not use."""

_TOKENS_OF_TEXT = 1.05
"""Tokens of a prompt over those that were asked for: the tool joins texts of so many tokens, which
are cut otherwise when they are read together. In the rows that record both 1.045 to 1.052 [1]."""

_GROWN = 1.25
"""Longest prompt over the mean, from which prompts must have grown from turn to turn [1]."""

_CLIENT_WAITS_S = 300.0
"""``DEFAULT_TIMEOUT`` of aiohttp (client.py of aio-libs/aiohttp, 5 minutes in all) [s]."""

_VERSION = "0.14"
"""Of vLLM, where rows do not say: the least that was new when they were measured."""


def source_of(fields: Mapping[str, str]) -> str:
    """Who measured a row: the project, without the run."""
    return fields["source"].split()[0] if fields["source"].strip() else "not stated"


def read_case(fields: Mapping[str, str]) -> Case:
    """Turn a row into a case.

    Raises
    ------
    CannotPredictError
        If something is not stated, not known or not what can be simulated.
    ValueError
        If a cell holds no valid value, or the model can't be laid out so.
    """
    config, hardware = model(fields["model"]), device(fields["hardware"])
    served_by = engine(fields["engine"])
    replicas, ranks = replicas_and_ranks(fields, config)
    requests = _requests(fields, replicas)
    weights = fields["precision"].strip()
    return Case(
        id=fields["id"],
        source=source_of(fields),
        model=config,
        hardware=hardware,
        engine=served_by,
        precision=checkpoint_precision(
            _PRECISIONS.get(weights, weights), model=config, hardware=hardware, engine=served_by
        ),
        layout=check_layout(
            architecture(config), tp=stated_count(fields, "tp"), pp=1, ep=1, attention_dp=ranks
        ),
        kind="open_loop",
        batch=0,
        input_tokens=int(requests.input_tokens[0]),
        output_tokens=int(requests.output_tokens[0]),
        metrics=METRICS,
        measured=tuple(measured_number(fields, metric) for metric in METRICS),
        arrivals=Arrivals(fixed_lengths=True),
        traffic=Traffic(
            requests=requests,
            options={
                "max_num_seqs": optional_count(fields, "max_num_seqs"),
                "max_num_batched_tokens": optional_count(fields, "max_num_batched_tokens"),
                "num_kv_blocks": optional_count(fields, "kv_blocks"),
                "async_scheduling": schedules_ahead(
                    served_by, fields.get("engine_version", "").strip() or _VERSION
                ),
            },
            client_waits_s=_CLIENT_WAITS_S,
            counted_tokens=_or(measured_number(fields, "answer_tokens_mean"), 0.0),
        ),
    )


def _requests(fields: Mapping[str, str], replicas: int) -> Requests:
    """Give the requests of one replica: each has its share of all."""
    arrivals = fields["arrivals"].strip()
    if arrivals not in _BURSTINESS:
        msg = f"arrivals {arrivals!r} are neither {' nor '.join(_BURSTINESS)}"
        raise CannotPredictError(msg)
    rate = stated_number(fields, "rate")
    sent = optional_count(fields, "requests")
    count = max(round((sent or rate * stated_number(fields, "duration_s")) / replicas), 1)
    burstiness = _BURSTINESS[arrivals]
    prompt, system = _prompt_tokens(fields)
    lengths = prompt, stated_count(fields, "output_tokens")
    if fields["multi_turn"].strip().casefold() in ("true", "1"):
        prompts = stated_count(fields, "sessions")
        return repeated_prompts(count, rate / replicas, burstiness, lengths, prompts)
    return at_a_rate(count, rate / replicas, burstiness, lengths, min(system / prompt, 1.0))


def _prompt_tokens(fields: Mapping[str, str]) -> tuple[int, int]:
    """Tokens of a prompt, and of the system prompt in it."""
    system = stated_count(fields, "system_prompt_tokens", least=0)
    recorded = measured_number(fields, "prompt_tokens_mean")
    if measured_number(fields, "prompt_tokens_p99") > _GROWN * recorded:
        msg = "prompts grew from turn to turn, which these estimates of the tool's runs do not know"
        raise CannotPredictError(msg)
    asked = system + stated_count(fields, "question_tokens", least=0)
    return max(round(_or(recorded, _TOKENS_OF_TEXT * asked)), 1), system


def _or(value: float, other: float) -> float:
    return other if math.isnan(value) else value
