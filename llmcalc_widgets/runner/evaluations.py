"""``Runner``: evaluates what a state asks, once for many changes; and a cache of evaluations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from traceback import format_exc
from typing import Any, NamedTuple

from llmcalc_core import Evaluation, EvaluationRequest, evaluate
from llmcalc_widgets.runner.background import is_pending, running_loop
from llmcalc_widgets.state import EvaluationState

PAUSE_S = 0.05
"""Shortest time between two evaluations that a slider asks for [s]."""

LONG_S = 0.3
"""An evaluation that takes longer runs in the background, where it can be cancelled [s]."""

MOST_KEPT = 32
"""Evaluations that a cache keeps."""

_Timed = tuple[Evaluation, int, float]


class _Timer(NamedTuple):
    loop: asyncio.AbstractEventLoop
    handle: asyncio.TimerHandle


class Runner:
    """Evaluates what a state asks, and puts the last good result, or what is wrong, into it.

    From any thread, one evaluation at a time: it holds the lock of the state.

    Parameters
    ----------
    state : EvaluationState
        What is evaluated.
    answer : callable, optional
        Evaluates a request in place of :func:`llmcalc_core.evaluate`.
    """

    def __init__(self, state: EvaluationState, answer: Callable[[Any], Any] | None = None) -> None:
        self._state = state
        self._answer = answer
        self._background, self._shown, self._waiting = False, True, False
        self._running: EvaluationRequest | None = None
        self._future: asyncio.Future[_Timed] | None = None
        self._seconds_each = self._plans_each = 0.0
        self._timer: _Timer | None = None
        self._next_s = 0.0

    def submit(self, *, debounce: bool = False, background: bool = False) -> None:
        """Evaluate what is asked.

        Parameters
        ----------
        debounce : bool
            A first change is evaluated at once; further ones are collected until a pause is over,
            where an event loop runs.
        background : bool
            Whether an evaluation that takes long may run in the background.
        """
        loop = running_loop() if debounce else None
        with self._state.lock:
            self._waiting, self._background = True, background
            pause = self._next_s - monotonic()
            if loop is None or pause <= 0:
                self.flush()
            elif self._timer is None or self._timer.loop.is_closed():
                self._timer = _Timer(loop, loop.call_later(pause, self.flush))

    def flush(self) -> None:
        """Evaluate what waits, if anything does."""
        with self._state.lock:
            if self._timer is not None:
                self._timer.handle.cancel()
                self._timer = None
            waiting, self._waiting = self._waiting, False
            if waiting:
                self._evaluate()

    def _evaluate(self) -> None:
        self.stop()
        state = self._state
        state.traceback = ""
        settings = state.settings()
        try:
            request = state.make_request()
        except ValueError as error:
            state.reject("", str(error))
            return
        if self._shown and state.evaluation is not None and state.evaluation.request == request:
            state.accept("")
            return
        expected_s = self._seconds_each * _size(request)
        loop = running_loop() if self._background and expected_s > LONG_S else None
        if loop is None:
            self._finish(settings, partial(_timed, request, self._answer))
            return
        state.expected_plans = round(self._plans_each * _size(request))
        state.expected_s = expected_s
        if is_pending(self._future):
            self._waiting = True
            return
        self._running = request
        self._future = loop.run_in_executor(
            None, partial(_timed, request, self._answer, whole=True)
        )
        self._future.add_done_callback(partial(self._finish_running, request, settings))

    def stop(self) -> None:
        """Forget the evaluation that runs in the background, if one does."""
        with self._state.lock:
            self._running, self._state.expected_s = None, 0.0

    def _finish_running(
        self,
        request: EvaluationRequest,
        settings: Mapping[str, Any],
        future: asyncio.Future[_Timed],
    ) -> None:
        with self._state.lock:
            self._future = None
            if self._running is request:
                self.stop()
                self._finish(settings, future.result)
            elif self._timer is None:
                self.flush()

    def _finish(self, settings: Mapping[str, Any], result: Callable[[], _Timed]) -> None:
        """Take an evaluation, or show why there is none; what is no wrong value is raised too."""
        state = self._state
        try:
            evaluation, plans, seconds = result()
        except ValueError as error:
            state.traceback = format_exc()
            state.reject("", str(error))
            return
        except Exception as error:
            self._fail("The calculation", error)
            raise
        self._seconds_each = seconds / _size(evaluation.request)
        self._plans_each = plans / _size(evaluation.request)
        state.accept("")
        state.shown = settings
        self._shown = True
        self.attempt(partial(setattr, state, "evaluation", evaluation))
        self._next_s = monotonic() + PAUSE_S

    def attempt(self, work: Callable[[], None]) -> None:
        """Do what an evaluation needs to be shown, or what others do with it.

        A failure is shown itself, and raised; asking for the same again evaluates it anew.
        """
        try:
            work()
        except Exception as error:
            self._shown = False
            self._fail("Showing the result", error)
            raise

    def _fail(self, what: str, error: Exception) -> None:
        self._state.traceback = format_exc()
        self._state.reject("", f"{what} failed: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Forget what waits."""
        with self._state.lock:
            self._waiting = False
            self.stop()
            self.flush()


class EvaluationCache:
    """Evaluates, and keeps the evaluations that were used last."""

    def __init__(self) -> None:
        self._kept: dict[EvaluationRequest, Evaluation] = {}

    def evaluate(self, request: EvaluationRequest) -> Evaluation:
        """Give the evaluation of a request.

        Raises
        ------
        ValueError
            For a request that makes no sense.
        """
        found = self._kept.pop(request, None) or evaluate(request)
        self._kept[request] = found
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return found


def _timed(
    request: EvaluationRequest, answer: Callable[[Any], Any] | None, *, whole: bool = False
) -> _Timed:
    """Evaluate, count the plans and time it; as a whole, with the frame that is asked for later."""
    start = monotonic()
    evaluation = (answer or evaluate)(request)
    plans = len(evaluation.frame if whole else evaluation.rejected)
    return evaluation, plans, monotonic() - start


def _size(request: EvaluationRequest) -> int:
    """Say how large a request is, in parts that take about as long as each other."""
    return sum(request.devices) * len(request.request_rates or request.batches)
