"""How far a sweep is: told to a function, or drawn by tqdm in a notebook or a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llmcalc_core.checks import truth
from llmcalc_core.simulation.steps import Cancelled

Progress = bool | Callable[[float], object] | None
"""Whether a bar is drawn, or what is called with the share that is done."""


@contextmanager
def reporting(progress: Progress, *, done: int, total: int) -> Iterator[Callable[[int], None]]:
    """Report the progress of a sweep.

    Parameters
    ----------
    progress : bool or callable, optional
        True for a bar with a rate and the time that is left; a function is called with the share
        of candidates that are done, and cancels the sweep where it returns False.
    done, total : int
        Candidates that are there already, and all of them.

    Yields
    ------
    callable
        To be called with the candidates of each part that is done.

    Raises
    ------
    ImportError
        If a bar is asked for and tqdm is not installed.
    Cancelled
        If the function returned False.
    """
    if callable(progress):
        yield _telling(progress, done, total)
    elif progress is not None and truth("progress", progress):
        try:
            from tqdm.auto import tqdm  # noqa: PLC0415 - an extra
        except ImportError as error:
            msg = "progress=True needs tqdm: pip install 'llmcalc-planner[sweep]'"
            raise ImportError(msg) from error
        with tqdm(initial=done, total=total, unit=" candidates", unit_scale=True) as bar:
            yield bar.update
    else:
        yield lambda _: None


def _telling(progress: Callable[[float], object], done: int, total: int) -> Callable[[int], None]:
    """Give a function that adds up what is done and tells the share."""
    so_far = done

    def tell(rows: int) -> None:
        nonlocal so_far
        so_far += rows
        if progress(so_far / total) is False and so_far < total:
            msg = f"cancelled with {total - so_far:,} of {total:,} candidates left"
            raise Cancelled(msg)

    return tell
