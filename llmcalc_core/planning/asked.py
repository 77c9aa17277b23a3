"""What an engine is asked to start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

Mask = NDArray[np.bool_]
"""Which plans and workloads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What would start: a model in a precision on a device, in the layouts of a grid."""

    model: Model
    hardware: Hardware
    precision: Precision
    grid: Grid
