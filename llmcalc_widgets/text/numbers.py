"""Numbers as the form writes them, and as people type them."""

from __future__ import annotations

from collections.abc import Callable

from llmcalc_widgets.text.units import number_text


def counted_text(what: str) -> Callable[[float], str]:
    """Make what writes a number of things.

    Examples
    --------
    >>> counted_text("token")(2000), counted_text("token")(1), counted_text("")(16)
    ('2,000 tokens', '1 token', '16')
    """
    return lambda value: f"{number_text(value)} {what}{'s' if what and value != 1 else ''}".strip()


def typed_number(text: str) -> float | str:
    """Read a number that was typed; what is none comes back as it is.

    Examples
    --------
    >>> typed_number("32,000"), typed_number(" 0.9 "), typed_number("eight")
    (32000, 0.9, 'eight')
    """
    plain = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text.strip()


def typed_time(text: str) -> float | str:
    """Read a time [ms] that was typed, also as the rate that it leaves a user.

    Examples
    --------
    >>> typed_time("40"), typed_time("25 tokens/s"), typed_time("25/s"), typed_time("0/s")
    (40, 40.0, 40.0, '0/s')
    """
    rate = text.strip().removesuffix("/s").removesuffix("tokens").removesuffix("tok")
    if not text.strip().endswith("/s"):
        return typed_number(text)
    number = typed_number(rate)
    return text.strip() if isinstance(number, str) or number <= 0 else 1e3 / number
