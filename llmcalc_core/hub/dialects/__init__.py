"""How each ``model_type`` writes its architecture: one small function per dialect, by maker.

A dialect takes the ``Fields`` of a ``config.json`` and gives fields of ``ModelConfig``. To teach
the reader another one, write such a function in the file of its maker, or in a new one, under
``@dialect("model_type")``; every module of this folder is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from llmcalc_core.hub.dialects.fields import DIALECTS, Dialect


@cache
def dialects() -> Mapping[str, Dialect]:
    """Give the reader of each ``model_type``; the modules are imported when it is first called.

    Examples
    --------
    >>> {"llama", "qwen3", "deepseek_v3"} <= {*dialects()}
    True
    """
    from pkgutil import iter_modules  # noqa: PLC0415 - where a file is read

    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(DIALECTS.items()))
