"""What a public function says of an argument that it has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from typing import ParamSpec, TypeVar

from llmcalc_core.checks import nearest
from llmcalc_core.workload.techniques import Techniques

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def takes_techniques(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Refuse what is neither a parameter of the function nor a technique, and name the nearest.

    Parameters
    ----------
    function : callable
        One with ``**techniques``, the fields of :class:`Techniques`.

    Returns
    -------
    callable
        The same, which raises a ``TypeError`` for an argument that there is not.

    Examples
    --------
    >>> @takes_techniques
    ... def plan(batch: int, **techniques: object) -> None: ...
    >>> plan(batchs=3)
    Traceback (most recent call last):
    TypeError: plan() has no argument 'batchs'; did you mean 'batch'?
    """
    own = [
        name
        for name, parameter in signature(function).parameters.items()
        if parameter.kind is not Parameter.VAR_KEYWORD
    ]
    known = dict.fromkeys([*own, *(field.name for field in fields(Techniques))])

    @wraps(function)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        if not kwargs.keys() <= known.keys():
            name = next(name for name in kwargs if name not in known)
            hint = nearest(name, known, count=1) or f"; known: {', '.join(known)}"
            msg = f"{function.__name__}() has no argument {name!r}{hint}"
            raise TypeError(msg)
        return function(*args, **kwargs)

    return checked
