"""Records of what kernels measured alone reach, by device, type and engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from llmcalc_core.calibration.band_tables import BASES
from llmcalc_core.checks import fraction, one_of, positive, truth, whole_number
from llmcalc_core.dtypes import data_type
from llmcalc_core.engines import ENGINE_RECORDS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFacts:
    """What kernels of a family reach in a type; see ``kernel_fits.toml`` for what is fitted how.

    Attributes
    ----------
    type : str
        What they compute in; for attention the type of the cache.
    computed : str
        What attention multiplies in; '' for 16 bits.
    engine : str
        Whose kernels they are; '' for those that stand for every engine.
    blocks : bool
        Whether they are products of values that have a scale for each block, such as of 128 by 128
        weights, not one for a tensor or a row.
    compute, memory : float
        Fractions of the peak rate and of the memory bandwidth [1].
    floor_us : float
        Time of an empty operation [us].
    sharpness : float
        The p of the norm that joins compute and memory time [1].
    half : float
        Size at which half of ``compute`` is reached [tokens]; of attention, keys of the last query.
    ramp_us : float
        Time that a large transfer adds [us].
    half_columns : float
        Width of an expert or a head at which half of ``compute`` is reached [elements].
    depth_us : float
        Time that 1,024 elements of a product's inner size, or 1,024 keys of the last query, add
        [us]: a tile sums over them one after the other.
    entering, leaving : float
        Times that 16 bits for each element of a product's input and of its result are moved beside
        it [1]: where it quantises its input, or adds up parts of the result.
    tiles : int
        Tiles of a product that run at once [1]; 0 where rounds of them were not looked at.
    whole_waves : float
        How far a begun round of tiles takes as long as a whole one [1].
    error : float, optional
        Median absolute relative error of the fit; of shapes left out of it, where ``shapes`` says
        how many there are [1].
    error_p90 : float, optional
        The error that one in ten exceeds [1].
    shapes : int, optional
        Mixtures (hidden size, width, experts, top k), or heads, their groups and sizes, that were
        measured.
    source : str
        What was measured, or 'assumed'.
    """

    type: str
    computed: str = ""
    engine: str = ""
    blocks: bool = False
    compute: float = 0.5
    memory: float = 0.8
    floor_us: float
    sharpness: float = math.inf
    half: float = 0.0
    ramp_us: float = 0.0
    half_columns: float = 0.0
    depth_us: float = 0.0
    entering: float = 0.0
    leaving: float = 0.0
    tiles: int = 0
    whole_waves: float = 0.0
    error: float | None = None
    error_p90: float | None = None
    shapes: int | None = None
    source: str

    def __post_init__(self) -> None:
        """Check every value."""
        whole_number("tiles", self.tiles, least=0)
        truth("blocks", self.blocks)
        if not 0 <= self.whole_waves <= 1:
            msg = f"whole_waves must be a number from 0 to 1, got {self.whole_waves!r}"
            raise ValueError(msg)
        _check_facts(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedFacts:
    """What is known of kernels of a mixture's experts, of a device or (all of it) of every one.

    Attributes
    ----------
    type, engine, compute, memory, floor_us, sharpness, half, ramp_us, half_columns, error, \
    error_p90, shapes, source
        As of :class:`KernelFacts`; None where it is as for every device.
    stored : str
        The packed type that kernels in a wider one unpack their weights from; '' for none.
    dense_share : float, optional
        What they reach of the ``compute`` of the device's dense products in the type [1].
    """

    type: str
    engine: str = ""
    stored: str = ""
    dense_share: float | None = None
    compute: float | None = None
    memory: float | None = None
    floor_us: float | None = None
    sharpness: float | None = None
    half: float | None = None
    ramp_us: float | None = None
    half_columns: float | None = None
    error: float | None = None
    error_p90: float | None = None
    shapes: int | None = None
    source: str

    def __post_init__(self) -> None:
        """Check every value."""
        _check_facts(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllReduceFacts:
    """What an all-reduce of so many devices reaches.

    Attributes
    ----------
    devices : int
        Participants.
    latency_us : float
        Time of an empty one [us].
    fraction : float
        Bus bandwidth of large ones over the link's peak in one direction [1].
    ramp_us : float
        Time that messages of some megabytes and more add [us].
    engine : str
        Whose kernels it is; '' for those that stand for every engine.
    serves : tuple of str
        Engines that sum with the same kernels.
    error, error_p90, source
        As of :class:`KernelFacts`; of sizes left out of the fit.
    """

    devices: int
    latency_us: float
    fraction: float
    ramp_us: float = 0.0
    engine: str = ""
    serves: tuple[str, ...] = ()
    error: float | None = None
    error_p90: float | None = None
    source: str

    def __post_init__(self) -> None:
        """Check every value."""
        whole_number("devices", self.devices, least=2)
        for engine in self.serves:
            one_of("serves", engine, tuple(ENGINE_RECORDS))
        _check_facts(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What is known of a device's kernels.

    Attributes
    ----------
    basis : {'calibrated', 'transferred', 'assumed'}
        How well they are known.
    like : str
        The relative whose facts stand for those that it lacks; '' for none.
    source : str
        Why they do.
    products : mapping of str to float
        ``compute`` of its fastest large products by type, where the rest of the curve is that of
        the relative [1].
    gemm, attention_prefill, attention_decode, latent_prefill, latent_decode, recurrent_prefill : \
tuple of KernelFacts
        By type and engine; none where they are not known. Where those of latent attention are not,
        those of attention stand for them.
    mixture : tuple of GroupedFacts
        What is known to differ from every other device's.
    all_reduce : tuple of AllReduceFacts
        By participants and engine.
    """

    basis: str
    like: str = ""
    source: str = ""
    products: Mapping[str, float] = field(default_factory=dict)
    gemm: tuple[KernelFacts, ...] = ()
    attention_prefill: tuple[KernelFacts, ...] = ()
    attention_decode: tuple[KernelFacts, ...] = ()
    latent_prefill: tuple[KernelFacts, ...] = ()
    latent_decode: tuple[KernelFacts, ...] = ()
    recurrent_prefill: tuple[KernelFacts, ...] = ()
    mixture: tuple[GroupedFacts, ...] = ()
    all_reduce: tuple[AllReduceFacts, ...] = ()

    def __post_init__(self) -> None:
        """Check what is no table of its own."""
        one_of("basis", self.basis, BASES[1:])
        for kind, compute in self.products.items():
            data_type("products", kind)
            fraction(f"products, {kind}", compute)
        for family in set(FAMILIES) - {"mixture"}:
            entries = getattr(self, family)
            if entries and all(one.engine for one in entries):
                msg = f"{family} must have an entry without an engine, which stands for every one"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFacts:
    """What is taken for every device and engine; the table ``engine``, which says why.

    Attributes
    ----------
    traffic_memory, traffic_floor_us : float
        Fraction of the memory bandwidth that elementwise kernels reach [1], and their floor [us].
    narrow_gemm_time : float
        Time of engines' products in narrow types over those measured alone, where these stand for
        another device's [1].
    hand_over_latency_us, hand_over_fraction : float
        Of a message between pipeline stages [us], [1].
    node_latency_us, node_fraction : float
        Of an all-reduce that crosses nodes [us], [1].
    host_fraction : float
        Of the rate of the link between a device and its host [1].
    draft_step_us, draft_pass_us : float
        What an engine adds to a step that drafts, and to each pass of a draft [us].
    source : str
        Of what names none beside it.
    """

    traffic_memory: float
    traffic_floor_us: float
    narrow_gemm_time: float
    hand_over_latency_us: float
    hand_over_fraction: float
    node_latency_us: float
    node_fraction: float
    host_fraction: float
    draft_step_us: float
    draft_pass_us: float
    source: str

    def __post_init__(self) -> None:
        """Check every value."""
        positive("narrow_gemm_time", self.narrow_gemm_time)
        _check_facts(self)


