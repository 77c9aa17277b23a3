"""Sweeps: part by part the same rows, in bounded memory, stopped, gone on with, and on workers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmcalc_core import Cancelled, explore
from llmcalc_core.sweeps import run
from llmcalc_core.sweeps.parts import Part, parts_of
from llmcalc_core.sweeps.progress import reporting

pytest.importorskip("pyarrow")

ASKED: dict[str, Any] = {
    "model": "mixtral_8x7b",
    "hardware": ["H100_80GB", "MI300X"],
    "devices": 2,
    "batch": list(range(1, 13)),
    "input_tokens": [100, 40_000],
    "output_tokens": [10, 200],
}
OBJECTIVES = ("throughput", "cost")
IDENTITY = ["model", "hardware", "precision", "devices", "tp", "pp", "ep", "attention_dp",
            "batch", "input_tokens", "output_tokens"]  # fmt: skip


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 40 candidates: batches of one pair of lengths are in several."""
    monkeypatch.setattr(run, "ROWS", 40)
    monkeypatch.setattr(run, "parts_of", lambda request, most=40: parts_of(request, most))


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(IDENTITY).reset_index(drop=True)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(ordered(found), ordered(expected), rtol=1e-12, atol=0)


def best_of(whole: pd.DataFrame, objective: str = "throughput") -> pd.DataFrame:
    """The best row of each pair of lengths, by its definition."""
    fits, names = whole[whole["rejected_for"] == ""], ["input_tokens", "output_tokens"]
    if objective == "throughput":
        of = fits.groupby(["hardware", *names], observed=True)["tokens_per_s_per_device"]
        return whole.loc[of.idxmax()]
    price = fits["cost_usd_per_hour"] / fits["requests_per_s"]
    return whole.loc[price.groupby([fits[name] for name in names]).idxmin()]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_file_has_the_rows_of_the_frame(tmp_path: Path, objective: str) -> None:
    whole = explore(**ASKED, objective=objective)
    best = explore(**ASKED, objective=objective, to=tmp_path / "plans.parquet")
    same(pd.read_parquet(tmp_path / "plans.parquet"), whole)
    same(best, best_of(whole, objective))
    assert [path.name for path in tmp_path.iterdir()] == ["plans.parquet"]


@pytest.mark.parametrize("phase", ["prefill", "decode", "serving"])
def test_parts_in_one_frame_are_in_the_order_of_the_whole(phase: str) -> None:
    shares: list[float] = []
    found = explore(**ASKED, phase=phase, progress=shares.append)
    pd.testing.assert_frame_equal(found, explore(**ASKED, phase=phase), rtol=1e-12, atol=0)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_is_kept(tmp_path: Path) -> None:
    whole = explore(**ASKED)
    same(explore(**ASKED, keep="feasible"), whole[whole["rejected_for"] == ""])
    explore(**ASKED, keep="front", to=tmp_path / "front.parquet")
    same(pd.read_parquet(tmp_path / "front.parquet"), whole[whole["on_front"]])


def test_a_stopped_sweep_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plans.parquet"
    with pytest.raises(Cancelled, match="candidates left"):
        explore(**ASKED, to=path, progress=lambda share: share < 0.5)
    there = {
        one.name: one.stat().st_mtime_ns for one in (tmp_path / "plans.parquet.parts").iterdir()
    }
    assert len(there) > 5
    assert not path.exists()
    written: list[Part] = []
    evaluated = run.evaluated

    def counting(request: Any, parts: Any, **how: Any) -> Any:
        for part, frame in evaluated(request, parts, **how):
            written.append(part)
            yield part, frame

    monkeypatch.setattr(run, "evaluated", counting)
    shares: list[float] = []
    best = explore(**ASKED, to=path, progress=shares.append)
    assert shares[0] > 0.5
    assert {f"{part.number:08d}.parquet" for part in written}.isdisjoint(there)
    same(pd.read_parquet(path), explore(**ASKED))
    same(explore(**ASKED, to=path), best)  # finished: read, not evaluated


def test_another_sweep_does_not_go_on_there(tmp_path: Path) -> None:
    path = tmp_path / "plans.parquet"
    with pytest.raises(Cancelled):
        explore(**ASKED, to=path, progress=lambda _: False)
    with pytest.raises(ValueError, match=r"another sweep was stopped.*plans\.parquet\.parts"):
        explore(**ASKED | {"devices": 4}, to=path)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="to must be a file that is not there yet"):
        explore(**ASKED, to=path)


def test_parts_of_another_fit_are_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable install has one version through many fits."""
    path = tmp_path / "plans.parquet"
    with pytest.raises(Cancelled):
        explore(**ASKED, to=path, progress=lambda _: False)
    monkeypatch.setattr(run, "_code", lambda: "of another fit")
    with pytest.raises(ValueError, match="another sweep was stopped"):
        explore(**ASKED, to=path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"to": 3}, "to must be the path of a Parquet file, got 3"),
        ({"keep": "best"}, "keep must be one of all, feasible, front"),
        ({"client": "localhost"}, "client must be a dask.distributed.Client, got str"),
        ({"progress": "yes"}, "progress must be True or False, got 'yes'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore("llama2_7b", "H100_80GB", **given)


def test_the_bar_has_a_rate_and_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(True, done=1_000, total=4_000) as tell:  # noqa: FBT003 - as a user says it
        tell(3_000)
    drawn = capsys.readouterr().err
    assert "4.00k/4.00k" in drawn
    assert "candidates/s" in drawn


@pytest.mark.xdist_group("dask")
def test_workers_give_the_same_rows_though_one_is_lost(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    folder = str(tmp_path / "dask")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=folder
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        lost: list[int] = []

        def lose(share: float) -> None:
            if share > 0.3 and not lost:
                lost.append(next(iter(client.run(os.getpid).values())))
                os.kill(lost[0], signal.SIGKILL)
                time.sleep(0.2)

        best = explore(**ASKED, to=tmp_path / "plans.parquet", client=client, progress=lose)
    assert lost
    whole = explore(**ASKED)
    same(pd.read_parquet(tmp_path / "plans.parquet"), whole)
    same(best, best_of(whole))
