"""Numbers in three significant digits with the unit that suits them, and as people type them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite

_DIGITS = 3
_ALMOST_ONE = 0.9995  # what three digits round to one
_TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def rounded(value: float) -> float:
    """Round to three significant digits.

    Examples
    --------
    >>> rounded(1575.03), rounded(0.04063), rounded(0)
    (1580.0, 0.0406, 0.0)
    """
    if not value or not isfinite(value):
        return float(value)
    return float(f"{value:.{_DIGITS - 1}e}")


def number(value: float) -> str:
    """Write a number in three significant digits.

    Examples
    --------
    >>> number(12600.2), number(40.634), number(0.0104), number(0), number(5), number(float("inf"))
    ('12,600', '40.6', '0.0104', '0', '5.00', '\N{INFINITY}')
    """
    if not value or not isfinite(value):
        return "\N{INFINITY}" if value == inf else f"{value:g}"
    mantissa, _, power = f"{value:.{_DIGITS - 1}e}".partition("e")
    places = max(0, _DIGITS - 1 - int(power))
    return f"{float(f'{mantissa}e{power}'):,.{places}f}"


def seconds(value: float) -> str:
    """Write a time [s] in µs, ms or s.

    Examples
    --------
    >>> seconds(0.040634), seconds(48.72), seconds(0.99996), seconds(12e-6)
    ('40.6 ms', '48.7 s', '1.00 s', '12.0 µs')
    """
    for unit, size in _TIME_UNITS:
        if value >= size * _ALMOST_ONE:
            return f"{number(value / size)} {unit}"
    return f"{number(value)} s"


def banded_seconds(value: float, low: float, high: float) -> tuple[str, str]:
    """Write a time [s] and its 80 % band, both in the same unit.

    Examples
    --------
    >>> banded_seconds(0.0231, 0.0198, 0.027)
    ('23.1 ms', '80 %: 19.8 to 27.0')
    >>> banded_seconds(0.9, 0.7, 1.2)
    ('900 ms', '80 %: 700 to 1,200')
    """
    text = seconds(value)
    size = dict(_TIME_UNITS)[text.rpartition(" ")[2]]
    return text, f"80 %: {number(low / size)} to {number(high / size)}"


def gigabytes(value: float) -> str:
    """Write a size [bytes] in GB, which are 10^9 bytes.

    Examples
    --------
    >>> gigabytes(66_393_817_088), gigabytes(2e6)
    ('66.4 GB', '0.00200 GB')
    """
    return f"{number(value / 1e9)} GB"


def tokens_per_s(value: float) -> str:
    """Write a rate [tokens/s].

    Examples
    --------
    >>> tokens_per_s(12600.2), tokens_per_s(6_451_303)
    ('12,600 tokens/s', '6.45 M tokens/s')
    """
    million = 1e6
    if rounded(value) >= million:
        return f"{number(value / million)} M tokens/s"
    return f"{number(value)} tokens/s"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> counted(1, "plan"), counted(1200, "plan")
    ('1 plan', '1,200 plans')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def change_words(change: float) -> str:
    """Write a change in percent with its sign.

    Examples
    --------
    >>> change_words(-0.0658), change_words(0.2)
    ('\N{MINUS SIGN}6.6 %', '+20.0 %')
    """
    sign = "\N{MINUS SIGN}" if change < 0 else "+"
    return f"{sign}{abs(change):.1%}".replace("%", " %")


def number_text(value: float) -> str:
    """Write a number as it is typed: whole ones with separators of thousands.

    Examples
    --------
    >>> number_text(32000), number_text(0.9)
    ('32,000', '0.9')
    """
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.10g}"


def percentile_text(level: float | None) -> str:
    """Write a percentile, given as a part of all [1]; nothing for the mean.

    Examples
    --------
    >>> percentile_text(0.95), percentile_text(0.999), percentile_text(None)
    ('p95', 'p99.9', '')
    """
    return "" if level is None else f"p{100 * level:.10g}"


def percent_text(share: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percent_text(0.55)
    '55 %'
    """
    return f"{100 * share:.10g} %"


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
    >>> typed_number("2k"), typed_number("1.5 M"), typed_number("90 %"), typed_number("k")
    (2000, 1500000, 0.9, 'k')
    """
    plain = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    size = _SIZES.get(plain[-1:], 1.0)
    for kind in (int, float):
        try:
            number = kind(plain if size == 1 else plain[:-1])
        except ValueError:
            continue
        return number if size == 1 else _whole_if_so(float(f"{number * size:.12g}"))
    return text.strip()


_SIZES = {"k": 1e3, "K": 1e3, "M": 1e6, "%": 1e-2}
"""What may stand behind a number that is typed."""


def _whole_if_so(value: float) -> float:
    return int(value) if value.is_integer() else value


def typed_time(text: str) -> float | str:
    """Read a time [ms] that was typed, also as the rate that it leaves a user.

    Examples
    --------
    >>> typed_time("40"), typed_time("25 tokens/s"), typed_time("25/s"), typed_time("0/s")
    (40, 40.0, 40.0, '0/s')
    >>> typed_time("50ms"), typed_time("1.5 s"), typed_time("soon s")
    (50, 1500.0, 'soon s')
    """
    plain = text.strip()
    for unit, size in (("ms", 1), ("s", 1e3)):
        bare = typed_number(plain.removesuffix(unit)) if plain.endswith(unit) else ""
        if not isinstance(bare, str):
            return bare * size
    rate = text.strip().removesuffix("/s").removesuffix("tokens").removesuffix("tok")
    if not text.strip().endswith("/s"):
        return typed_number(text)
    number = typed_number(rate)
    return text.strip() if isinstance(number, str) or number <= 0 else 1e3 / number
