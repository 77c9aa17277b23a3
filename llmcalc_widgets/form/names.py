"""Names of values that a setting can have."""

from __future__ import annotations

from llmcalc_core import Hardware, ModelConfig, Precision


def name_of(value: object) -> str:
    """Name a model, a device or another value of a setting.

    Examples
    --------
    >>> name_of("H100_80GB"), name_of(None), name_of(1024), name_of(True)
    ('H100_80GB', 'none', '1,024', 'yes')
    """
    if isinstance(value, Hardware):
        return value.name
    if isinstance(value, ModelConfig):
        return value.model or "unnamed"
    if isinstance(value, Precision):
        return value.label
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return "none" if value is None else str(value)
