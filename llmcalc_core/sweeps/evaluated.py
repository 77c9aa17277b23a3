"""Parts evaluated one after the other on this machine, or side by side by the workers of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.sweeps.parts import Part, frame_of_part

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("all", "feasible", "front")
"""Which candidates of a sweep are kept."""

_RETRIES = 3
"""How often a part is tried again that failed; parts of a worker that is lost go to others."""

_AHEAD = 2
"""Parts that are under way per thread of the workers: what waits in memory stays bounded."""


def evaluated(
    request: EvaluationRequest, parts: Iterable[Part], *, keep: str, client: object = None
) -> Iterator[tuple[Part, pd.DataFrame]]:
    """Evaluate parts of a request.

    Parameters
    ----------
    request : EvaluationRequest
        The whole.
    parts : iterable of Part
        Some of its parts.
    keep : {'all', 'feasible', 'front'}
        Which candidates.
    client : dask.distributed.Client, optional
        Whose workers do it; this process where not given.

    Yields
    ------
    part, frame
        Each as it is done, on workers in any order.

    Raises
    ------
    ValueError
        If the client is none.
    """
    work = partial(kept, request, keep=keep)
    if client is None:
        for part in parts:
            yield part, work(part)
    elif callable(getattr(client, "submit", None)) and callable(getattr(client, "nthreads", None)):
        yield from _on_workers(client, work, parts)
    else:
        msg = f"client must be a dask.distributed.Client, got {type(client).__name__}"
        raise ValueError(msg)


def kept(request: EvaluationRequest, part: Part, *, keep: str) -> pd.DataFrame:
    """Evaluate a part, and keep all candidates, those that are not rejected, or its front."""
    frame = frame_of_part(request, part)
    if keep == "feasible":
        return frame[(frame["rejected_for"] == "").to_numpy()]
    return frame[frame["on_front"].to_numpy()] if keep == "front" else frame


def _on_workers(
    client: Any,  # noqa: ANN401 - of a package that need not be installed
    work: Callable[[Part], pd.DataFrame],
    parts: Iterable[Part],
) -> Iterator[tuple[Part, pd.DataFrame]]:
    """Let workers do parts, few of them ahead of what is taken."""
    from distributed import as_completed  # noqa: PLC0415 - whoever has a client has it

    left, running, part_of = iter(parts), as_completed(), {}
    most = _AHEAD * max(sum(client.nthreads().values()), 1)

    def submit(some: Iterable[Part]) -> None:
        for part in some:
            future = client.submit(work, part, pure=False, retries=_RETRIES)
            part_of[future] = part
            running.add(future)

    try:
        submit(islice(left, most))
        for future in running:
            part, frame = part_of.pop(future), future.result()
            submit(islice(left, 1))
            yield part, frame
    finally:
        client.cancel(list(part_of))
