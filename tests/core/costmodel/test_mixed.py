"""A step that decodes and reads prompts is one pass: by hand, and of every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.micro_batch import mixed_times, timed
from llmcalc_core.costmodel.mixed import mixed_sections
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import Operation, Pass, Section, pass_of
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.neutral import NEUTRAL

SMALL = ModelConfig(
    vocab_size=1000, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=128,
)  # fmt: skip
EXPERTS: dict[str, Any] = {"num_experts": 8, "expert_top_k": 2, "moe_intermediate_size": 32}
H100, BF16 = llm.find_hardware("H100_80GB"), Precision()


def grid_of(layout: Layout | None = None, **techniques: Any) -> Grid:
    return make_grid(
        (layout or Layout(),), batches=(8,), inputs=(100,), outputs=(21,),
        techniques=Techniques(**techniques),
    )  # fmt: skip


def passes(model: Model, grid: Grid, *, decoding: float = 3.0, prompts: float = 2.0) -> list[Pass]:
    """Sequences that decode a token, and prompts of 100, on each attention replica."""
    return [
        pass_of(
            model.hidden, grid, BF16,
            requests=count, on_all_replicas=count * grid.attention_dp, decode=decode,
        )
        for count, decode in ((decoding, True), (prompts, False))
    ]  # fmt: skip


def worked(config: ModelConfig, **given: Any) -> tuple[list[Section], ...]:
    """Work of what decodes, of the prompts, and of the step that has both."""
    model, grid = architecture(config), grid_of(**given)
    decode, prompts = (list(sections(model, one)) for one in passes(model, grid))
    return decode, prompts, list(mixed_sections(decode, prompts, grid.weights_offload))


def named(section: Section) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for one in section.operations:
        found.setdefault(one.name, []).append(one)
    return found


def test_weights_are_read_once_by_hand() -> None:
    (*_, last), _, (layer, *_, both) = worked(SMALL)
    (projections,) = named(layer)["QKV projection"]
    # Three tokens and two prompts of 100, through 64 x 192 weights of two bytes.
    assert projections.flops == 2 * 203 * 64 * 192
    assert projections.weights == 2 * 64 * 192
    assert projections.moved == 2 * (64 * 192 + 203 * (64 + 192))
    # Logits are those of three tokens and of the last ones of two prompts.
    (head,) = named(both)["logits projection"]
    assert head.flops == 2 * 5 * 64 * 1000
    assert head.weights == last.operations[0].weights == 2 * 64 * 1000


def test_attention_is_a_kernel_for_each() -> None:
    (decode, *_), (prompts, *_), (layer, *_) = worked(SMALL)
    own = [one for one in layer.operations if one.kind == "attention"]
    apart = [
        one for part in (decode, prompts) for one in part.operations if one.kind == "attention"
    ]
    assert [one.name for one in own] == ["attention", "attention of prompts"]
    assert [one._replace(name="attention") for one in own] == apart
    # Contexts of 101 to 121, 111 in the mean, and half of 100 x 100 pairs; 2 x 4 x 32 FLOP each.
    assert [one.flops for one in own] == [3 * 111 * 256, 2 * 5000 * 256]


def test_a_step_starts_the_kernels_of_one_pass_and_an_attention_more() -> None:
    decode, _, both = worked(SMALL)
    for alone, joined in zip(decode, both, strict=True):
        attention = sum(one.kind == "attention" for one in alone.operations)
        assert len(joined.operations) == len(alone.operations) + attention


@pytest.mark.parametrize("top", [1, 2, 8])
def test_experts_are_read_that_either_touches(top: int) -> None:
    config = ModelConfig(
        vocab_size=1000, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
        intermediate_size=128, **(EXPERTS | {"expert_top_k": top}),
    )  # fmt: skip
    model, grid = architecture(config), grid_of()
    place = next(at for at, part in enumerate(model.parts) if "mixture" in part.label)
    decode, few = passes(model, grid, prompts=0.02)  # two tokens
    parts = [sections(model, one)[place] for one in (decode, few)]
    (joined,) = mixed_sections(parts[:1], parts[1:])
    one, other, both = (named(part)["routed experts"][0] for part in (*parts, joined))
    # Three tokens, two, five; an expert has 3 x 64 x 32 weights of two bytes.
    each = 3 * 64 * 32 * 2
    for operation, tokens in ((one, 3), (other, 2), (both, 5)):
        touched = 8 * top * tokens / (8 + top * (tokens - 1))
        assert operation.weights == pytest.approx(touched * each, rel=1e-9)
        assert operation.size == pytest.approx(tokens * top / touched, rel=1e-9)
        assert operation.choice == pytest.approx(8 * each)
    assert both.flops == pytest.approx(one.flops + other.flops)
    streamed = one.moved - one.weights + other.moved - other.weights
    assert both.moved - both.weights == pytest.approx(streamed)


def test_messages_are_sent_once() -> None:
    decode, prompts, both = worked(SMALL, layout=Layout(tp=2))
    sent = [len(part.messages) for part in both]
    assert sent == [len(part.messages) for part in decode]
    # Of 203 tokens of 64 elements of two bytes; logits of five.
    assert [float(one.size) for one in both[0].messages] == [203 * 64 * 2]
    assert [float(one.size) for one in both[-1].messages] == [5 * 1000 * 2]
    assert prompts[0].messages[0].size + decode[0].messages[0].size == both[0].messages[0].size


def test_weights_in_the_hosts_memory_cross_once() -> None:
    decode, prompts, both = worked(SMALL, weights_offload=0.5, kv_offload=0.25)
    for one, other, joined in zip(decode, prompts, both, strict=True):
        weights = sum(operation.weights for operation in joined.operations)
        cached = sum(operation.cached for operation in joined.operations)
        # Embedding and head stay on the device.
        away = 0.5 * weights + 0.25 * cached if one.streamed + other.streamed else 0.0
        assert joined.streamed == pytest.approx(away)
        assert joined.streamed <= one.streamed + other.streamed
    assert sum(one.streamed for one in both) < sum(
        one.streamed for part in (decode, prompts) for one in part
    )


LAYOUTS = (Layout(tp=2), Layout(tp=2, cp=2), Layout(tp=2, ep=2), Layout(attention_dp=2, ep=2))


@pytest.mark.parametrize("name", llm.list_models())
def test_a_step_of_any_model_does_the_work_of_both(name: str) -> None:
    model = architecture(llm.find_model(name))
    for layout in LAYOUTS if model.is_moe else LAYOUTS[:2]:
        apart = [sections(model, one) for one in passes(model, grid_of(layout))]
        for one, other, both in zip(*apart, mixed_sections(*apart), strict=True):
            for figure in ("flops", "cached"):
                total = sum(getattr(each, figure) for each in (*one.operations, *other.operations))
                joined = sum(getattr(each, figure) for each in both.operations)
                assert np.asarray(joined).item() == pytest.approx(np.asarray(total).item())
            weights = [sum(each.weights for each in part.operations) for part in (one, other, both)]
            assert weights[2] <= weights[0] + weights[1]
            assert weights[2] * (1 + 1e-9) >= max(weights[:2])
            # Nothing is lost, and the same kernel runs once.
            names = [each.name for each in both.operations]
            assert len(names) == len(set(names))
            assert {each.removesuffix(" of prompts") for each in names} == {
                each.name for each in (*one.operations, *other.operations)
            }
            sent = [each.name for each in both.messages]
            assert len(sent) == len(set(sent))
            assert set(sent) == {each.name for each in (*one.messages, *other.messages)}


@pytest.mark.parametrize("name", ["llama3_8b", "mixtral_8x7b", "deepseek_v3", "jamba_v0_1"])
@pytest.mark.parametrize("layout", [Layout(tp=8), Layout(tp=4, pp=2)], ids=str)
@pytest.mark.parametrize("prompts", [0.01, 1.0, 20.0])
def test_one_pass_takes_less_than_two(name: str, layout: Layout, prompts: float) -> None:
    model, grid = architecture(llm.find_model(name)), grid_of(layout)
    case = (model, H100, BF16, grid, efficiency_for(H100, BF16, constants=NEUTRAL))
    decode, reads = passes(model, grid, decoding=32.0, prompts=prompts)
    both = mixed_times(case, decode, reads)
    apart = [timed(case, one, sections(model, one), None) for one in (decode, reads)]
    seconds = [np.asarray(one.one.device_s).item() for one in (*apart, both)]
    assert max(seconds[:2]) <= seconds[2] < sum(seconds[:2])
    assert both.one.kernels < sum(one.one.kernels for one in apart)
    # It is prepared once, for all sequences, and handed over in one message.
    fixed, each = case[-1].step_s, case[-1].sequence_step_s
    assert both.prepare_s == pytest.approx(fixed + (32 + prompts) * each)
    assert both.hand_over_s <= sum(one.hand_over_s for one in apart)


def test_a_token_read_beside_decoding_takes_next_to_nothing() -> None:
    # Issue 20: prompts of one token, beside 64 sequences, paid for the weights a second time.
    model, grid = architecture(llm.find_model("llama3_8b")), grid_of()
    case = (model, H100, BF16, grid, efficiency_for(H100, BF16))
    decode, reads = passes(model, grid, decoding=64.0, prompts=0.01)
    alone = timed(case, decode, sections(model, decode), None)
    both = mixed_times(case, decode, reads)
    assert both.one.device_s < 1.1 * alone.one.device_s


def test_work_that_is_known_is_not_made_again() -> None:
    model, grid = architecture(SMALL), grid_of()
    case = (model, H100, BF16, grid, efficiency_for(H100, BF16))
    decode, reads = passes(model, grid)
    given, made = (
        mixed_times(case, decode, reads, work=work) for work in (sections(model, decode), None)
    )
    assert given.one.device_s == made.one.device_s
    assert given.host_delay_s == made.host_delay_s
