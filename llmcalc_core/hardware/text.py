"""A device in words: the same facts as lines of text or as a table of HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from llmcalc_core.provided import PROVIDED

if TYPE_CHECKING:
    from llmcalc_core.hardware.device import Hardware

Facts = list[tuple[str, str]]
_LEFT = ' style="text-align: left"'  # notebooks align cells right, which words don't read well in


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
        ("links", links + _late(hardware.link_latency_s) if domain > 1 else "none"),
        ("network", network + _late(hardware.node_link_latency_s)),
        ("host", _host(hardware)),
        ("power", "not known" if power is None else f"{_figure(power)} W"),
        ("price", _price(hardware)),
        ("efficiencies", PROVIDED["efficiencies"](hardware)),
    ]
    return said + ([] if limit is None else [("devices", f"at most {limit:,}")])


def _late(latency: float | None) -> str:
    return "" if latency is None else f", {_figure(latency * 1e6)} us"


def price_kind(hardware: Hardware) -> str:
    """Say of what kind the price is, without its day."""
    if hardware.price_per_hour is None:
        return "not known"
    kind: str = PROVIDED["price_terms"](hardware).partition(",")[0]
    return kind


def _price(hardware: Hardware) -> str:
    price = hardware.price_per_hour
    if price is None:
        return "not known"
    return f"{_figure(price)} USD per device hour, {PROVIDED['price_terms'](hardware)}"


def _host(hardware: Hardware) -> str:
    if not hardware.host_memory_bytes:
        return "its memory is the host's"
    memory, link = hardware.host_memory_bytes / 1e9, hardware.host_link_bandwidth / 1e9
    return f"{_figure(memory)} GB per device, {_figure(link)} GB/s each way"


def text(name: str, description: str, said: Facts) -> str:
    """Lay facts out as lines."""
    head = f"{name}: {description}" if description and description != name else name
    return "\n".join([head, *(f"{label:<18}{value}" for label, value in said)])


def html(name: str, description: str, said: Facts) -> str:
    """Lay facts out as a table."""
    rows = "".join(
        f'<tr><th scope="row"{_LEFT}>{escape(label)}</th><td{_LEFT}>{escape(value)}</td></tr>'
        for label, value in said
    )
    head = f"<b>{escape(name)}</b> {escape(description if description != name else '')}"
    return f"<p>{head.strip()}</p><table>{rows}</table>"


def _figure(value: float) -> str:
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - four digits
