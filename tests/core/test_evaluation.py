"""An evaluation: columns by themselves, and the frame that is made of them when it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import evaluate, make_request

ASKED: list[dict[str, Any]] = [
    {"phase": phase, "precision": ["bf16", "fp8"], "ttft_limit_s": 0.2}
    for phase in ("prefill", "decode", "serving")
]
ASKED += [{"objective": "cost"}, {"objective": "energy"}]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_columns_are_those_of_the_frame(asked: dict[str, Any]) -> None:
    request = make_request("llama2_7b", ["A100_80GB", "H100_80GB"], 4, **asked)
    frame = evaluate(request).frame
    numbers = [name for name in frame if frame[name].dtype != "category"]
    early, late = evaluate(request), evaluate(request)
    assert late.frame is late.frame
    for found in (early, late):
        for name in numbers:
            np.testing.assert_array_equal(found.column(name), frame[name].to_numpy(), strict=True)
        for name in ("bound_by", "rejected_for", "basis"):
            np.testing.assert_array_equal(found.column(name), frame[name].to_numpy(), strict=True)
        plan = found.plan(5)
        assert [plan[name] for name in ("ttft_s", "tp", "bound_by")] == [
            frame[name].iloc[5] for name in ("ttft_s", "tp", "bound_by")
        ]
        assert (plan.get("tp", -1), plan.get("cp", -1)) == (frame["tp"].iloc[5], -1)
        np.testing.assert_array_equal(found.rejected, (frame["rejected_for"] != "").to_numpy())
        assert found.recommended == late.recommended
        assert found.has("tp")
        assert not found.has("cp")


def test_a_plan_is_read_without_a_frame() -> None:
    found = evaluate(make_request("llama2_7b", "A100_80GB", 2))
    assert found.plan(0)["tokens_per_s"] > 0
    assert "frame" not in vars(found)


def test_a_column_of_decoding_times_no_prefill(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcalc_core.planning import performance  # noqa: PLC0415 - to see what it calls

    timed, original = [], performance.phase_times

    def noted(*case: Any, decode: bool) -> Any:
        timed.append(decode)
        return original(*case, decode=decode)

    monkeypatch.setattr(performance, "phase_times", noted)
    found = evaluate(make_request("llama2_7b", "A100_80GB", 2))
    assert found.column("tpot_s").all()
    assert found.recommended is not None
    assert timed == [True]
    assert found.frame["ttft_s"].all()
    assert found.frame["e2e_latency_s"].all()
    assert timed == [True, False]
