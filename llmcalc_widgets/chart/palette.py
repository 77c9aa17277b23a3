"""Colours that people who confuse some of them can still tell apart, and what wears them.

The set is that of Okabe and Ito, Color Universal Design (2008).
"""

from __future__ import annotations

from collections.abc import Iterable

PALETTE = ("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#0072B2", "#B8A800", "#7B5EA7")
"""Okabe and Ito's, the yellow darkened to be seen on white, and a violet in place of black."""

COMPARED_COLOURS = ("#C2185B", "#0072B2", "#7B5EA7", "#00796B", "#8D6E63", "#B8A800")
"""Of fronts beside the present one, which also wear their names; 3:1 on white and on black."""

GREY = "#8C8C8C"
STRONG = "var(--c-strong, #444444)"
FAINT = "var(--c-faint, #777777)"
BACK = "var(--c-back, #ffffff)"

MEMORY_COLOURS = {
    "weights_bytes": "#0072B2",
    "kv_cache_bytes": "#E69F00",
    "activations_bytes": "#009E73",
    "reserve_bytes": "#8C8C8C",
}
TIME_COLOURS = {
    "gemm_s": "#0072B2",
    "attention_s": "#E69F00",
    "communication_s": "#D55E00",
    "memory_traffic_s": "#009E73",
    "overhead_s": "#8C8C8C",
}
KIND_COLOURS = {
    "gemm": TIME_COLOURS["gemm_s"],
    "attention": TIME_COLOURS["attention_s"],
    "communication": TIME_COLOURS["communication_s"],
    "memory": TIME_COLOURS["memory_traffic_s"],
    "overhead": TIME_COLOURS["overhead_s"],
}
BOUND_COLOURS = {
    "compute": "#0072B2",
    "memory bandwidth": "#E69F00",
    "link": "#D55E00",
    "host link": "#CC79A7",
    "overhead": "#8C8C8C",
}

COLOUR_WORDS = {
    "tp": "TP", "pp": "PP", "ep": "EP", "attention_dp": "DP", "replicas": "replicas",
    "devices": "devices",
}  # fmt: skip
"""What plans can be told apart by in colour, by the columns of their frame, and how it is said."""

_FIXED = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4, 32: 5}


def colour_slots(widths: Iterable[int]) -> dict[int, int]:
    """Give every width, or count, its place in the palette.

    Powers of two up to 32 always have the same place; other widths take the free ones in turn,
    and share the last when none is free.

    Examples
    --------
    >>> colour_slots([1, 2, 4])
    {1: 0, 2: 1, 4: 2}
    >>> colour_slots([1, 5, 10])
    {1: 0, 5: 1, 10: 2}
    """
    ordered = sorted(set(widths))
    slots = {width: _FIXED[width] for width in ordered if width in _FIXED}
    free = [slot for slot in range(len(PALETTE)) if slot not in slots.values()]
    for width in ordered:
        if width not in slots:
            slots[width] = free.pop(0) if free else len(PALETTE) - 1
    return dict(sorted(slots.items()))
