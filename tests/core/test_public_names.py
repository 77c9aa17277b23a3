"""The package's public names: each is imported when it is first asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llmcalc_core


def test_every_public_name_has_a_home_and_is_there() -> None:
    eager = {"Model", "architecture"}
    assert {*llmcalc_core._HOME_OF} | eager == {*llmcalc_core.__all__}
    for name in llmcalc_core.__all__:
        assert getattr(llmcalc_core, name) is not None
    assert {*llmcalc_core.__all__} <= {*dir(llmcalc_core)}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'llmcalc_core' has no attribute 'estimate_all'"):
        _ = llmcalc_core.estimate_all


def _loaded(statement: str) -> set[str]:
    """Name the rooms and modules that a fresh interpreter has imported after a statement."""
    code = f"import sys; {statement}; print(*[name for name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    return set(found.stdout.split())


def test_importing_the_package_leaves_what_is_not_asked_for() -> None:
    """Half of the time of importing all: no plans, tables, readers of files, fits, pandas."""
    loaded = _loaded("import llmcalc_core")
    for room in ("planning", "api", "hub", "fitting", "simulation", "validation"):
        assert f"llmcalc_core.{room}" not in loaded
    assert not {"pandas", "tomllib", "huggingface_hub"} & loaded


def test_a_function_with_the_name_of_its_room_stays_the_function() -> None:
    assert "llmcalc_core.architecture.drafting" in _loaded(
        "from llmcalc_core import architecture, explore, find_model; "
        "assert architecture(find_model('gpt2')).layer_count == 12; import llmcalc_core; "
        "assert callable(llmcalc_core.architecture)"
    )
