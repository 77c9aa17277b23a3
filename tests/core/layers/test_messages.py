"""Messages of every kind of layer part: bytes, devices that take part, and collectives."""

from __future__ import annotations

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.token_mixer import TokenMixer
from llmcalc_core.layers.work import make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.layers.kinds_by_hand import KINDS, part_of
from tests.core.layers.work_by_hand import FP8

Sent = tuple[str, float, float, float]
"""Name, bytes on each device, participants, and devices that a part of it is for."""


def sent(kind: str, layout: Layout, *, decode: bool) -> list[Sent]:
    grid = make_grid((layout,), batches=(2,), inputs=(32,), outputs=(4,))
    step = make_pass(64, grid, FP8, decode=decode)
    return [
        (one.name, *(np.asarray(n).item() for n in (one.size, one.participants, one.copies)))
        for one in part_of(kind).work(step)[1]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_messages(kind: str) -> None:
    mixes = isinstance(part_of(kind), TokenMixer | FeedForward)
    for decode, m in ((True, 2), (False, 64)):
        expected = [("all-reduce", m * 64 * 2, 2, np.inf)] if mixes else []
        if kind == "mixture of experts":
            # no token leaves its device; the latent space is summed before its norm
            expected = [
                ("all-reduce of the latent space", m * 24 * 2, 2, np.inf),
                ("all-reduce", m * 64 * 2, 2, np.inf),
            ]
        assert sent(kind, Layout(tp=2), decode=decode) == expected


def test_messages_of_replicas_that_share_experts() -> None:
    # each replica has half of the tokens, which go to experts on both devices
    for decode, m, copies in ((True, 1, 1), (False, 32, 2)):
        assert sent("mixture of experts", Layout(ep=2, attention_dp=2), decode=decode) == [
            ("dispatch of tokens to experts", m * 2 * 24, 2, copies),
            ("combination of experts' results", m * 2 * 24 * 2, 2, copies),
            ("all-reduce of the latent space", m * 24 * 2, 1, np.inf),
            ("all-reduce", m * 64 * 2, 1, np.inf),
        ]


def collectives(layouts: tuple[Layout, ...]) -> dict[str, list[tuple[Collective, list[float]]]]:
    """Collectives of each message, and how many devices of each layout take part."""
    grid = make_grid(layouts, batches=(4,), inputs=(32,), outputs=(4,))
    found: dict[str, list[tuple[Collective, list[float]]]] = {}
    for one in part_of("mixture of experts").work(make_pass(64, grid, FP8, decode=True))[1]:
        devices = np.ravel(one.participants).tolist()
        found.setdefault(one.name.split()[0], []).append((one.collective, devices))
    return found


def test_one_group_of_experts_gathers_tokens_and_several_exchange_them() -> None:
    whole, shared = Layout(ep=1, attention_dp=2), Layout(ep=2, attention_dp=2)
    one, several = collectives((whole,)), collectives((shared,))
    assert one["dispatch"] == [(Collective.ALL_GATHER, [2.0])]
    assert one["combination"] == [(Collective.REDUCE_SCATTER, [2.0])]
    exchanged = [(Collective.ALL_TO_ALL, [2.0])]
    assert several["dispatch"] == several["combination"] == exchanged
    both = collectives((whole, shared, Layout(tp=2)))
    assert both["dispatch"] == [
        (Collective.ALL_TO_ALL, [1.0, 2.0, 1.0]), (Collective.ALL_GATHER, [2.0, 1.0, 1.0])
    ]  # fmt: skip
    assert both["all-reduce"][-1] == (Collective.ALL_REDUCE, [1.0, 1.0, 2.0])


def test_groups_of_a_prompt_send_its_tokens_once() -> None:
    # Two groups of one device: a prefill has half of the tokens on each, a decode step all on both.
    layout = Layout(cp=2, ep=2)
    for decode, m in ((True, 2), (False, 32)):
        copies = 1 if decode else 2
        assert sent("mixture of experts", layout, decode=decode)[0] == (
            "dispatch of tokens to experts", m * 2 * 24, 2, copies,
        )  # fmt: skip
        gathered = [("all-gather of keys and values", 64 * 64 * 2, 2, np.inf)]
        assert sent("attention", layout, decode=decode) == [
            ("all-reduce", m * 64 * 2, 1, np.inf), *([] if decode else gathered),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "squares"), [("MiniMaxAI/MiniMax-M2.5", [(3 * 8.0, 4.0)]), ("Qwen/Qwen3-32B", [])]
)
def test_a_norm_over_all_heads_sums_their_squares(model: str, squares: list[Sent]) -> None:
    """Two sums of 32 bits of each token (MiniMaxM2RMSNormTP); a norm of each head needs none."""
    described = llm.architecture(llm.find_model(model))
    grid = make_grid((Layout(tp=4),), batches=(3,), inputs=(32,), outputs=(4,))
    step = make_pass(described.hidden, grid, FP8, decode=True)
    found = [
        (np.asarray(one.size).item(), np.asarray(one.participants).item())
        for part in described.layers[-1].parts
        for one in part.work(step)[1]
        if "squares" in one.name
    ]
    assert found == squares
