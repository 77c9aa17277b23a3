"""Finds published timings of kernels: a folder of aiconfigurator-core 0.12.0 (Apache-2.0)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from llmcalc_core.hardware.find import find_hardware

SOURCE = "aiconfigurator-core 0.12.0"

DEVICES = {
    "a100_sxm": "A100_80GB",
    "h100_sxm": "H100_80GB",
    "h200_sxm": "H200_141GB",
    "b200_sxm": "B200_180GB",
    "b300_sxm": "B300_270GB",
    "gb200": "GB200_186GB",
    "gb300": "GB300_279GB",
    "l40s": "L40S",
    "rtx_pro_6000_server": "RTX_PRO_6000",
}
"""The catalogue's device of each folder."""

BLOCKS = "fp8_block"
"""The tables' word for FP8 with a scale for each block of 128 by 128 weights."""

TYPES = {
    "bfloat16": ("bf16", "bf16"),
    BLOCKS: ("fp8", "fp8"),
    "fp8": ("fp8", "fp8"),
    "nvfp4": ("fp4", "fp4"),
    "w4a16_mxfp4": ("bf16", "fp4"),
    "int4_wo": ("bf16", "int4"),
    "w4a8_mxfp4_mxfp8": ("fp8", "fp4"),
    "sq": ("int8", "int8"),
}
"""What each of the tables' types computes in, and stores weights in."""

ON_CHIP = {
    "A100_80GB": 40e6, "H100_80GB": 50e6, "H200_141GB": 50e6, "L40S": 96e6, "RTX_PRO_6000": 126e6,
    "B200_180GB": 126e6, "B300_270GB": 126e6, "GB200_186GB": 126e6, "GB300_279GB": 126e6,
}  # fmt: skip
"""Last-level caches (NVIDIA's data sheets and tuning guides) [bytes]: weights of about that size
are still there from the run before, which they never are in a model."""

MULTIPROCESSORS = {
    "A100_80GB": 108, "H100_80GB": 132, "H200_141GB": 132, "L40S": 142, "RTX_PRO_6000": 188,
    "B200_180GB": 148, "B300_270GB": 148, "GB200_186GB": 148, "GB300_279GB": 148,
}  # fmt: skip
"""Streaming multiprocessors, as NVIDIA's architecture white papers have them; 160 of two chips of
which 148 are enabled on Blackwell (recalled)."""

BLACKWELL = ("B200_180GB", "B300_270GB", "GB200_186GB", "GB300_279GB")
"""Data-centre devices of that architecture."""


class Timings(NamedTuple):
    """Timings of one engine's kernels on one device in one type.

    Attributes
    ----------
    family : str
        Of which operations, as ``FITTED`` names them.
    device, engine, version, kernels : str
        What ran.
    table_type, computed, stored : str
        The tables' word for the type, and what it is; of attention the cache's is what is stored.
    rows : DataFrame
        ``shape``, ``tokens``, ``flops`` [FLOP], ``moved`` [bytes], ``size`` [tokens], ``columns``
        and ``inner`` [elements], ``launches`` [1], and ``seconds`` and ``beside``: what the cost
        model times as other operations [s].
    """

    family: str
    device: str
    engine: str
    version: str
    kernels: str
    table_type: str
    computed: str
    stored: str
    rows: pd.DataFrame


def kernel_tables(folder: Path, family: str, name: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Read all versions of a family's tables, by device and engine; nothing where there are none.

    Raises
    ------
    ValueError
        If the folder has no tables at all, or there is nothing to read them with.
    """
    if find_spec("pyarrow") is None:
        msg = "the tables are Parquet files, which pandas reads with pyarrow: pip install pyarrow"
        raise ValueError(msg)
    data = folder / "aiconfigurator_core" / "systems" / "data"
    files: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(data.glob(f"*/{family}/*/*/{name}.parquet")):
        if path.parents[3].name in DEVICES:
            files.setdefault((path.parents[3].name, path.parents[1].name), []).append(path)
    if not data.is_dir():
        msg = f"folder must hold {data.relative_to(folder)}, got {str(folder)!r}"
        raise ValueError(msg)
    for (device, engine), paths in files.items():
        yield DEVICES[device], engine, pd.concat(map(pd.read_parquet, paths), ignore_index=True)


def from_memory(
    device: str, work: pd.DataFrame, held: pd.Series[float], floor: float
) -> pd.DataFrame:
    """Leave out what memory on the chip may have served: in models it has to be read again."""
    cached = ON_CHIP[device]
    doubtful = (held > 0.15 * cached) & (held < 1.5 * cached)
    bandwidth = find_hardware(device).memory_bandwidth
    slow = work["seconds"] > 1.1 * work["moved"] / bandwidth + floor
    kept: pd.DataFrame = work[~doubtful | slow]
    return kept
