"""The closed form beside the simulator: ``python -m tests.benchmarks.agreement --count 1000``.

Random plans, engines, lengths and loads of a seed, in a closed loop of drawn lengths and at a rate
of fixed ones; errors by regime, as median / p90 of the absolute relative error and the median of
the signed one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmcalc_core import UniformLengths, estimate_serving_performance, find_engine, simulate
from llmcalc_core.api.load_curve import all_at_once, falls_behind
from llmcalc_core.api.server import Widths, make_server
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.workload.lengths import FixedLengths
from llmcalc_core.workload.requests import ROUNDS, draw_requests

PLANS: tuple[tuple[str, str, int, int], ...] = (
    ("llama3_8b", "H100_80GB", 1, 1), ("llama3_70b", "H100_80GB", 4, 1),
    ("qwen3_30b_a3b", "H100_80GB", 1, 1), ("deepseek_v3", "H200_141GB", 8, 1),
    ("mistral_7b", "L40S", 1, 1), ("gemma2_27b", "A100_80GB", 2, 1),
    ("gpt_oss_120b", "B200_180GB", 1, 1), ("llama2_70b", "MI300X", 2, 1),
    ("llama3_70b", "H100_80GB", 2, 2), ("llama3_70b", "A100_80GB", 2, 4),
    ("llama3_8b", "H100_80GB", 1, 2), ("mixtral_8x7b", "A100_80GB", 2, 2),
)  # fmt: skip
"""Model, device, tensor parallel width and pipeline stages."""

ENGINES = (("vllm", None), ("vllm", "0.11"), ("sglang", None), ("trtllm", None))
"""Engines and versions: vLLM prepares steps ahead by default since 0.14."""

SPREAD = 1 / 9
"""Half the width of drawn lengths over their mean, as the closed form takes them."""

FEW, SHORT = 3, 15
"""Tokens of an answer up to which it is called so [tokens]."""

PROMPTS = 1500
"""Requests of a run at a rate."""

LEVELS = (0.9, 0.99)
FIGURES = {"ttft": "ttft_ms", "tpot": "tpot_ms", "e2e": "e2e_latency_ms"}
COLUMNS = (*FIGURES, *(f"{name} p{100 * level:.0f}" for level in LEVELS for name in FIGURES))

Errors = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A plan, an engine, lengths, requests in flight, and a rate over the largest one."""

    plan: tuple[str, str, int, int]
    engine: str
    version: str | None
    in_flight: int
    inputs: int
    outputs: int
    load: float
    seed: int

    @property
    def regime(self) -> str:
        """Say what kind of question it is."""
        answer = "few" if self.outputs <= FEW else "short" if self.outputs <= SHORT else "usual"
        stages = " in stages" if self.plan[3] > 1 else ""
        return f"{self.engine} {self.version or ''}{stages}, {answer} answers"

    def estimate(self, **load: Any) -> dict[str, Any]:
        """Ask the closed form."""
        model, device, tp, pp = self.plan
        return estimate_serving_performance(
            model, input_tokens=self.inputs, output_tokens=self.outputs, system_name=device,
            tensor_parallel=tp, pipeline_parallel=pp, engine=self.engine,
            engine_version=self.version, **load,
        )  # fmt: skip


def draws(seed: int, count: int) -> Iterator[Draw]:
    """Draw questions."""
    chance = np.random.default_rng(seed)
    for _ in range(count):
        engine, version = ENGINES[chance.integers(len(ENGINES))]
        plans = [one for one in PLANS if engine != "sglang" or one[3] == 1]
        yield Draw(
            plan=plans[chance.integers(len(plans))], engine=engine, version=version,
            in_flight=int(2 ** chance.uniform(0, 7)), inputs=int(2 ** chance.uniform(5, 13)),
            outputs=int(2 ** chance.uniform(0, 10)), load=float(chance.uniform(0.05, 0.95)),
            seed=int(chance.integers(10**6)),
        )  # fmt: skip


