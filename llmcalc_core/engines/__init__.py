"""Serving engines by version: how each schedules, and what it counts and keeps in memory.

A file per engine holds its records, from the newest version to the oldest: each says since when it
behaves so. A new engine is such a file, named in :mod:`llmcalc_core.engines.find`, and its own
constants in ``calibration/constants.toml`` once runs of it are measured; until then its estimates
have the constants that all engines share, and say that they are assumed.
"""

from llmcalc_core.engines.engine import Engine, Limits
from llmcalc_core.engines.find import (
    DEFAULT_ENGINE,
    ENGINE_RECORDS,
    ENGINES,
    check_joins_batches,
    find_engine,
    release_of,
    told_engine,
    versions_of,
)

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "ENGINE_RECORDS",
    "Engine",
    "Limits",
    "check_joins_batches",
    "find_engine",
    "release_of",
    "told_engine",
    "versions_of",
]
