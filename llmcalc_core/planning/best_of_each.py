"""The best row of each device, or the one that is nearest to being allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats

if TYPE_CHECKING:
    import pandas as pd

_TOO_LARGE = ("memory", "host memory")


def best_of_each(frame: pd.DataFrame, *losses: Floats) -> NDArray[np.intp]:
    """Find the best row of each device in a frame.

    Parameters
    ----------
    frame : DataFrame
        Of candidates.
    *losses : array
        By row, small where it is good; a later one decides where the earlier are equal or not
        known (NaN).

    Returns
    -------
    array of int
        A row per device. Where all of a device's are rejected: the one of least time from request
        to last token among those over a limit, or else the one that lacks least memory.
    """
    reason = frame["rejected_for"]
    rank = np.where(reason == "", 0, np.where(reason.isin(_TOO_LARGE), 2, 1))
    slow = frame["e2e_latency_s"].to_numpy(np.float64)
    short = -frame["memory_headroom_bytes"].to_numpy(np.float64)
    rejected = np.where(rank == 1, slow, short)
    keys = [np.where(rank == 0, loss, rejected) for loss in losses]
    device = frame["hardware"].astype("category").cat.codes.to_numpy()
    order = np.lexsort((*reversed(keys), rank, device))
    _, first = np.unique(device[order], return_index=True)
    found: NDArray[np.intp] = order[first]
    return found
