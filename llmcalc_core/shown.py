"""How a message shows a value that somebody gave: short, on one line, whatever it is."""

from __future__ import annotations

import reprlib

_LONGEST = 100
"""Most characters of a value: enough to know it again."""

_LONGEST_MESSAGE = 380
"""Most characters of a message that is joined of others."""


class _Short(reprlib.Repr):
    """Texts of collections without going through all that they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 12
        self.maxlevel = 4
        self.maxstring = self.maxother = self.maxlong = _LONGEST

    def repr_int(self, value: int, level: int) -> str:
        """Say that a number is long, where Python refuses to write its digits."""
        try:
            return super().repr_int(value, level)
        except ValueError:
            return f"a whole number of {value.bit_length()} bits"


def shown(value: object) -> str:
    """Give the text of a value as ``repr`` does, cut where it is long, on one line.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        At most 100 characters.

    Examples
    --------
    >>> shown("bf16"), len(shown("a" * 1_000_000))
    ("'bf16'", 100)
    """
    text = " ".join(_Short().repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def shortened(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """Cut a message that is longer than so many characters, and say so.

    Examples
    --------
    >>> shortened("a long text", 8)
    'a long …'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
