"""aiconfigurator and llmcalc on the same measured rows of serving: errors, and what each takes.

Run as ``python -m tests.benchmarks.aiconfigurator FILE [FOLDER] [ROWS]``, with pip's index at hand:
FILE is a CSV of measurements, of which closed loops are read (``examples/measured/closed_loop.csv``
is one), FOLDER where its environment is made and found again (a temporary one if not given), ROWS
how many are drawn of each family of models (all if not given).

aiconfigurator is asked by its public ``cli_estimate``, with the newest of its databases of a device
and engine, and with the oldest that it still answers from, which is nearest to the versions of most
rows; of each family the better one counts. It is told what the checkpoint has: types of products,
of experts and of the cache, the layout, and the mean lengths that the rows' clients drew. FP8 with
a scale for each tensor is its ``fp8_static``, with one for each block ``fp8_block``. Rows that it
can't answer are left out of both sides, and counted. The versions it has are asked once: finding
them reads hundreds of YAML files on each call, which is not counted against it. Its own file of
measured samples is not read here.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.estimated import serving_estimate
from llmcalc_core.validation.schemas import read_cases
from tests.benchmarks.side import DidNotRunError, call

AICONFIGURATOR = "0.12.0"

_SYSTEMS = {
    "A100_80GB": "a100_sxm", "H100_80GB": "h100_sxm", "H200_141GB": "h200_sxm",
    "B200_180GB": "b200_sxm", "B300_270GB": "b300_sxm", "GB200_186GB": "gb200",
    "GB300_279GB": "gb300", "L40S": "l40s",
}  # fmt: skip
_MODELS = {
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.1-8B": "meta-llama/Meta-Llama-3.1-8B",
    "zai-org/GLM-5": "zai-org/GLM-5",
}
"""What it calls what llmcalc calls otherwise."""

_PRODUCTS = {"bf16": "bfloat16", "fp8": "fp8_static", "fp4": "nvfp4"}
_EXPERTS = {
    ("bf16", "bf16"): "bfloat16", ("fp8", "fp8"): "fp8_block", ("fp4", "fp4"): "nvfp4",
    ("fp4", "bf16"): "w4a16_mxfp4", ("fp4", "fp8"): "w4a8_mxfp4_mxfp8", ("int4", "bf16"): "int4_wo",
}  # fmt: skip
"""Its words for types of weights and of what enters them."""

_CODE = """
import json, logging, sys, time, warnings
from functools import cache
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from aiconfigurator.cli.api import cli_estimate
from aiconfigurator.sdk import perf_database
versions = cache(lambda: perf_database.get_supported_databases())
with open(sys.argv[1]) as file:
    asked = json.load(file)
with open(sys.argv[2], "w") as file:
    for one in asked:
        for which in (-1, 0):
            known = versions().get(one["system_name"], {}).get(one["backend_name"], [])
            answer = {"id": one["id"], "which": which}
            question = {name: value for name, value in one.items() if name != "id"}
            try:
                start = time.process_time()
                found = cli_estimate(**question, backend_version=known[which])
                answer |= {"ttft_ms": found.ttft, "tpot_ms": found.tpot,
                           "seconds": time.process_time() - start, "version": known[which]}
            except Exception as error:
                answer["error"] = f"{type(error).__name__}: {error}"[:200]
            file.write(json.dumps(answer) + "\\n")
            file.flush()
