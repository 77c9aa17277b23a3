"""The guide (guide.md, as specified) runs unchanged but for the name of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmcalc_core

GUIDE = Path(__file__).with_name("guide.md").read_text("utf-8")
SPECIFIED, OURS = "llm_memory_calculator", "llmcalc_core"
NEW_APPROACH = "# New approach (use this)\n"


def code_blocks() -> list[str]:
    """Blocks in order; of the migration block only the new approach, as the old one is gone."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(blocks) == 7
    assert blocks[-1].count(NEW_APPROACH) == 1
    blocks[-1] = blocks[-1].split(NEW_APPROACH)[1]
    return [block.replace(SPECIFIED, OURS) for block in blocks]


BLOCKS = code_blocks()
NAMES = ["options", "best", "minimum", "pareto", "hardware", "complete", "migration"]


def bound_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.ImportFrom):
        return {alias.name for alias in statement.names}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def read_by(statement: ast.stmt) -> set[str]:
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def with_what_it_takes(index: int) -> str:
    """Give a block after the imports and assignments of earlier blocks that it reads."""
    own = ast.parse(BLOCKS[index]).body
    known: set[str] = set()
    wanted: set[str] = set()
    for statement in own:
        wanted |= read_by(statement) - known
        known |= bound_by(statement)
    earlier = [part for block in BLOCKS[:index] for part in ast.parse(block).body]
    taken: list[str] = []
    for statement in reversed(earlier):
        if isinstance(statement, (ast.ImportFrom, ast.Assign)) and bound_by(statement) & wanted:
            wanted = (wanted - bound_by(statement)) | read_by(statement)
            taken.insert(0, ast.unparse(statement))
    return "\n".join([*taken, BLOCKS[index]])


def run(code: str, names: dict[str, object] | None = None) -> dict[str, object]:
    names = {} if names is None else names
    exec(compile(code, "guide.md", "exec"), names)  # noqa: S102 - the guide is the test
    return names


@pytest.mark.parametrize("index", range(7), ids=NAMES)
def test_each_block_runs_alone(index: int) -> None:
    own = {name for part in ast.parse(BLOCKS[index]).body for name in bound_by(part)}
    assert own <= set(run(with_what_it_takes(index)))


def test_the_blocks_run_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in BLOCKS:
        run(block, names)
    assert "Decode throughput:" in capsys.readouterr().out
    assert list(names["best"].columns) == ["micro batch", "TP", "PP", "Latency(ms)", "Tokens/s"]


def test_a_block_alone_takes_no_more_than_it_reads() -> None:
    # The third block reads `hardware`, which the second makes with get_hardware_config.
    taken = with_what_it_takes(2).removesuffix(BLOCKS[2])
    assert "hardware = get_hardware_config('A100_80GB')" in taken
    assert "best =" not in taken
    assert with_what_it_takes(5) == BLOCKS[5]


def printed_by(index: int, capsys: pytest.CaptureFixture[str]) -> str:
    run(with_what_it_takes(index))
    return capsys.readouterr().out


def test_options_lists_every_pair(capsys: pytest.CaptureFixture[str]) -> None:
    expected = [f"TP={tp}, PP={8 // tp} (uses 8 nodes)" for tp in (1, 2, 4, 8)]
    assert printed_by(0, capsys).splitlines() == expected


def test_best_prints_a_plan_of_eight_devices(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed_by(1, capsys)
    found = re.fullmatch(
        r"Best configuration: TP=(\d+), PP=(\d+)\n"
        r"Performance: ([\d.]+) tokens/s, ([\d.]+)ms latency\n",
        out,
    )
    assert found, out
    tp, pp, throughput, latency = (float(text) for text in found.groups())
    assert tp * pp == 8
    if pp == 1:  # all 32 sequences get a token each step; both figures are printed to 0.1
        assert throughput == pytest.approx(32 / (latency / 1e3), rel=0.02)


def test_minimum_prints_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    # 137,953,296,384 bytes of weights and 16 x 2,560 tokens x 320 KiB = 13.4 GB of cache:
    # 151.4 GB, of which half is 75.7 GB: with 0.6 GB of graphs, 0.6 outside of PyTorch and 0.3 of
    # activations less than 0.92 x 85.0 = 78.2 GB. So two.
    assert printed_by(2, capsys) == "Minimum nodes required: 2\n"


def test_pareto_prints_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(3, capsys).splitlines()
    pattern = re.compile(
        r"Batch=(\d+), TP=(\d+), PP=(\d+), Latency=([\d.]+)ms, Throughput=([\d.]+) tokens/s"
    )
    found = [pattern.fullmatch(line) for line in lines]
    assert all(found), lines
    assert lines[0].startswith("Batch=8, TP=8, PP=1, Latency=")
    rows = [[float(text) for text in match.groups()] for match in found if match]
    assert all(tp * pp == 8 for _, tp, pp, _, _ in rows)
    latencies, throughputs = [row[3] for row in rows], [row[4] for row in rows]
    assert latencies == sorted(latencies)  # a front by latency: more of one is more of the other
    assert throughputs == sorted(throughputs)


def test_hardware_lists_what_the_guide_names(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(4, capsys).splitlines()
    assert lines[0] == "Available hardware:"
    assert "  A100_80GB: 80GB, 312 TFLOPS" in lines
    names = re.findall(r"^- `(\w+)`$", GUIDE, flags=re.MULTILINE)
    assert len(names) == 6
    assert set(names) <= set(llmcalc_core.HARDWARE_CONFIGS)


def test_complete_example(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed_by(5, capsys).splitlines()
    assert [line.split(":")[0] for line in out] == [
        "Optimal parallelization",
        "Prefill latency",
        "Decode throughput",
    ]
    # 32 prompts of 2,048 tokens at 2 x 6.6e9 FLOP each: 8.7e14 FLOP, 0.35 s at the peak of
    # eight A100, and 64 all-reduces of 537 MB, 0.2 s at the peak of their links; the estimate may
    # not be below the first, nor far above twice of both.
    latency_ms = float(out[1].split()[-1].removesuffix("ms"))
    assert 350 < latency_ms < 1200


def imported_names() -> Iterator[str]:
    for block in BLOCKS:
        for statement in ast.parse(block).body:
            if isinstance(statement, ast.ImportFrom):
                assert statement.module == OURS
                yield from bound_by(statement)


def test_every_name_the_guide_imports_is_public() -> None:
    assert set(imported_names()) <= set(llmcalc_core.__all__)


@pytest.mark.parametrize("name", ["llama2_7b", "llama2_13b", "llama2_70b", "meta-llama/Llama-2-7B"])
def test_the_guides_model_identifiers(name: str) -> None:
    assert (1, 8) in llmcalc_core.get_various_parallelization(name, total_nodes=8)