def closed(drawn: Draw) -> Errors:
    """Compare a closed loop of drawn lengths; nothing where not all requests fit."""
    said = drawn.estimate(concurrency=drawn.in_flight)
    if not said["fits"]:
        return {}
    model, device, tp, pp = drawn.plan
    inputs, outputs = (
        UniformLengths(tokens=one, range_ratio=SPREAD) for one in (drawn.inputs, drawn.outputs)
    )
    seen = simulate(
        model, device, tp=tp, pp=pp, engine=drawn.engine, engine_version=drawn.version,
        concurrency=drawn.in_flight, num_prompts=ROUNDS * drawn.in_flight, seed=drawn.seed,
        input_tokens=inputs, output_tokens=outputs, prefix_caching=False,
    ).outcome  # fmt: skip
    names = [name for name in FIGURES if name != "tpot" or drawn.outputs > 1]
    return {name: said[FIGURES[name]] / 1e3 / seen.mean(name) - 1 for name in names}


def opened(drawn: Draw) -> Errors:
    """Compare means and percentiles at a rate; nothing where the server is overloaded."""
    model, device, tp, pp = drawn.plan
    engine = find_engine(drawn.engine, drawn.version) if drawn.version else drawn.engine
    server = make_server(model, device, "checkpoint", Widths(tp, pp), engine, 0.9, ServerOptions())
    sent = draw_requests(
        PROMPTS, input_lengths=FixedLengths(tokens=drawn.inputs),
        output_lengths=FixedLengths(tokens=drawn.outputs), rate=1.0, seed=drawn.seed,
    )  # fmt: skip
    settings = server.settings(sent)
    times = server.step_times(sent, settings)
    rate = drawn.load * server.serve(all_at_once(sent), settings, times).requests_per_s
    seen = server.serve(replace(sent, arrival_s=sent.arrival_s / rate), settings, times)
    said = {level: drawn.estimate(request_rate=rate, percentile=level) for level in LEVELS}
    if falls_behind(seen) or said[LEVELS[0]]["overloaded"]:
        return {}
    found: Errors = {}
    for name, key in FIGURES.items():
        if name == "tpot" and drawn.outputs == 1:
            continue
        mean = said[LEVELS[0]].get(f"{name}_mean_ms")
        if mean is not None:
            found[name] = mean / 1e3 / seen.mean(name) - 1
        for level in LEVELS:
            error = said[level][key] / 1e3 / seen.percentile(name, level) - 1
            found[f"{name} p{100 * level:.0f}"] = error
    return {name: error for name, error in found.items() if np.isfinite(error)}


def compared(seed: int, count: int) -> dict[str, list[tuple[str, Errors]]]:
    """Compare random questions; give regime and errors of each, by loop."""
    found: dict[str, list[tuple[str, Errors]]] = {"closed": [], "open": []}
    for drawn in draws(seed, count):
        for loop, compare in (("closed", closed), ("open", opened)):
            try:
                errors = compare(drawn)
            except ValueError as error:  # a model that does not fit
                sys.stderr.write(f"{drawn}: {error}\n")
                continue
            if errors:
                found[loop].append((drawn.regime, errors))
    return found


def table(rows: list[tuple[str, Errors]]) -> str:
    """Write errors by regime, the last line those of all."""
    lines = [f"{'%':32}    n  " + "".join(f"{one:>19}" for one in COLUMNS)]
    for regime in (*sorted({one for one, _ in rows}), "all"):
        own = [errors for one, errors in rows if regime in (one, "all")]
        cells = [_cell([errors[name] for errors in own if name in errors]) for name in COLUMNS]
        lines.append(f"{regime:32} {len(own):4}  " + "".join(f"{one:>19}" for one in cells))
    return "\n".join(lines)


def _cell(errors: list[float]) -> str:
    if not errors:
        return "-"
    middle, most = np.quantile(np.abs(errors), (0.5, 0.9)) * 100
    return f"{middle:.1f} / {most:.0f} ({100 * np.median(errors):+.0f})"


def main() -> None:
    """Compare, and print a table for each loop."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--count", type=int, default=1000)
    told.add_argument("--seed", type=int, default=7)
    asked = told.parse_args()
    for loop, rows in compared(asked.seed, asked.count).items():
        sys.stdout.write(f"{loop} loop\n{table(rows)}\n\n")


if __name__ == "__main__":
    main()
