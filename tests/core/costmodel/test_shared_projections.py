"""Projections that several kinds of layer have alike are made and timed once."""

from __future__ import annotations

import numpy as np

from llmcalc_core import find_model, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.passes import TimedWork, timed_work
from llmcalc_core.costmodel.sections import part_section
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.layers.compressed import CompressedAttention
from llmcalc_core.layers.work import make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

FLASH, BF16 = architecture(find_model("deepseek_v4_flash")), parse_precision("bf16")
WINDOW, SPARSE, HEAVY = (part for part in FLASH.parts if isinstance(part, CompressedAttention))


def test_the_same_projection_is_timed_once() -> None:
    # The three kinds of layer project queries, results and routers alike; a grid of two layouts.
    layouts = (Layout(tp=1), Layout(tp=8))
    grid = make_grid(layouts, batches=(1, 5), inputs=(8000,), outputs=(9,))
    step = make_pass(FLASH.hidden, grid, BF16, decode=True)
    kernels = [part_section(one, step).operations for one in (WINDOW, SPARSE, HEAVY)]
    gemms = [[one for one in made if one.family == "gemm"] for made in kernels]
    shared = set(map(id, gemms[0])) & set(map(id, gemms[1])) & set(map(id, gemms[2]))
    assert len(shared) == len(gemms[0]) == 4
    hardware = find_hardware("H100_80GB")
    work = tuple(part_section(one, step) for one in (WINDOW, SPARSE, HEAVY))
    timed = timed_work(work, hardware, efficiency_for(hardware, BF16))
    rows = [TimedWork(*one) for one in timed]
    for projection in shared:
        assert len({id(row.seconds) for row in rows if id(row.work) == projection}) == 1
    # timed in the mean as each by itself
    alone = [
        part_section(one, make_pass(FLASH.hidden, grid, BF16, decode=True)).operations
        for one in (WINDOW, SPARSE, HEAVY)
    ]
    for made, other in zip(kernels, alone, strict=True):
        for one, two in zip(made, other, strict=True):
            assert np.array_equal(np.asarray(one.flops), np.asarray(two.flops))
            assert np.array_equal(np.asarray(one.moved), np.asarray(two.moved))


def test_sections_that_share_a_projection_have_its_time() -> None:
    grid = make_grid((Layout(tp=8),), batches=(4,), inputs=(8000,), outputs=(9,))
    step = make_pass(FLASH.hidden, grid, BF16, decode=True)
    hardware = find_hardware("H100_80GB")
    efficiency = efficiency_for(hardware, BF16)
    made = tuple(part_section(one, step) for one in (WINDOW, SPARSE, HEAVY))
    together = list(timed_work(made, hardware, efficiency))
    for index, one in enumerate(made):
        alone = [seconds for _, _, seconds, *_ in timed_work((one,), hardware, efficiency)]
        assert [seconds for at, _, seconds, *_ in together if at == index] == alone
