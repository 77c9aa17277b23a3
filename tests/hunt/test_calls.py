"""Bad calls of every public function: our error, in a sentence that names the argument, soon."""

from __future__ import annotations

import numpy as np
import pytest

import llmcalc_core
from llmcalc_core import estimate_end_to_end_performance
from llmcalc_core.shown import shown
from tests.hunt import junk
from tests.hunt.calls import Call, good, says
from tests.hunt.hunts import CALL_S, bad_call
from tests.hunt.limits import fault

NO_CALLS = {
    "Calibration", "Cancelled", "DoesNotFitError", "Engine", "Evaluation", "Launch", "Model",
    "NotRunnableError", "Requests", "Simulation", "hardware_sources", "list_hardware",
    "model_from_hub",
}  # fmt: skip
"""What is made by others, what takes nothing or one name, and what asks the network."""


def test_every_public_function_is_called() -> None:
    names = {name for name in llmcalc_core.__all__ if callable(getattr(llmcalc_core, name))}
    assert names - {call.name for call in good()} - NO_CALLS == set()


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_bad_calls_are_refused_in_a_sentence(start: int) -> None:
    fallen = {what: found for what, found in map(bad_call, range(start, start + 50)) if found}
    assert fallen == {}


NAMED = [
    ("ModelConfig", "layer_types", 1.5),
    ("ModelConfig", "layer_types", np.array([1.5, 2.5])),
    ("ModelConfig", "per_layer", "no"),
    ("ModelConfig", "mtp_layer", [[1]]),
    ("ModelConfig", "parallel_mixer", None),
    ("Precision", "stored_bits", "no"),
    ("Precision", "experts", np.array([1.5, 2.5])),
    ("EvaluationRequest", "hardware", "no"),
    ("EvaluationRequest", "techniques", [None]),
    ("EvaluationRequest", "request_rates", np.array(4)),
    ("EvaluationRequest", "context_parallel", np.array([1.5, 2.5])),
    ("explore", "batch", np.array(4)),
    ("explore", "model", "a" * 10**6),
    ("architecture", "config", []),
    ("calibrate", "measurements", "[" * 5000),
    ("draw_conversations", "question_lengths", 5),
    ("draw_conversations", "seed", range(10**12)),
    ("draw_conversations", "burstiness", np.array([1.0])),
    ("simulate", "burstiness", 1e-308),
    ("simulate", "requests", [1]),
    ("simulate", "input_tokens", 0.5),
    ("load_curve", "request_rates", 1.0),
    ("load_curve", "ttft_limit_s", None),
    ("gguf_precision", "kv_cache", None),
    ("list_models", "query", None),
    ("release_of", "version", []),
    ("pareto_mask", "cost", range(10**12)),
    ("memory_budget", "prefix_caching", "no"),
]


@pytest.mark.parametrize(("name", "argument", "value"), NAMED)
def test_each_kind_that_fell_is_named(name: str, argument: str, value: object) -> None:
    (call,) = (one for one in good() if one.name == name)
    bad: Call = call.with_junk(argument, value)
    assert fault(bad.ask, seconds=CALL_S, says=says(argument)) is None
    with pytest.raises(ValueError, match=says(argument)):
        bad.ask()


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.float32])
def test_numbers_of_numpy_do_not_overflow(kind: type[np.generic]) -> None:
    """100 x 100 tokens are more than 8 bits hold: the same answer as of Python's numbers."""
    given = dict.fromkeys(("batch_size", "input_tokens", "output_tokens"), 100)
    plan = {"model": "llama3_8b", "system_name": "H100_80GB", "price_per_hour": 2.0}
    of_numpy = {name: kind(value) for name, value in given.items()}  # type: ignore[call-arg]
    assert estimate_end_to_end_performance(**plan, **of_numpy) == estimate_end_to_end_performance(
        **plan, **given
    )


def test_messages_show_values_briefly() -> None:
    for make in junk.kinds():
        text = shown(make())
        assert 0 < len(text) <= 100
        assert "\n" not in text
