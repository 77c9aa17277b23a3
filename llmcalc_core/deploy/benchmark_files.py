"""Results of benchmark clients, in their own formats, as rows that ``calibrate`` takes.

Read in the packages themselves: ``vllm bench serve --save-result`` (vllm 0.33.0, benchmarks/
serve.py), ``sglang.bench_serving`` (sglang 0.5.14, a JSON object a line), GuideLLM (0.8.1, report
version 2) and AIPerf (0.13.0; GenAI-Perf's export has the same shape). Times are in milliseconds in
all of them. GuideLLM's ``time_per_output_token_ms`` counts the first token in, and its
``inter_token_latency_ms`` is what others call TPOT.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcalc_core.api.measurements import OPTIONAL
from llmcalc_core.checks import one_of, positive, whole_number
from llmcalc_core.paths import is_file
from llmcalc_core.shown import shown

if TYPE_CHECKING:
    import pandas as pd

Result = Mapping[str, Any]

_PLAN = ("model", "tensor_parallel", *OPTIONAL)
"""What a result does not tell of the server: arguments of :func:`read_benchmark`."""


def read_benchmark(path: str | PathLike[str], **server: Any) -> pd.DataFrame:  # noqa: ANN401
    """Read the results of a benchmark client as rows of measurements.

    Parameters
    ----------
    path : path
        A JSON file of ``vllm bench serve --save-result``, GuideLLM, AIPerf or GenAI-Perf, or a file
        of JSON lines of SGLang's ``bench_serving``; which one is told by what is in it.
    **server : optional
        What results do not tell of the server: ``tensor_parallel`` (1 where not given), ``model``
        (instead of the name that was asked for), and other columns that :func:`calibrate` takes,
        such as ``precision``, ``engine`` and ``expert_parallel``.

    Returns
    -------
    DataFrame
        A row per run: ``model``, ``tensor_parallel``, what else is told of the server,
        ``concurrency`` (as the client was told, or the mean in flight by Little's law),
        ``input_tokens`` and ``output_tokens`` (means of the requests that ended), ``ttft_ms``,
        ``tpot_ms`` (means): what :func:`calibrate` takes.

    Raises
    ------
    ValueError
        If there is no such file, it is none of these, nothing ended in it, or a run has too few
        figures.

    Examples
    --------
    >>> import json, tempfile
    >>> found = {"model_id": "meta-llama/Llama-3.1-8B", "max_concurrency": 16, "completed": 200,
    ...          "total_input_tokens": 200_000, "total_output_tokens": 40_000,
    ...          "mean_ttft_ms": 210.0, "mean_tpot_ms": 9.4, "tokenizer_id": "x"}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write(json.dumps(found))
    ...     file.flush()
    ...     read_benchmark(file.name)[["concurrency", "input_tokens", "tpot_ms"]].values.tolist()
    [[16.0, 1000.0, 9.4]]
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    for name in server:
        one_of("an argument of read_benchmark", name, _PLAN)
    rows = [{"tensor_parallel": 1, **row, **server} for row in _rows(_objects(path), str(path))]
    return pd.DataFrame(rows)


def _objects(path: str | PathLike[str]) -> list[Any]:
    """Read a file of JSON, or of JSON lines."""
    if not is_file(path):
        msg = f"path must be that of a file of results, got {shown(str(path))}, which is no file"
        raise ValueError(msg)
    text = Path(path).read_text("utf-8", errors="replace")
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        msg = f"path must be that of a file of JSON or JSON lines, got {shown(str(path))}"
        raise ValueError(msg) from None


def _rows(objects: list[Any], path: str) -> Iterator[dict[str, Any]]:
    found = 0
    for one in objects:
        reader = next((read for key, read in _READERS.items() if _has(one, key)), None)
        if reader is None:
            msg = (
                f"{path} must hold results of vllm bench serve, sglang.bench_serving, GuideLLM or "
                f"AIPerf, got an object without any of {', '.join(_READERS)}"
            )
            raise ValueError(msg)
        for row in reader(one):
            found += 1
            yield _checked(row, f"run {found} of {path}")
    if not found:
        msg = f"{path} must hold at least one run, got none"
        raise ValueError(msg)


def _has(one: Any, key: str) -> bool:  # noqa: ANN401 - whatever JSON holds
    return isinstance(one, Mapping) and key in one


def _checked(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check a run, and round what is counted."""
    found = dict(row)
    for name in ("concurrency", "input_tokens", "output_tokens"):
        number = positive(f"{name} of {where}", found.get(name))
        found[name] = whole_number(f"{name} of {where}", max(round(number), 1))
    for name in ("ttft_ms", "tpot_ms"):
        if found.get(name) is not None:
            found[name] = positive(f"{name} of {where}", found[name], unit="ms")
    if found.get("ttft_ms") is None and found.get("tpot_ms") is None:
        msg = f"{where} must have a mean TTFT or TPOT, got neither"
        raise ValueError(msg)
    return found


def _at(one: object, *keys: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Give what lies below some keys; None where there is nothing."""
    for key in keys:
        one = one.get(key) if isinstance(one, Mapping) else None
    return one


def _count(value: object) -> int:
    """Give a width of the server's own arguments, 1 where it is none."""
    return value if type(value) is int and value > 0 else 1


def _product(first: object, second: object, scale: float = 1.0) -> float | None:
    """Multiply two figures, where both are numbers."""
    if isinstance(first, int | float) and isinstance(second, int | float):
        return first * second * scale
    return None


def _vllm(one: Result) -> Iterator[dict[str, Any]]:
    """Read ``vllm bench serve``."""
    yield {"model": _at(one, "model_id"), **_of_totals(one, "e2el")}


def _sglang(one: Result) -> Iterator[dict[str, Any]]:
    """Read ``sglang.bench_serving``, whose server says what it is."""
    told = _at(one, "server_info")
    devices, experts = (_count(_at(told, name)) for name in ("tp_size", "ep_size"))
    groups = _count(_at(told, "dp_size")) if _at(told, "enable_dp_attention") else 1
    own = {"model": _at(told, "model_path") or "", "engine": "sglang",
           "tensor_parallel": max(devices // groups, 1)}  # fmt: skip
    if groups > 1:
        own["attention_data_parallel"] = groups
    if experts > 1:
        own["expert_parallel"] = experts
    yield {**own, **_of_totals(one, "e2e_latency")}


def _of_totals(one: Result, whole: str) -> dict[str, Any]:
    """Read figures that both clients of vLLM's kind have."""
    ended = _at(one, "completed")
    each = 1 / ended if isinstance(ended, int | float) and ended > 0 else math.nan
    return {
        "concurrency": _at(one, "max_concurrency")
        or _product(_at(one, "request_throughput"), _at(one, f"mean_{whole}_ms"), 1e-3),
        "input_tokens": _product(_at(one, "total_input_tokens"), each),
        "output_tokens": _product(_at(one, "total_output_tokens"), each),
        "ttft_ms": _at(one, "mean_ttft_ms"),
        "tpot_ms": _at(one, "mean_tpot_ms"),
    }


def _guidellm(one: Result) -> Iterator[dict[str, Any]]:
    """Read a report of GuideLLM, which has several runs."""
    runs = one["benchmarks"]
    for run in runs if isinstance(runs, list) else ():
        in_flight, read, written, first, between = (
            _at(run, "metrics", name, "successful", "mean")
            for name in (
                "request_concurrency", "prompt_token_count", "output_token_count",
                "time_to_first_token_ms", "inter_token_latency_ms",
            )
        )  # fmt: skip
        yield {
            "model": _at(run, "config", "backend", "model") or "",
            "concurrency": _at(run, "config", "strategy", "streams") or in_flight,
            "input_tokens": read, "output_tokens": written, "ttft_ms": first, "tpot_ms": between,
        }  # fmt: skip


def _aiperf(one: Result) -> Iterator[dict[str, Any]]:
    """Read an export of AIPerf or GenAI-Perf."""
    per_second, latency_ms, read, written, first, between = (
        _at(one, name, "avg")
        for name in (
            "request_throughput", "request_latency", "input_sequence_length",
            "output_sequence_length", "time_to_first_token", "inter_token_latency",
        )
    )  # fmt: skip
    yield {
        "model": "", "concurrency": _product(per_second, latency_ms, 1e-3), "input_tokens": read,
        "output_tokens": written, "ttft_ms": first, "tpot_ms": between,
    }  # fmt: skip


_READERS: dict[str, Callable[[Result], Iterator[dict[str, Any]]]] = {
    "model_id": _vllm, "server_info": _sglang, "benchmarks": _guidellm,
    "time_to_first_token": _aiperf,
}  # fmt: skip
"""A key that the results of a client have and those of others have not, and how it is read."""