_FRACTIONS = ("compute", "memory", "fraction", "dense_share", "traffic_memory",
              "hand_over_fraction", "node_fraction", "host_fraction")  # fmt: skip
_SIZES = ("half", "half_columns", "entering", "leaving", "error", "error_p90")


def _check_facts(facts: DataclassInstance) -> None:
    """Check the fields that records of kernels share, where they are given."""
    values = {one.name: getattr(facts, one.name) for one in fields(facts)}
    for name, value in values.items():
        if name in _FRACTIONS and value is not None:
            fraction(name, value)
        if (name.endswith("_us") or name in _SIZES) and value is not None:
            positive(name, value, zero=True)
    for name in ("type", "stored", "computed"):
        if values.get(name):
            data_type(name, values[name])
    if values.get("engine"):
        one_of("engine", values["engine"], tuple(ENGINE_RECORDS))
    sharpness = values.get("sharpness")
    if sharpness is not None and sharpness != math.inf and positive("sharpness", sharpness) < 1:
        msg = f"sharpness must be a number of at least 1, got {sharpness!r}"
        raise ValueError(msg)
    if not isinstance(values["source"], str) or not values["source"].strip():
        msg = f"source must be a text, got {values['source']!r}"
        raise ValueError(msg)


FAMILIES: dict[str, type[Any]] = {
    "gemm": KernelFacts,
    "attention_prefill": KernelFacts,
    "attention_decode": KernelFacts,
    "latent_prefill": KernelFacts,
    "latent_decode": KernelFacts,
    "recurrent_prefill": KernelFacts,
    "mixture": GroupedFacts,
    "all_reduce": AllReduceFacts,
}
"""The record of each family of operations."""
