"""A sweep from end to end: into a file, or into one frame."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llmcalc_core.checks import one_of
from llmcalc_core.planning.request import EvaluationRequest, check_request
from llmcalc_core.planning.size import checked_cases
from llmcalc_core.shown import shown
from llmcalc_core.sweeps.evaluated import KEPT, evaluated
from llmcalc_core.sweeps.files import SweepFile, parquet
from llmcalc_core.sweeps.fronts import join_fronts
from llmcalc_core.sweeps.parts import ROWS, Part, parts_of, places_of
from llmcalc_core.sweeps.progress import Progress, reporting

if TYPE_CHECKING:
    import pandas as pd

DISTRIBUTION = "llmcalc-planner"
_ANSWERING = (".py", ".toml")
"""Files of the package that decide what is answered."""


def sweep_to_file(
    request: EvaluationRequest,
    to: str | PathLike[str],
    *,
    keep: str = "all",
    client: object = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Evaluate a request part by part into a Parquet file; go on where it was stopped.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`; of any size, as a part has at most ``max_candidates``.
    to : path
        The file; beside it, in a folder of its name with ``.parts`` behind it, are the parts until
        all are there.
    keep : {'all', 'feasible', 'front'}
        Which candidates the file has.
    client : dask.distributed.Client, optional
        Whose workers evaluate parts.
    progress : bool or callable, optional
        See :func:`~llmcalc_core.sweeps.progress.reporting`.

    Returns
    -------
    DataFrame
        Of each model, hardware, precision, techniques and pair of lengths the row of the file that
        is best at the objective, as :func:`~llmcalc_core.sweeps.fronts.best_rows` has it.

    Raises
    ------
    Cancelled
        If ``progress`` returned False; the same call goes on from there.
    ImportError
        If pyarrow is not installed.
    ValueError
        If the file is that of another sweep.
    """
    check_request(request)
    most = min(request.max_candidates, ROWS)
    file = SweepFile(path=_path(to), key=_key(request, keep), keep=one_of("keep", keep, KEPT))
    parquet()
    if file.finished:
        return file.best(request)
    file.open()
    parts = tuple(parts_of(request, most))
    left = [part for part in parts if not file.has(part)]
    total = sum(part.rows for part in parts)
    done = total - sum(part.rows for part in left)
    with reporting(progress, done=done, total=total) as tell:
        for part, frame in evaluated(request, left, keep=keep, client=client):
            file.write(part, frame)
            tell(part.rows)
    return file.join(request, parts)


def sweep_to_frame(
    request: EvaluationRequest,
    *,
    keep: str = "all",
    client: object = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Evaluate a request part by part into one frame, whose rows are in the order of the whole.

    Parameters
    ----------
    request, keep, client, progress
        As for :func:`sweep_to_file`.

    Returns
    -------
    DataFrame
        That of :func:`explore`, or the rows of it that are kept.

    Raises
    ------
    Cancelled
        If ``progress`` returned False.
    ValueError
        If the request has more than ``max_candidates``.
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    one_of("keep", keep, KEPT)
    checked_cases(request)
    parts = tuple(parts_of(request))
    found: dict[Part, pd.DataFrame] = {}
    with reporting(progress, done=0, total=sum(part.rows for part in parts)) as tell:
        for part, frame in evaluated(request, parts, keep=keep, client=client):
            found[part] = frame
            tell(part.rows)
    for group, alike in groupby(parts, key=lambda part: part.group):
        if group is not None:
            found |= _with_front(request, {part: found[part] for part in alike}, keep)
    places = [places_of(request, part)[found[part].index] for part in parts]
    whole = pd.concat([found[part] for part in parts], ignore_index=True)
    return whole.iloc[np.argsort(np.concatenate(places))].reset_index(drop=True)


def _with_front(
    request: EvaluationRequest, frames: dict[Part, pd.DataFrame], keep: str
) -> dict[Part, pd.DataFrame]:
    """Mark the front of a group of parts."""
    masks = join_fronts(request, [frame[frame["on_front"]] for frame in frames.values()])
    marked = {}
    for (part, frame), mask in zip(frames.items(), masks, strict=True):
        on_front = frame["on_front"].to_numpy(copy=True)
        on_front[on_front] = mask
        marked[part] = frame.assign(on_front=on_front)
        if keep == "front":
            marked[part] = marked[part][on_front]
    return marked


def _path(to: object) -> Path:
    if isinstance(to, str | PathLike) and str(to):
        return Path(to)
    msg = f"to must be the path of a Parquet file, got {shown(to)}"
    raise ValueError(msg)


def _key(request: EvaluationRequest, keep: str) -> str:
    """Tell a sweep from others: by its question, and by who answers."""
    try:
        by = version(DISTRIBUTION)
    except PackageNotFoundError:
        by = "not installed"
    return sha256(repr((by, _code(), keep, request)).encode()).hexdigest()


@cache
def _code() -> str:
    """Give a digest of the package: parts of another fit must not stand beside new ones."""
    digest, package = sha256(), Path(__file__).parents[1]
    for file in sorted(one for one in package.rglob("*") if one.suffix in _ANSWERING):
        digest.update(str(file.relative_to(package)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
