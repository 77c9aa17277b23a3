"""What is asked of separate pools for prefill and decoding, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core import (
    CHECKPOINT,
    ENGINES,
    EvaluationRequest,
    Hardware,
    explore_disaggregated,
    find_engine,
    list_hardware,
    pareto_mask,
)
from llmcalc_widgets.settings.checks import check_bandwidth, whole
from llmcalc_widgets.settings.registry import SETTINGS, SettingValues
from llmcalc_widgets.settings.setting import (
    Choice,
    Entry,
    Search,
    Setting,
    asks_nothing,
    settings_of,
)
from llmcalc_widgets.settings.values import Device, canonical_hardware
from llmcalc_widgets.text.request_words import arguments_of

SEPARATE, TOGETHER = "disaggregated", "colocated"
"""How the core calls serving with two pools, and with one."""

_GIGA = 1e9
_TIE = 0.02
"""Deployments whose throughput is within this of the best count as good as it, as for plans [1]."""


class PoolValues(SettingValues, total=False):
    """Everything that can be set of two pools."""

    decode_hardware: Annotated[
        Device | None,
        Setting(
            default=None,
            optional=True,
            check=canonical_hardware,
            request=asks_nothing,
            control=Search(options=list_hardware, hint="the same"),
            label="Decode on",
            none_words="the same",
            help="The accelerator of the pool that generates; that of the prefill pool where none "
            "is given",
        ),
    ]
    prefill_devices: Annotated[
        int | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=whole("devices"),
            request=asks_nothing,
            control=Entry(hint="as pays best"),
            label="Prefill devices to",
            help="Accelerators of the pool that reads prompts, at most",
        ),
    ]
    decode_devices: Annotated[
        int | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=whole("devices"),
            request=asks_nothing,
            control=Entry(hint="as pays best"),
            label="Decode devices to",
            help="Accelerators of the pool that generates, at most",
        ),
    ]
    link_gb_per_s: Annotated[
        float | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=check_bandwidth,
            request=asks_nothing,
            control=Entry(hint="their network"),
            label="Link [GB/s]",
            help="Bandwidth of each device to the other pool in one direction, over which caches "
            "go; where none is given, most of the slower network, or of the link inside a domain "
            "that holds all devices",
        ),
    ]


OWN = ("decode_hardware", "prefill_devices", "decode_devices", "link_gb_per_s")
"""Settings that only pools have."""

_TECHNIQUES = tuple(
    name
    for name, one in SETTINGS.items()
    if one.group == "techniques"
    and name not in {"prefill_chunk_tokens", "offload_to_fit", "max_num_seqs"}
)
NAMES = (
    "model", "hardware", "decode_hardware", "devices", "devices_min", "prefill_devices",
    "decode_devices", "precision", "engine", "engine_version", "workload", "input_tokens",
    "output_tokens", "ttft_limit_ms", "tpot_limit_ms", "link_gb_per_s", "memory_fraction",
    *_TECHNIQUES,
)  # fmt: skip
"""What can be set, in the order of the form."""

ENTRIES = settings_of(PoolValues) | {
    "hardware": replace(
        SETTINGS["hardware"],
        label="Prefill on",
        help="The accelerator of the pool that reads prompts: type part of a name to search",
    ),
    "devices": replace(
        SETTINGS["devices"],
        default=16,
        label="Devices in all",
        help="Accelerators of both pools together, at most",
    ),
    "engine": replace(
        SETTINGS["engine"],
        control=Choice(
            options=lambda: tuple(
                name
                for name in ENGINES
                if find_engine(name).offered and not find_engine(name).splits_layers_only
            ),
            name_of=lambda name: find_engine(name).label,
        ),
    ),
    "ttft_limit_ms": replace(SETTINGS["ttft_limit_ms"], default=2000.0),
    "tpot_limit_ms": replace(SETTINGS["tpot_limit_ms"], default=40.0),
}
"""The settings by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRequest(EvaluationRequest):
    """A request of serving, and how its devices may be divided over two pools.

    Attributes
    ----------
    decode_hardware : Hardware or None
        Devices of the decode pool; None for those of the prefill pool.
    prefill_devices, decode_devices : int or None
        Devices of each pool, at most; None for as many as there are [1].
    link_bandwidth : float or None
        Of each device to the other pool; None for what the devices have [bytes/s].
    """

    decode_hardware: Hardware | None = None
    prefill_devices: int | None = None
    decode_devices: int | None = None
    link_bandwidth: float | None = None

    @classmethod
    def of(cls, request: EvaluationRequest, settings: dict[str, Any], decode: Any) -> Self:  # noqa: ANN401 - None or what names a device
        """Make it of what is asked of one pool, and the settings that only pools have."""
        link = settings["link_gb_per_s"]
        return cls(
            **{field.name: getattr(request, field.name) for field in fields(EvaluationRequest)},
            decode_hardware=decode,
            prefill_devices=settings["prefill_devices"],
            decode_devices=settings["decode_devices"],
            link_bandwidth=None if link is None else link * _GIGA,
        )

    def arguments(self) -> dict[str, Any]:
        """Give the arguments that ask :func:`llmcalc_core.explore_disaggregated` for it."""
        precision = self.precisions[0]
        optional = {
            "decode_hardware": self.decode_hardware,
            "prefill_devices": self.prefill_devices,
            "decode_devices": self.decode_devices,
            "engine_version": self.engine_version,
            "enforce_eager": self.enforce_eager or None,
            "context_parallel": self.context_parallel or None,
            "link_bandwidth": self.link_bandwidth,
            "memory_fraction": self.memory_fraction,
            "ttft_limit_s": self.ttft_limit_s,
            "tpot_limit_s": self.tpot_limit_s,
        }
        return {
            "model": self.models[0],
            "prefill_hardware": self.hardware[0],
            "devices": self.devices,
            "engine": self.engine,
            "input_tokens": self.input_tokens[0],
            "output_tokens": self.output_tokens[0],
            "precision": CHECKPOINT if precision is None else precision,
            **{name: value for name, value in optional.items() if value is not None},
            **arguments_of(self.techniques[0]),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolAnswer:
    """Deployments with two pools, beside those with one.

    Attributes
    ----------
    request : PoolRequest
        What was asked.
    frame : DataFrame
        From :func:`llmcalc_core.explore_disaggregated`.
    """

    request: PoolRequest
    frame: pd.DataFrame

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Which deployments are over a limit."""
        return np.asarray(self.frame["rejected_for"] != "", dtype=np.bool_)

    def able(self, serving: str) -> pd.DataFrame:
        """Give the deployments of a kind that keep the limits."""
        frame = self.frame
        return frame[(frame["serving"] == serving) & ~self.rejected]

    def best(self, serving: str) -> Any:  # noqa: ANN401 - a row, whose figures differ in type
        """Give the deployment to take: of those with about the best throughput, the quickest.

        None where none keeps the limits.
        """
        able = self.able(serving)
        if able.empty:
            return None
        gain = able["tokens_per_s_per_device"]
        near = able[gain >= (1 - _TIE) * gain.max()]
        return near.loc[near["e2e_latency_s"].idxmin()]

    def front(self, serving: str) -> pd.DataFrame:
        """Give the Pareto front of a kind, the quickest per token first.

        Of deployments that are as quick and give as much, that with the earliest first token.
        """
        able = self.able(serving)
        times, gains = able["tpot_s"].to_numpy(), able["tokens_per_s_per_device"].to_numpy()
        front = able[pareto_mask(times, gains)].sort_values(["tpot_s", "ttft_s"])
        return front.drop_duplicates(["tpot_s", "tokens_per_s_per_device"])


def find_pools(request: PoolRequest) -> PoolAnswer:
    """Estimate every deployment of a request.

    Raises
    ------
    ValueError
        Where the model does not fit, or for a request that makes no sense.
    """
    return PoolAnswer(request=request, frame=explore_disaggregated(**request.arguments()))
