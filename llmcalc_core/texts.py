"""The check of an argument that must be a text: a ``ValueError`` that names it."""

from __future__ import annotations

from llmcalc_core.shown import shown


def text(name: str, value: object) -> str:
    """Return ``value`` if it is a text.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> text("version", "0.9")
    '0.9'
    """
    if isinstance(value, str):
        return value
    msg = f"{name} must be a text, got {shown(value)}"
    raise ValueError(msg)
