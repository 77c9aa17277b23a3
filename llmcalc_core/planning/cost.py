"""Cost, power and energy of plans, as figures with units in their names."""

from __future__ import annotations

import math

import numpy as np

from llmcalc_core.costmodel.utilisation import IDLE_SHARE, Utilisation
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.cost import joules_per_token, power_watts, usd_per_million_tokens
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.workload.grid import Grid

COST_UNITS = {
    "cost_usd_per_hour": "USD/h",
    "cost_usd_per_million_input_tokens": "USD per 10^6 tokens",
    "cost_usd_per_million_output_tokens": "USD per 10^6 tokens",
    "power_w": "W",
    "energy_j_per_input_token": "J",
    "energy_j_per_output_token": "J",
}
"""The figures of cost, power and energy, and their units."""

COST_COLUMNS = tuple(COST_UNITS)

_ONE_SIDED: dict[float, tuple[str, ...]] = {0.0: COST_COLUMNS[1::3], 1.0: COST_COLUMNS[2::3]}
"""Columns of the tokens that are not made where so much of the work reads prompts."""

OF_ALL_REPLICAS = ("cost_usd_per_hour", "power_w")
"""Columns that grow with the replicas; the others are of any one of them."""


def cost_figures(
    hardware: Hardware,
    *,
    devices: Values,
    utilisation: Utilisation,
    requests_per_s: Values,
    input_tokens: Values,
    output_tokens: Values,
) -> dict[str, Values]:
    """Work out what some devices cost and draw, in all and per token.

    Cost is the price of the devices for as long as they are held, busy or not. In prefill all of
    it is of input tokens, in decode all of output tokens; in serving it is split by the time for
    which a request's prompt and its generated tokens occupy the devices. Every prompt token
    counts, also one whose cache is found. Power is that of the devices alone, without hosts,
    network and cooling: idle, and from there to the design power by load (see
    :mod:`llmcalc_core.costmodel.utilisation`). Energy is split like cost, by energy instead of
    time.

    Parameters
    ----------
    hardware : Hardware
        Its price [USD/h] and power [W] per device; what is not known comes out as NaN.
    devices : float or array
        Devices that work together [1].
    utilisation : Utilisation
        What they are busy with, by which cost and energy fall to input or output tokens.
    requests_per_s : float or array
        Requests that they end [1/s].
    input_tokens, output_tokens : float or array
        Tokens per request [tokens].

    Returns
    -------
    dict of str to float or array
        By the names of :data:`COST_COLUMNS`.
    """
    usd = devices * (math.nan if hardware.price_per_hour is None else hardware.price_per_hour)
    full = math.nan if hardware.power_watts is None else hardware.power_watts
    watts = power_watts(full=devices * full, idle_share=IDLE_SHARE, load=utilisation.share)
    found: dict[str, Values] = {"cost_usd_per_hour": usd, "power_w": watts}
    time, energy = utilisation.prefill_time_share, utilisation.prefill_energy_share
    sides = (("input", time, energy, input_tokens), ("output", 1 - time, 1 - energy, output_tokens))
    for side, of_time, of_energy, tokens in sides:
        idle = np.ndim(of_time) == 0 and bool(of_time == 0)
        rate = math.nan if idle else requests_per_s * tokens
        all_usd = usd_per_million_tokens(usd_per_hour=usd, tokens_per_s=rate)
        all_joules = joules_per_token(watts=watts, tokens_per_s=rate)
        found[f"cost_usd_per_million_{side}_tokens"] = all_usd * of_time
        found[f"energy_j_per_{side}_token"] = all_joules * of_energy
    return {name: found[name] for name in COST_COLUMNS}


def cost_numbers(
    grid: Grid, hardware: Hardware, utilisation: Utilisation, requests_per_s: float
) -> dict[str, float]:
    """Give the cost figures of one plan and workload as plain numbers.

    Parameters
    ----------
    grid : Grid
        That plan and workload.
    hardware : Hardware
        Its price and power.
    utilisation : Utilisation
        What the devices are busy with.
    requests_per_s : float
        Requests that they end [1/s].

    Returns
    -------
    dict of str to float
        By the names of :data:`COST_COLUMNS`, less those of tokens that the stage does not make.
    """
    plain = Utilisation(
        share=float(utilisation.share),
        prefill_time_share=float(utilisation.prefill_time_share),
        prefill_energy_share=float(utilisation.prefill_energy_share),
    )
    figures = cost_figures(
        hardware,
        devices=float(grid.layouts[0].devices),
        utilisation=plain,
        requests_per_s=requests_per_s,
        input_tokens=float(grid.inputs),
        output_tokens=float(grid.outputs),
    )
    left_out = _ONE_SIDED.get(float(plain.prefill_time_share), ())
    return {
        name: float(figure) if figure == figure else math.nan  # noqa: PLR0124 - one NaN for all
        for name, figure in figures.items()
        if name not in left_out
    }


def whole_cost(prefill: dict[str, float], decode: dict[str, float], *, reading: float,
               writing: float, tokens: tuple[int, int]) -> dict[str, float]:  # fmt: skip
    """Join the cost figures of a static batch's two stages into those of the whole batch.

    Parameters
    ----------
    prefill, decode : dict of str to float
        Cost figures of the stages, of which cost and power per hour count.
    reading, writing : float
        Time until the first tokens, and from then to the last [s].
    tokens : tuple of two ints
        Prompt and generated tokens of the batch [tokens].

    Returns
    -------
    dict of str to float
        By the names of :data:`COST_COLUMNS`.
    """
    usd = prefill["cost_usd_per_hour"]
    figures = {"cost_usd_per_hour": usd}
    joules = (prefill["power_w"] * reading, decode["power_w"] * writing)
    figures["power_w"] = sum(joules) / (reading + writing)
    sides = zip(("input", "output"), (reading, writing), joules, tokens, strict=True)
    for side, time, energy, count in sides:
        figures[f"cost_usd_per_million_{side}_tokens"] = usd / 3600 * time / count * 1e6
        figures[f"energy_j_per_{side}_token"] = energy / count
    return {name: figures[name] for name in COST_COLUMNS}
