"""Everything about an explorer that can be set, checked before anything is made."""

from __future__ import annotations

from typing import Any

from traitlets import TraitError

from llmcalc_widgets.apps.chart_options import OUTLOOK_DEFAULTS, OutlookValues, checked_outlook
from llmcalc_widgets.form.checked import checked
from llmcalc_widgets.form.settings import DEFAULTS, InputValues, check_names, check_together
from llmcalc_widgets.form.workloads import with_workload

KNOWN = (*DEFAULTS, "workload", *OUTLOOK_DEFAULTS)


class ExplorerValues(InputValues, OutlookValues, total=False):
    """Everything that can be set."""


def checked_values(values: ExplorerValues) -> dict[str, Any]:
    """Return values in their canonical form.

    Raises
    ------
    TypeError
        For an unknown name, with the nearest one.
    TraitError
        For a wrong value.
    """
    check_names(values, KNOWN)
    try:
        given = with_workload(values)
        start = {name: checked(name, given[name]) for name in given if name in DEFAULTS}
        check_together({**DEFAULTS, **start})
        start |= checked_outlook({name: given[name] for name in given if name not in DEFAULTS})
    except ValueError as error:
        raise TraitError(str(error)) from None
    return start
