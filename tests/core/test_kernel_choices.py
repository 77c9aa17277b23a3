"""Kernels that engines take: the page shows the records, and fits are of those kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmcalc_core.calibration.kernels import facts_of, find_facts, grouped_facts
from llmcalc_core.engines import ENGINE_RECORDS
from llmcalc_core.engines.kernel_choices import KERNEL_CHOICES, KernelChoice, choice_lines

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text("utf-8")
LABELS = {name: one.label for name, one in ENGINE_RECORDS.items()}
MEASURED = [
    (one, device) for one in KERNEL_CHOICES if one.measured for device in one.devices
]  # fmt: skip


@pytest.mark.parametrize("operation", ["experts", "products"])
def test_the_page_shows_the_choices(operation: str) -> None:
    assert "\n".join(choice_lines(operation, LABELS)) in PAGE


@pytest.mark.parametrize(
    ("choice", "device"), MEASURED,
    ids=[f"{one.engine} {one.operation} {one.kind} {device}" for one, device in MEASURED],
)  # fmt: skip
def test_what_stands_for_a_choice_is_a_fit_of_that_kernel(
    choice: KernelChoice, device: str
) -> None:
    facts, (computed, stored) = facts_of(device), choice.types
    if choice.operation == "experts":
        found = grouped_facts(facts, computed, stored, choice.engine)
    else:
        found, _ = find_facts(facts, "gemm", computed, choice.engine, blocks=choice.blocks)
    assert choice.measured in found.source


def test_choices_are_of_engines_that_are_known() -> None:
    assert {one.engine for one in KERNEL_CHOICES} <= set(ENGINE_RECORDS)
    assert {one.operation for one in KERNEL_CHOICES} == {"experts", "products"}
