"""What the tokens of a pass do together is kept, by all that it depends on and nothing else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from llmcalc_core import Precision, Techniques, find_hardware
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.step_pass import TokenCase, step_pass_times, token_pass_times
from llmcalc_core.engines import find_engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hub.models import find_model, list_models
from llmcalc_core.layers.work import Pass, make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.neutral import NEUTRAL

H200 = find_hardware("H200_141GB")
BF16, TWO = Precision(), Layout(tp=2)
ONE_OF_EACH = tuple(
    {
        tuple(sorted({type(part).__name__ for part in architecture(find_model(name)).parts})): name
        for name in list_models()
    }.values()
)
"""A model of each set of kinds of layer in the catalogue."""


def _step(
    model: Model, *, decode: bool, layouts: tuple[Layout, ...] = (Layout(),), **lengths: Any
) -> Pass:
    asked = {"batches": (3,), "inputs": (700,), "outputs": (50,)} | lengths
    return make_pass(model.hidden, make_grid(layouts, **asked), BF16, decode=decode)


def _whole(model: Model, step: Pass, hardware: Hardware, efficiency: Efficiency) -> PassTimes:
    return pass_times(
        model, sections(model, step), hardware, efficiency, by_section=step.grid.is_pipelined
    )


def _assert_same(one: PassTimes, other: PassTimes) -> None:
    names = [field.name for field in fields(PassTimes) if field.name not in {"rows", "section_s"}]
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    pairs += zip(one.section_s, other.section_s, strict=True)
    for mine, its in pairs:
        assert np.asarray(mine) == pytest.approx(np.asarray(its), rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_kernels_are_what_depends_on_lengths(name: str, decode: bool) -> None:  # noqa: FBT001
    model = architecture(find_model(name))
    step = _step(model, decode=decode)
    for part in model.parts:
        operations, _ = part.work(step)
        kernels = part.kernels(step)
        assert kernels == tuple(one for one in operations if one.depends_on_lengths)


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_other_lengths_of_as_many_tokens_take_what_they_take(name: str, decode: bool) -> None:  # noqa: FBT001
    model = architecture(find_model(name))
    efficiency = efficiency_for(H200, BF16, constants=NEUTRAL)
    for batch, prompt, answer in ((4, 6_000, 50), (24, 1_000, 9)):
        step = _step(
            model, decode=decode, batches=(4 if decode else batch,), inputs=(prompt,),
            outputs=(answer,),
        )  # fmt: skip
        found = step_pass_times(model, H200, efficiency, step)
        _assert_same(found, _whole(model, step, H200, efficiency))


def test_few_plans_and_many_take_what_they_take() -> None:
    model = architecture(find_model("llama3_8b"))
    efficiency = efficiency_for(H200, BF16, constants=NEUTRAL)
    layouts = (Layout(tp=8), Layout(tp=4, pp=2), Layout(tp=2, pp=4))
    for batches in ((32,), tuple(range(1, 40))):
        for prompt in (100, 900):
            step = _step(
                model, decode=True, layouts=layouts, batches=batches, inputs=(prompt, 2 * prompt)
            )
            found = step_pass_times(model, H200, efficiency, step)
            _assert_same(found, _whole(model, step, H200, efficiency))


def _cases() -> dict[str, TokenCase]:
    """Cases that differ in one thing each."""
    model, plain = architecture(find_model("llama3_8b")), find_hardware("A100_80GB")
    other = architecture(find_model("llama2_7b"))
    faster = plain.replace(memory_bandwidth=2 * plain.memory_bandwidth)
    own = efficiency_for(plain, BF16)
    eight = Precision(weights="int8")

    def case(
        model: Model = model, hardware: Hardware = plain, efficiency: Efficiency = own,
        precision: Precision = BF16, *, decode: bool = True, layout: Layout = TWO,
        **lengths: Any,
    ) -> TokenCase:  # fmt: skip
        asked = {"batches": (4,), "inputs": (700,), "outputs": (50,)} | lengths
        step = make_pass(model.hidden, make_grid((layout,), **asked), precision, decode=decode)
        found = TokenCase.of(model, hardware, efficiency, step)
        assert found is not None
        return found

    return {
        "plain": case(),
        "model": case(model=other),
        "hardware": case(hardware=faster),
        "precision": case(precision=eight, efficiency=efficiency_for(plain, eight)),
        "constants": case(efficiency=efficiency_for(plain, BF16, constants=NEUTRAL)),
        "engine": case(engine="sglang", efficiency=efficiency_for(plain, BF16, engine="sglang")),
        "version": case(
            engine=find_engine("vllm", "0.11"),
            efficiency=efficiency_for(plain, BF16, engine=find_engine("vllm", "0.11")),
        ),
        "layout": case(layout=Layout(tp=4)),
        "batch": case(batches=(5,)),
        "phase": case(decode=False),
        "speculation": case(techniques=Techniques(speculative_tokens=2, acceptance_rate=0.5)),
        "padding": case(graph_sizes=(8,)),
    }


def test_cases_that_differ_in_anything_share_nothing() -> None:
    cases = _cases()
    assert len(set(cases.values())) == len(cases)
    for name, case in cases.items():
        alone = token_pass_times.__wrapped__(case, bounds=True)
        _assert_same(token_pass_times(case, bounds=True), alone)
        assert name in {"plain", "engine", "version"} or alone.device_s != pytest.approx(
            token_pass_times(cases["plain"], bounds=True).device_s, rel=1e-9
        )


def test_lengths_are_no_part_of_a_case() -> None:
    model = architecture(find_model("llama3_8b"))
    efficiency = efficiency_for(H200, BF16)
    short, long = (
        TokenCase.of(model, H200, efficiency, _step(model, decode=True, inputs=(length,)))
        for length in (10, 10_000)
    )
    assert short == long


@pytest.mark.parametrize(
    "techniques", [Techniques(kv_offload=0.5), Techniques(lora_adapters=4, lora_rank=8)]
)
def test_what_has_shares_of_its_own_is_not_kept(techniques: Techniques) -> None:
    model = architecture(find_model("deepseek_v3"))
    efficiency = efficiency_for(H200, BF16, constants=NEUTRAL)
    for decode in (True, False):
        step = _step(model, decode=decode, techniques=techniques)
        assert TokenCase.of(model, H200, efficiency, step) is None
        found = step_pass_times(model, H200, efficiency, step)
        _assert_same(found, _whole(model, step, H200, efficiency))


def test_so_many_are_kept_and_no_more() -> None:
    assert token_pass_times.cache_info().maxsize == 1024
