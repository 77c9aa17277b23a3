"""Decode steps padded to the batches that kernels were captured for."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import Precision, estimate_serving_performance, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas.graphs import padded_batch
from llmcalc_core.layers.work import make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

ASKED = {
    "model": "llama3_8b", "input_tokens": 1000, "output_tokens": 2000,
    "system_name": "H100_80GB", "engine": "trtllm",
}  # fmt: skip


def _work(batch, layout, sizes=(), model="llama3_8b", *, decode=True):
    """Operations and messages of the layers, by name: [FLOP], [bytes], [bytes]."""
    grid = make_grid((layout,), batches=(batch,), inputs=(1000,), outputs=(2000,),
                     graph_sizes=sizes)  # fmt: skip
    described = architecture(find_model(model))
    parts = sections(described, make_pass(described.hidden, grid, Precision(), decode=decode))
    operations = {one.name: one for part in parts for one in part.operations}
    return operations, {one.name: one.size for part in parts for one in part.messages}


@pytest.mark.parametrize(
    ("sequences", "run"), [(1, 1), (3, 4), (4, 4), (5, 256), (256, 256), (257, 257)]
)
def test_a_batch_is_padded_to_the_next_size_and_beyond_the_last_not(sequences, run):
    assert padded_batch(sequences=float(sequences), sizes=(1, 2, 4, 256)) == run


def test_without_sizes_a_batch_stays():
    assert padded_batch(sequences=np.array([3.0, 5.0]), sizes=()).tolist() == [3.0, 5.0]


def test_projections_and_messages_are_padded_and_caches_are_not():
    padded, sent = _work(40, Layout(tp=2), (32, 64))
    own, own_sent = _work(40, Layout(tp=2))
    full, full_sent = _work(64, Layout(tp=2))
    for name in ("down projection", "output projection"):
        assert padded[name].flops == full[name].flops > own[name].flops
    assert sent == full_sent != own_sent
    assert padded["attention"].flops == own["attention"].flops
    assert padded["attention"].cached == own["attention"].cached


def test_each_attention_replica_is_padded_and_its_tokens_are_sent():
    layout = Layout(tp=1, ep=4, attention_dp=4)
    padded, sent = _work(4 * 5, layout, (1, 8), model="mixtral_8x7b")
    full, full_sent = _work(4 * 8, layout, model="mixtral_8x7b")
    assert padded["router"].flops == full["router"].flops
    assert sent == full_sent


def test_prefills_are_not_padded():
    padded, _ = _work(40, Layout(), (64,), decode=False)
    own, _ = _work(40, Layout(), decode=False)
    assert {name: one.flops for name, one in padded.items()} == {
        name: one.flops for name, one in own.items()
    }


def test_serving_pays_for_padding_and_no_more_than_a_full_batch():
    own = estimate_serving_performance(**ASKED, concurrency=72)
    padded = estimate_serving_performance(**ASKED, concurrency=72, graph_batch_sizes=[64, 128])
    exact = estimate_serving_performance(**ASKED, concurrency=72, graph_batch_sizes=[72, 128])
    # Of 72 in flight a step decodes a little less than all, and is padded to all.
    assert own["tpot_ms"] <= exact["tpot_ms"] < padded["tpot_ms"]
    assert own["tpot_ms"] == pytest.approx(exact["tpot_ms"], rel=1e-3)
    assert own["memory_bytes"] == padded["memory_bytes"]
    full = estimate_serving_performance(**ASKED, concurrency=128)
    assert padded["tpot_ms"] < full["tpot_ms"]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [([0, 8], "graph_batch_sizes must be .*0"), ([], "graph_batch_sizes"), ([1.5], "1.5")],
)
def test_sizes_are_whole_numbers(sizes, message):
    with pytest.raises(ValueError, match=message):
        estimate_serving_performance(**ASKED, graph_batch_sizes=sizes)
