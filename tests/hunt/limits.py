"""What may come of junk: a value, or an error of ours that says what was wrong, soon."""

from __future__ import annotations

import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from llmcalc_core import DoesNotFitError, NotRunnableError

LONGEST = 400


class NeverEnds(BaseException):
    """No ``except Exception`` takes it."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise NeverEnds


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Stop what takes more processor time [s], whatever else the machine does."""
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fault(ask: Callable[[], object], *, seconds: float, says: str = "") -> str | None:
    """Ask, and say what is wrong with what comes of it; nothing where it is a value or our error.

    Parameters
    ----------
    ask : Callable
        What to do.
    seconds : float
        Most processor time [s]; what takes ten times as much is stopped.
    says : str
        A pattern that a message must match.
    """
    began = time.process_time()
    try:
        with within(10 * seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ask()
    except NeverEnds:
        return "never ends"
    except (DoesNotFitError, NotRunnableError):
        return None
    except (ValueError, TypeError) as error:
        message = str(error)
        if len(message) >= LONGEST:
            return f"{len(message)} characters: {message[:150]}"
        if not re.search(says, message, re.IGNORECASE):
            return f"{type(error).__name__} that names no argument: {message[:200]}"
    except Exception as error:  # noqa: BLE001 - any that is not ours is what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}"
    took = time.process_time() - began
    return f"{took:.2f} s" if took > seconds else None
