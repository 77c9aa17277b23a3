"""Request in, evaluation out: at once, or once for many changes; owns the errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from traceback import format_exc

from traitlets import Dict, Float, HasTraits, Instance, Int, Unicode

from llmcalc_core import Evaluation, EvaluationRequest, evaluate
from llmcalc_widgets.loop import running_loop

PAUSE_S = 0.05
"""Shortest time between two evaluations that a slider asks for [s]."""

LONG_S = 0.3
"""An evaluation that takes longer runs in the background, where it can be cancelled [s]."""

MakeRequest = Callable[[], EvaluationRequest]
_Timed = tuple[Evaluation, int, float]


class Session(HasTraits):
    """Evaluates requests and keeps the last good result.

    Attributes
    ----------
    evaluation : Evaluation or None
        The last good result.
    errors : dict of str to str
        What is wrong, by the name of the setting; under '' what concerns no single one.
    traceback : str
        Where the last evaluation failed; empty if it did not.
    expected_s : float
        How long the evaluation that runs in the background will take, about [s]; 0 if none runs.
    expected_plans : int
        How many plans it is of, about.
    """

    evaluation = Instance(Evaluation, allow_none=True)
    errors = Dict(key_trait=Unicode(), value_trait=Unicode())
    traceback = Unicode()
    expected_s = Float(0.0)
    expected_plans = Int(0)

    def __init__(self) -> None:
        super().__init__()
        self._patient, self._shown = False, True
        self._running: EvaluationRequest | None = None
        self._future: asyncio.Future[_Timed] | None = None
        self._seconds_each = self._plans_each = 0.0
        self._waiting: MakeRequest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0

    def submit(self, make: MakeRequest, *, soon: bool = False, patient: bool = False) -> None:
        """Evaluate a request.

        Parameters
        ----------
        make : callable
            Makes the request when it is evaluated.
        soon : bool
            A first change is evaluated at once; further ones are collected until a pause is over,
            where an event loop runs.
        patient : bool
            Whether an evaluation that takes long may run in the background.
        """
        loop = running_loop() if soon else None
        self._waiting, self._patient = make, patient
        pause = self._next_s - monotonic()
        if loop is None or pause <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(pause, self.flush)

    def flush(self) -> None:
        """Evaluate what waits, if anything does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        make, self._waiting = self._waiting, None
        if make is None:
            return
        self.stop()
        self.traceback = ""
        try:
            request = make()
        except ValueError as error:
            self.reject("", str(error))
            return
        if self._shown and self.evaluation is not None and self.evaluation.request == request:
            self.accept("")
            return
        expected_s = self._seconds_each * _size(request)
        loop = running_loop() if self._patient and expected_s > LONG_S else None
        if loop is None:
            self._finish(partial(_timed, request))
            return
        self.expected_plans = round(self._plans_each * _size(request))
        self.expected_s = expected_s
        if self._future is not None:
            self._waiting = make
            return
        self._running = request
        self._future = loop.run_in_executor(None, partial(_timed, request, whole=True))
        self._future.add_done_callback(partial(self._finish_running, request))

    def stop(self) -> None:
        """Forget the evaluation that runs in the background, if one does."""
        self._running, self.expected_s = None, 0.0

    def _finish_running(self, request: EvaluationRequest, future: asyncio.Future[_Timed]) -> None:
        self._future = None
        if self._running is request:
            self.stop()
            self._finish(future.result)
        elif self._timer is None:
            self.flush()

    def _finish(self, result: Callable[[], _Timed]) -> None:
        """Take an evaluation, or show why there is none; what is no wrong value is raised too."""
        try:
            evaluation, plans, seconds = result()
        except ValueError as error:
            self.traceback = format_exc()
            self.reject("", str(error))
            return
        except Exception as error:
            self._fail("The calculation", error)
            raise
        self._seconds_each = seconds / _size(evaluation.request)
        self._plans_each = plans / _size(evaluation.request)
        self.accept("")
        self._shown = True
        self.attempt(partial(setattr, self, "evaluation", evaluation))
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
        self.traceback = format_exc()
        self.reject("", f"{what} failed: {type(error).__name__}: {error}")

    def reject(self, name: str, message: str) -> None:
        """Note what is wrong with a setting; the last good result stays."""
        self.errors = {**self.errors, name: message}

    def accept(self, name: str) -> None:
        """Note that a setting is right again."""
        if name in self.errors:
            self.errors = {key: text for key, text in self.errors.items() if key != name}

    def error_words(self) -> str:
        """Say in a line what is wrong; nothing if nothing is."""
        errors = self.errors.items()
        return "; ".join(f"{name}: {text}" if name else text for name, text in errors)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting = None
        self.stop()
        self.flush()


def _timed(request: EvaluationRequest, *, whole: bool = False) -> _Timed:
    """Evaluate, count the plans and time it; as a whole, with the frame that is asked for later."""
    start = monotonic()
    evaluation = evaluate(request)
    plans = len(evaluation.frame if whole else evaluation.rejected)
    return evaluation, plans, monotonic() - start


def _size(request: EvaluationRequest) -> int:
    """Say how large a request is, in parts that take about as long as each other."""
    return sum(request.devices) * len(request.batches)