"""


def question_of(case: Case) -> dict[str, Any] | None:
    """Ask aiconfigurator for a case in its words; None where it has none for it.

    Parameters
    ----------
    case : Case
        A closed loop.

    Returns
    -------
    dict or None
        Arguments of ``cli_estimate``.
    """
    types, layout = case.precision, case.layout
    products = _PRODUCTS.get(types.weights)
    if products == "fp8_static" and types.has_block_scales:
        products = "fp8_block"
    experts = _EXPERTS.get((types.experts, types.expert_activations))
    system = _SYSTEMS.get(case.hardware.name)
    if None in (products, experts, system) or case.batch % layout.attention_dp:
        return None
    name = case.model.model
    question = {
        "id": case.id, "model_path": _MODELS.get(name, name), "system_name": system, "mode": "agg",
        "backend_name": case.engine, "isl": case.input_tokens, "osl": case.output_tokens,
        "batch_size": case.batch // layout.attention_dp, "tp_size": layout.tp,
        "pp_size": layout.pp, "attention_dp_size": layout.attention_dp,
        "gemm_quant_mode": products,
        "kvcache_quant_mode": {"bf16": "bfloat16"}.get(types.kv_cache, types.kv_cache),
    }  # fmt: skip
    if case.mixture:
        ranks = layout.tp * layout.attention_dp
        question |= {"moe_tp_size": ranks // layout.ep, "moe_ep_size": layout.ep}
        question |= {"moe_quant_mode": experts}
    return question


def ask_aiconfigurator(folder: Path, questions: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Install it from PyPI where it isn't yet, and ask all questions in a process of its own.

    Parameters
    ----------
    folder : Path
        Of its environment and its files.
    questions : sequence of dict
        From :func:`question_of`.

    Returns
    -------
    DataFrame
        ``id``, ``which`` (-1 with the newest database, 0 with the oldest), ``version``,
        ``ttft_ms``, ``tpot_ms``, ``seconds`` (CPU time), or ``error``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "environment" / "bin" / "python"
    if not python.exists():
        call([sys.executable, "-m", "venv", "environment"], folder)
    call([python, "-m", "pip", "install", "--quiet", f"aiconfigurator=={AICONFIGURATOR}"], folder)
    (folder / "questions.json").write_text(json.dumps(list(questions)), encoding="utf-8")
    call([python, "-c", _CODE, "questions.json", "answers.jsonl"], folder)
    return pd.read_json(folder / "answers.jsonl", lines=True)


def ask_llmcalc(cases: Sequence[Case]) -> pd.DataFrame:
    """Estimate all cases, and say in which CPU time each."""
    rows = []
    for case in cases:
        start = time.process_time()
        found = serving_estimate(case, {})
        seconds = time.process_time() - start
        rows.append((case.id, found["ttft_ms"], found["tpot_ms"], seconds))
    return pd.DataFrame(rows, columns=["id", "ttft_ms", "tpot_ms", "seconds"])


def read_rows(file: Path, each: int | None) -> list[Case]:
    """Read closed loops, so many of each family drawn with a seed."""
    cases = [case for case in read_cases(file) if case.kind == "closed_loop"]
    if each is None:
        return cases
    drawn: dict[str, list[Case]] = {}
    for place in np.random.default_rng(0).permutation(len(cases)):
        drawn.setdefault(family_of(cases[place].model.model), []).append(cases[place])
    return [case for own in drawn.values() for case in own[:each]]


def family_of(model: str) -> str:
    """Name the family of a model.

    Examples
    --------
    >>> family_of("meta-llama/Llama-3.1-70B"), family_of("Qwen/Qwen3-32B")
    ('Llama-3', 'Qwen3')
    """
    short = model.rpartition("/")[2]
    return short.partition(".")[0] if "." in short else short.partition("-")[0]


def errors(cases: Sequence[Case], found: pd.DataFrame) -> pd.DataFrame:
    """Give the absolute relative errors of TTFT and TPOT, by row [1]."""
    measured = pd.DataFrame(
        [(one.id, family_of(one.model.model), *one.measured) for one in cases],
        columns=["id", "family", "ttft", "tpot"],
    )
    both = measured.merge(found, on="id")
    for name in ("ttft", "tpot"):
        both[name] = (both[f"{name}_ms"] / both[name] - 1).abs()
    return both


def table(cases: Sequence[Case], peer: pd.DataFrame, own: pd.DataFrame) -> str:
    """Markdown table of errors and of what an estimate takes, by family of models.

    Parameters
    ----------
    cases : sequence of Case
        What was measured.
    peer, own : DataFrame
        What both sides found.
    """
    answered = peer[peer["tpot_ms"].notna()] if "tpot_ms" in peer else peer.iloc[:0]
    sides = [errors(cases, answered[answered["which"] == which]) for which in (-1, 0)]
    mine = errors([one for one in cases if one.id in set(sides[0]["id"])], own)
    lines = [
        "| family | rows | TPOT: aiconfigurator | llmcalc | TTFT: aiconfigurator | llmcalc |",
        "|---|---|---|---|---|---|",
    ]
    for name in [*sorted(set(mine["family"])), "all"]:
        theirs = [one if name == "all" else one[one["family"] == name] for one in sides]
        ours = mine if name == "all" else mine[mine["family"] == name]
        cells = [str(len(ours))]
        for metric in ("tpot", "ttft"):
            best = min((one[metric] for one in theirs), key=lambda each: each.mean())
            cells += [_words(best), _words(ours[metric])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    theirs_s, ours_s = (side["seconds"].median() for side in (answered, own))
    unanswered = len(cases) - len(mine)
    said = (
        f"CPU time of an estimate, median: {theirs_s * 1e3:.1f} and {ours_s * 1e3:.2f} ms, "
        f"{theirs_s / ours_s:.0f} times as long. {unanswered} of {len(cases)} rows not answered."
    )
    return "\n".join([*lines, "", "Median / p90 / mean of the absolute relative error.", said])


def _words(misses: pd.Series[float]) -> str:
    middle, most = misses.quantile([0.5, 0.9])
    return f"{middle:.1%} / {most:.1%} / {misses.mean():.1%}"


def main(file: Path, folder: Path, each: int | None) -> str:
    """Ask both sides, and give the table."""
    cases = read_rows(file, each)
    asked = [one for one in map(question_of, cases) if one is not None]
    try:
        peer = ask_aiconfigurator(folder, asked)
    except DidNotRunError as error:
        return f"aiconfigurator did not run: {error}"
    return table(cases, peer, ask_llmcalc(cases))


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    drawn_each = int(sys.argv[3]) if len(sys.argv) > 3 else None
    if len(sys.argv) > 2:
        print(main(Path(sys.argv[1]), Path(sys.argv[2]), drawn_each))  # noqa: T201
    else:
        with tempfile.TemporaryDirectory() as made:
            print(main(Path(sys.argv[1]), Path(made), drawn_each))  # noqa: T201
