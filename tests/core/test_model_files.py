"""The files of the catalogue of models."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import llmcalc_core
from llmcalc_core import list_models

FOLDER = Path(llmcalc_core.__file__).parent / "hub" / "published"


def test_every_table_of_every_file_is_a_model_and_no_name_is_given_twice() -> None:
    tables = [tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.toml")]
    names = Counter(name for table in tables for name in table)
    assert {name: count for name, count in names.items() if count > 1} == {}
    assert set(names) == set(list_models())
