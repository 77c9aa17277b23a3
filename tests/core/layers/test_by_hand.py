"""Every kind of layer part is as by hand: work of a pass, weights, cache, on 1, 2 and 4 devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import ModelConfig, Techniques, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.token_mixer import TokenMixer
from llmcalc_core.layers.work import make_pass
from llmcalc_core.model.config_checks import LAYER_TYPES, MLP_LAYER_TYPES
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.layers.kinds_by_hand import KINDS, WIDTHS, WORDS, grid_of, part_of
from tests.core.layers.work_by_hand import (
    ENTRY,
    EXPERTS,
    FP8,
    INDEX,
    LATENT,
    MAMBA,
    PLAIN,
)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("hyper-connections", 3), ("alternating updates", 3), ("attention residuals", 1),
        ("layer inputs", 1), ("low-rank residual", 1),
    ],
)  # fmt: skip
def test_rows_between_layers(kind: str, rows: int) -> None:
    """A stream or a block each; what is added to the one stream is no other."""
    model = architecture(ModelConfig(**(PLAIN | KINDS[kind][0])))
    assert (model.residual_rows, model.most_residual_rows) == (rows, rows)


@pytest.mark.parametrize("decode", [False, True], ids=["prefill", "decode"])
@pytest.mark.parametrize(("kind", "tp"), WIDTHS)
def test_work(kind: str, tp: int, decode: bool) -> None:  # noqa: FBT001
    step = make_pass(64, grid_of(tp), FP8, decode=decode)
    found = {
        one.name: tuple(
            np.asarray(value).item() for value in (one.flops, one.moved, one.cached, one.launches)
        )
        for one in part_of(kind).work(step)[0]
    }
    expected = KINDS[kind][1](tp, 2 if decode else 64, decode)
    assert sorted(found) == sorted(expected)
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers, rel=1e-12), name


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_cache(kind: str) -> None:
    part, grids = part_of(kind), [grid_of(tp) for tp in (1, 2, 4)]
    weights = [np.asarray(part.weight_bytes(FP8, grid)).item() for grid in grids]
    assert weights == pytest.approx(KINDS[kind][2], rel=1e-12)
    cache = [np.asarray(part.cache_bytes(FP8, grid)).item() for grid in grids]
    assert cache == pytest.approx(KINDS[kind][3], rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_one_device_has_every_parameter_once(kind: str) -> None:
    part = part_of(kind)
    assert part.weight_bytes(parse_precision("bf16"), grid_of(1)) == 2 * part.parameters
    assert sum(part.counts.values()) == part.parameters


@pytest.mark.parametrize("kind", KINDS)
def test_widths(kind: str) -> None:
    part, (alive, gathered, heads) = part_of(kind), KINDS[kind][4]
    assert part.activation_width == alive
    if isinstance(part, TokenMixer):
        assert part.gathered_width(2.0) == gathered
        assert part.shardable_heads == heads


# Of what is timed by facts of its own: name, family in prefill and in a decode step
FAMILIES = [
    ("attention", "attention", "attention_prefill", "attention_decode"),
    ("attention", "QKV projection", "gemm", "gemm"),
    ("sparse latent attention", "index scores", "attention_prefill", "attention_decode"),
    ("Mamba", "scan", "traffic", "traffic"),
    ("Mamba-2", "scan", "recurrent_prefill", "traffic"),
    ("gated delta net", "delta rule", "recurrent_prefill", "traffic"),
    ("sparse latent attention", "attention", "latent_prefill", "latent_decode"),
    ("mixture of experts", "routed experts", "mixture", "mixture"),
    ("mixture of experts", "router", "gemm_wide", "gemm_wide"),
]


@pytest.mark.parametrize(("kind", "name", "prefill", "decode"), FAMILIES)
def test_facts_that_time_it(kind: str, name: str, prefill: str, decode: str) -> None:
    for is_decode, family in ((False, prefill), (True, decode)):
        step = make_pass(64, grid_of(1), FP8, decode=is_decode)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert found.family == family


def test_what_an_efficiency_rises_with() -> None:
    # attention in prefill: the tokens of a prompt; routed experts: 2 x 2 rows over 8/3 of four
    for kind, name, decode, size in (
        ("attention", "attention", False, 32),
        ("attention", "attention", True, np.inf),
        ("mixture of experts", "routed experts", True, 4 / (8 / 3)),
    ):
        step = make_pass(64, grid_of(1), FP8, decode=decode)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert np.asarray(found.size).item() == pytest.approx(size, rel=1e-12)


def test_weights_that_are_read() -> None:
    # 64 x 192 and 64 x 64 of attention; 8/3 experts of 3 x 24 x 32, a router of 2 bytes, the
    # latent space and a shared expert; norms have none to speak of
    mixture = 6144 + 512 + 3072 + 3072
    for kind, weights in (("attention", 16_384), ("mixture of experts", mixture), ("norms", 0)):
        step = make_pass(64, grid_of(1), FP8, decode=True)
        found = sum(np.asarray(one.weights).item() for one in part_of(kind).work(step)[0])
        assert found == weights


def test_adapters_know_how_many_projections_are_one() -> None:
    for kind, name, packed in (
        ("attention", "QKV projection", 3),
        ("attention", "output projection", 1),
        ("feed-forward", "gate and up projection", 2),
        ("plain feed-forward", "up projection", 1),
    ):
        step = make_pass(64, grid_of(1), FP8, decode=True)
        (found,) = (one for one in part_of(kind).work(step)[0] if one.name == name)
        assert found.shape is not None
        assert found.shape[3] == packed


@pytest.mark.parametrize(("top_k", "absorbed"), [(31, True), (32, False)])
def test_sparse_attention_that_chooses_the_whole_prompt_is_dense(
    top_k: int,
    absorbed: bool,  # noqa: FBT001
) -> None:
    config = ModelConfig(**(PLAIN | LATENT | INDEX | {"index_topk": top_k}))
    (part,) = architecture(config).token_mixers
    step = make_pass(64, grid_of(1), FP8, decode=False)
    (found,) = (one for one in part.work(step)[0] if one.name == "attention")
    widths = 40 + 32 if absorbed else 24 + 12
    pairs = 31 * 31 / 2 + 31 if absorbed else 512
    computed = 64 if absorbed else 4  # heads
    assert np.asarray(found.flops).item() == 2 * 2 * pairs * computed * widths


def test_a_cached_prefix_is_unpacked_and_read_too() -> None:
    # of 32 tokens half is cached: 16 of each sequence query, 32 are unpacked and read
    grid = make_grid(
        (Layout(),), batches=(2,), inputs=(32,), outputs=(4,),
        techniques=Techniques(prefix_hit_rate=0.5),
    )  # fmt: skip
    step = make_pass(64, grid, FP8, decode=False)
    found = {one.name: one for one in part_of("latent attention").work(step)[0]}
    assert found["KV up projection"].flops == 2 * 64 * 112 * 32
    assert found["query down projection"].flops == 2 * 32 * 24 * 64
    assert found["attention"].cached == 2 * 32 * 40


ODD: dict[str, Any] = {
    "num_experts": 5, "expert_top_k": 2, "moe_intermediate_size": 33, "intermediate_size": 97,
    "num_decoder_layers": 2, "mlp_layer_types": ("dense", "sparse"),
}  # fmt: skip


def test_columns_and_experts_that_devices_cannot_share_evenly() -> None:
    # two devices have 17 of 33 columns of each expert, or 3 of 5 experts, and 49 of 97 columns
    model, bf16 = architecture(ModelConfig(**(PLAIN | ODD))), parse_precision("bf16")
    dense, mixture = (layer.channel for layer in model.layers)
    assert isinstance(dense, FeedForward)
    assert isinstance(mixture, MoE)
    router = 5 * 64
    for layout, routed in (
        (Layout(tp=2), 5 * 3 * 64 * 17),
        (Layout(ep=2, attention_dp=2), 3 * 3 * 64 * 33),
    ):
        grid = make_grid((layout,), batches=(2,), inputs=(32,), outputs=(4,))
        found = np.asarray(mixture.weight_bytes(bf16, grid)).item()
        assert found == pytest.approx(2 * (routed + router), rel=1e-12)
    grid = grid_of(2)
    work = {one.name: one for one in mixture.work(make_pass(64, grid, bf16, decode=True))[0]}
    assert work["routed experts"].flops == pytest.approx(2 * 2 * 2 * 3 * 17 * 64, rel=1e-12)
    found = np.asarray(dense.weight_bytes(bf16, grid)).item()
    assert found == pytest.approx(2 * 3 * 64 * 49, rel=1e-12)
    work = {one.name: one for one in dense.work(make_pass(64, grid, bf16, decode=True))[0]}
    assert work["down projection"].flops == 2 * 2 * 64 * 49


def test_parameters_that_a_token_uses() -> None:
    model = architecture(ModelConfig(**(PLAIN | ODD)))
    assert model.parameters - model.active_parameters == 3 * 3 * 64 * 33


def test_projections_that_a_checkpoint_may_quantise() -> None:
    assert part_of("attention").quantisable == {"attention": 12_320, "attention_output": 4096}
    assert part_of("latent attention").quantisable["attention_output"] == 48 * 64
    assert part_of("compressed attention").quantisable["attention_output"] == 64 * 12 + 2 * 12 * 64
    assert part_of("mixture of experts").quantisable == {"experts": 9216, "shared": 3072}
    assert part_of("Mamba").quantisable == {"recurrent": 32_640}
    alone = architecture(ModelConfig(**(PLAIN | EXPERTS | {"n_shared_experts": 0})))
    (mixture,) = alone.mixtures
    assert mixture.quantisable == {"experts": 9216}


def test_queries_of_drafted_tokens_and_of_beams() -> None:
    # Each of two sequences verifies three tokens beside its own, of which 1.875 are gained at 0.5:
    # the queries lie (4 - 1.875) / 2 further on in the mean, the last one sees 1.5 more than that.
    drafts = Techniques(speculative_tokens=3, acceptance_rate=0.5)
    seen = 34.5 + (4 - 1.875) / 2
    # Of two beams each reads its own 2.5 tokens and half of the prompt.
    for given, queries, pairs, read in (
        ({"techniques": drafts}, 8, seen, 2 * (seen + 1.5)),
        ({"beams": 2}, 4, 34.5, 4 * (2.5 + 32 / 2)),
    ):
        grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
        step = make_pass(64, grid, FP8, decode=True)
        (found,) = (one for one in part_of("attention").work(step)[0] if one.kind == "attention")
        assert np.asarray(found.flops).item() == pytest.approx(2 * queries * pairs * 4 * 32)
        assert np.asarray(found.cached).item() == pytest.approx(read * 2 * 32)
    # A prompt of 32 has its 32^2 / 2 pairs of each sequence, whatever is drafted behind it.
    grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), techniques=drafts)
    work = part_of("attention").work(make_pass(64, grid, FP8, decode=False))[0]
    (found,) = (one for one in work if one.kind == "attention")
    assert np.asarray(found.flops).item() == 2 * 2 * 512 * 4 * 32


def test_a_prompt_that_is_read_in_parts() -> None:
    # In steps of 18 tokens, two of which other sequences decode: two parts of 16, on average half
    # of a prompt's pairs each; the first reads 16 keys of a sequence and the second 32, that is 24.
    grid = make_grid(
        (Layout(),), batches=(2,), inputs=(32,), outputs=(4,),
        techniques=Techniques(prefill_chunk_tokens=18),
    )  # fmt: skip
    step = make_pass(64, grid, FP8, decode=False)
    for kind, pairs in (("attention", 512), ("chunked attention", 256)):
        (found,) = (one for one in part_of(kind).work(step)[0] if one.kind == "attention")
        assert np.asarray(found.flops).item() == 2 * 2 * pairs / 2 * 4 * 32
        assert np.asarray(found.cached).item() == 2 * 24 * 2 * 32
        # The last query of a part sees 24 keys in the mean, those of its chunk at the most.
        last = 24 if kind == "attention" else 16
        assert np.asarray(found.size).item() == np.asarray(found.inner).item() == last
        assert found.columns == 16


# Two requests of compressed attention, a window of 16 and an entry for 8: keys that each reads.
ENTRIES_READ: list[tuple[str, dict[str, Any], bool, float]] = [
    # 24 of 32 tokens are cached: 8 new ones and a window before them, one new entry and three
    ("prefix", {"techniques": Techniques(prefix_hit_rate=0.75)}, False, 2 * (8 + 16 + 1 + 3)),
    # three drafted tokens: the last query sees 1.5 tokens more than the mean one, and 1.5 / 8
    (
        "drafts",
        {"techniques": Techniques(speculative_tokens=3, acceptance_rate=0.5)},
        True,
        2 * (16 + 1.5 + (34.5 + (4 - 1.875) / 2 + 1.5) / 8),
    ),
    # four beams in pairs share a window of the prompt, and its four entries
    ("beams", {"beams": 2}, True, 4 * (16 / 2 + 2.5 / 8 + 4 / 2)),
]


@pytest.mark.parametrize(
    ("given", "decode", "keys"), [row[1:] for row in ENTRIES_READ], ids=[r[0] for r in ENTRIES_READ]
)
def test_entries_that_are_read(given: dict[str, Any], decode: bool, keys: float) -> None:  # noqa: FBT001
    grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
    step = make_pass(64, grid, FP8, decode=decode)
    work = part_of("heavily compressed attention").work(step)[0]
    (found,) = (one for one in work if one.name == "attention")
    assert np.asarray(found.cached).item() == pytest.approx(keys * ENTRY, rel=1e-12)


def test_norms_inside_mamba() -> None:
    plain, normed = (
        architecture(ModelConfig(**(PLAIN | MAMBA | more | {"layer_types": ("mamba",)})))
        for more in ({}, {"mamba_norm": True})
    )
    assert normed.parameters - plain.parameters == 4 + 2 * 16  # dt, B and C


def test_states_of_beams_and_drafted_tokens() -> None:
    # two requests of three beams, or of one sequence with three drafted tokens
    more = ({"beams": 3}, {"techniques": Techniques(speculative_tokens=3, acceptance_rate=0.5)})
    for kind, one in (("Mamba", 8960), ("heavily compressed attention", 2 * 8 * 16 * 4)):
        for states, given in zip((3, 4), more, strict=True):
            grid = make_grid((Layout(),), batches=(2,), inputs=(32,), outputs=(4,), **given)
            found = np.asarray(part_of(kind).cache_bytes(FP8, grid)).item()
            if kind == "Mamba":
                assert found == 2 * states * one
            else:
                # blocks of 16: prompt 32 and 16 of each beam, or 39 tokens; windows of 16
                windows, entries = (16 + 3 * 16, 32 + 3 * 16) if states == 3 else (16, 48)
                assert found == 2 * (states * one + (windows + entries / 8) * ENTRY)


@pytest.mark.parametrize("kind", WORDS)
def test_description(kind: str) -> None:
    assert part_of(kind).description == WORDS[kind]


def test_key_value_heads_that_devices_repeat() -> None:
    assert isinstance(grouped := part_of("attention"), TokenMixer)
    assert grouped.grouped_kv_heads == 2
    config = ModelConfig(**(PLAIN | {"num_key_value_heads": 4}))
    assert architecture(config).kv_heads == ()
    assert isinstance(latent_one := part_of("latent attention"), TokenMixer)
    assert latent_one.grouped_kv_heads is None


def test_every_kind_of_a_configuration_is_here() -> None:
    named = [fields.get("layer_types", ("full_attention",)) for fields, *_ in KINDS.values()]
    assert {kind for kinds in named for kind in kinds} | {"none"} == {*LAYER_TYPES}
    assert {*MLP_LAYER_TYPES} == {"dense", "sparse", "linear", "none"}
