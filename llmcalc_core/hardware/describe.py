"""A device in words: the same facts as lines of text or as a table of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcalc_core.calibration.bands import measured_models
from llmcalc_core.calibration.kernels import kernels_of
from llmcalc_core.hardware.tables import price_terms

if TYPE_CHECKING:
    from llmcalc_core.hardware.device import Hardware

Facts = list[tuple[str, str]]
_LEFT = ' style="text-align: left"'  # notebooks align cells right, which words don't read well in
_KERNELS = {
    "calibrated": "kernels measured",
    "transferred": "kernels borrowed from {}",
    "assumed": "kernels assumed",
}


def facts(hardware: Hardware) -> Facts:
    """Give what there is to say of a device, as pairs of label and text."""
    rates = ", ".join(f"{kind} {_figure(rate / 1e12)}" for kind, rate in hardware.flops)
    domain, limit = hardware.devices_per_domain, hardware.device_limit
    power = hardware.power_watts
    links = f"{_figure(hardware.link_bandwidth / 2e9)} GB/s each way between {domain:,} devices"
    network = f"{_figure(hardware.node_link_bandwidth / 1e9)} GB/s each way per device"
    size, bandwidth = hardware.nominal_memory_gb, hardware.memory_bandwidth
    memory = f"{_figure(size)} GB, {_figure(bandwidth / 1e9)} GB/s"
    said = [
        ("memory", memory),
        ("dense rates", f"{rates} TFLOP/s"),
        ("links", links + _latency(hardware.link_latency_s) if domain > 1 else "none"),
        ("network", network + _latency(hardware.node_link_latency_s)),
        ("host", _host(hardware)),
        ("power", "not known" if power is None else f"{_figure(power)} W"),
        ("price", _price(hardware)),
        ("efficiencies", efficiencies(hardware)),
    ]
    return said + ([] if limit is None else [("devices", f"at most {limit:,}")])


def efficiencies(hardware: Hardware) -> str:
    """Say whether what a device reaches of its peaks is measured, borrowed or assumed.

    Parameters
    ----------
    hardware : Hardware
        The device; its ``calibration`` names whose facts are used.

    Returns
    -------
    str
        How its kernels are known, and of how many models whole runs on it were measured.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> efficiencies(find_hardware("H100_PCIE_80GB"))
    'kernels borrowed from H100_80GB; no runs measured'
    >>> efficiencies(find_hardware("MI300X"))
    'kernels assumed; runs of 1 model measured'
    """
    basis, whose = kernels_of(hardware.calibration)
    models = measured_models(hardware.calibration)
    runs = f"runs of {models} model{'s' * (models > 1)} measured" if models else "no runs measured"
    edited = ", before its figures were edited" * hardware.edited
    own = "; fitted to measurements of your own" * bool(hardware.adjustments)
    return f"{_KERNELS[basis].format(whose)}; {runs}{edited}{own}"


def price_kind(hardware: Hardware) -> str:
    """Say of what kind the price is, without its day."""
    return price_terms(hardware.calibration, hardware.price_per_hour).partition(",")[0]


def _latency(latency: float | None) -> str:
    return "" if latency is None else f", {_figure(latency * 1e6)} us"


def _price(hardware: Hardware) -> str:
    price = hardware.price_per_hour
    terms = price_terms(hardware.calibration, price)
    return terms if price is None else f"{_figure(price)} USD per device hour, {terms}"


def _host(hardware: Hardware) -> str:
    if not hardware.host_memory_bytes:
        return "its memory is the host's"
    memory, link = hardware.host_memory_bytes / 1e9, hardware.host_link_bandwidth / 1e9
    return f"{_figure(memory)} GB per device, {_figure(link)} GB/s each way"


def text(hardware: Hardware) -> str:
    """Describe a device as lines."""
    name, description = hardware.name, hardware.description
    head = f"{name}: {description}" if description and description != name else name
    return "\n".join([head, *(f"{label:<18}{value}" for label, value in facts(hardware))])


def html(hardware: Hardware) -> str:
    """Describe a device as a table for a notebook; every name is escaped text."""
    from html import escape  # noqa: PLC0415 - where a notebook shows a device

    name, description = hardware.name, hardware.description
    rows = "".join(
        f'<tr><th scope="row"{_LEFT}>{escape(label)}</th><td{_LEFT}>{escape(value)}</td></tr>'
        for label, value in facts(hardware)
    )
    head = f"<b>{escape(name)}</b> {escape(description if description != name else '')}"
    return f"<p>{head.strip()}</p><table>{rows}</table>"


def _figure(value: float) -> str:
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - four digits
