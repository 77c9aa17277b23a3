"""Request in, evaluation out: at once, or once for many changes; owns the errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from traitlets import Dict, HasTraits, Instance, Unicode

from llmcalc_core import Evaluation, EvaluationRequest, evaluate
from llmcalc_widgets.later import running_loop

PAUSE_S = 0.05
"""Shortest time between two evaluations that a slider asks for [s]."""

MakeRequest = Callable[[], EvaluationRequest]


class Session(HasTraits):
    """Evaluates requests and keeps the last good result.

    Attributes
    ----------
    evaluation : Evaluation or None
        The last good result.
    errors : dict of str to str
        What is wrong, by the name of the setting; under '' what concerns no single one.
    """

    evaluation = Instance(Evaluation, allow_none=True)
    errors = Dict(key_trait=Unicode(), value_trait=Unicode())

    def __init__(self) -> None:
        super().__init__()
        self._waiting: MakeRequest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0

    def submit(self, make: MakeRequest, *, soon: bool = False) -> None:
        """Evaluate a request.

        Parameters
        ----------
        make : callable
            Makes the request when it is evaluated.
        soon : bool
            A first change is evaluated at once; further ones are collected until a pause is over,
            where an event loop runs.
        """
        loop = running_loop() if soon else None
        self._waiting = make
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
        try:
            request = make()
            same = self.evaluation is not None and self.evaluation.request == request
            evaluation = self.evaluation if same else evaluate(request)
        except ValueError as error:
            self.reject("", str(error))
            return
        self.accept("")
        self.evaluation = evaluation
        self._next_s = monotonic() + PAUSE_S

    def reject(self, name: str, message: str) -> None:
        """Note what is wrong with a setting; the last good result stays."""
        self.errors = {**self.errors, name: message}

    def accept(self, name: str) -> None:
        """Note that a setting is right again."""
        if name in self.errors:
            self.errors = {key: text for key, text in self.errors.items() if key != name}

    def close(self) -> None:
        """Forget what waits."""
        self._waiting = None
        self.flush()
