"""Tables of models check themselves: one message names file, table and every key at fault."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import llmcalc_core
from llmcalc_core import list_models
from llmcalc_core.hub import catalogue
from llmcalc_core.hub.catalogue import read_catalogue

FOLDER = Path(llmcalc_core.__file__).parent / "hub" / "published"
SMALLEST = """\
[tiny]
model = "someone/Tiny-1B"
published_parameters = 1_000_000_000
source = "config.json of someone/Tiny-1B; read 2026-11-30"
vocab_size = 1000
hidden_size = 64
num_decoder_layers = 2
num_attention_heads = 4
intermediate_size = 256
"""


def test_every_table_of_every_file_is_a_model_and_no_name_is_given_twice() -> None:
    tables = [tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.toml")]
    names = Counter(name for table in tables for name in table)
    assert {name: count for name, count in names.items() if count > 1} == {}
    assert set(names) == set(list_models())


def _folder(folder: Path, text: str) -> Path:
    (folder / "maker.toml").write_text(text, "utf-8")
    return folder


# (what is written, in place of what, the message)
WRONG = [
    ("hiden_size", "hidden_size", "got 'hiden_size'; did you mean 'hidden_size'"),
    ("hiden_size", "hidden_size", "missing: hidden_size"),
    ("", 'model = "someone/Tiny-1B"\n', "a model needs the keys model, published_parameters, sou"),
    ("model = 3", 'model = "someone/Tiny-1B"', "model must be a text, got 3"),
    ("aliases = 'tiny'\nmodel", "model", "aliases must be a list of texts, got 'tiny'"),
    ("aliases = [3]\nmodel", "model", "aliases must be a list of texts, got [3]"),
    ("checkpoints = 'fp8'\nmodel", "model", "checkpoints must be a table of precisions by check"),
    ("1e9", "1_000_000_000", "published_parameters must be a whole number of at least 1, got 1000"),
    ("", "; read 2026-11-30", "source must say 'read YYYY-MM-DD', 'checked YYYY-MM-DD' or 'recall"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "place", "message"), WRONG, ids=[row[2] for row in WRONG])
def test_a_mistake_is_named(tmp_path: Path, written: str, place: str, message: str) -> None:
    assert place in SMALLEST
    text = SMALLEST.replace(place, written, 1)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_catalogue(_folder(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'maker.toml'}, [tiny]: ")


@pytest.mark.parametrize(("text", "message"), [
    ("[tiny", r"maker\.toml must be a TOML file of models"),
    ("tiny = 3", r"maker\.toml, \[tiny\]: must be a table, such as \[my_model\], got 3"),
])  # fmt: skip
def test_a_file_holds_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_catalogue(_folder(tmp_path, text))


@pytest.mark.parametrize("second", [
    SMALLEST,
    SMALLEST.replace("[tiny]", "[other]"),
    SMALLEST.replace("[tiny]", "[other]").replace("someone/", "maker/") + 'aliases = ["TINY"]',
])  # fmt: skip
def test_a_spelling_is_of_one_model(tmp_path: Path, second: str) -> None:
    (tmp_path / "a.toml").write_text(SMALLEST, "utf-8")
    (tmp_path / "b.toml").write_text(second, "utf-8")
    with pytest.raises(ValueError, match=r"b\.toml, \[.*must be used once, .*a\.toml, \[tiny\]"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(("added", "message"), [
    ("num_key_value_heads = 3", "num_key_value_heads must divide"),
    ("layer_types = ['mambo']", "layer_types must be one of .*'mamba'"),
    ("checkpoints = {'someone/Tiny-FP8' = {weight = 'fp8'}}", "'weight'; did you mean 'weights'"),
])  # fmt: skip
def test_a_number_out_of_range_is_named_with_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: str, message: str
) -> None:
    tables = read_catalogue(_folder(tmp_path, SMALLEST + added))
    monkeypatch.setattr(catalogue, "model_tables", lambda: tables)
    with pytest.raises(ValueError, match=rf"maker\.toml, \[tiny\]: .*{message}"):
        catalogue.entry_of("tiny")


def test_a_file_of_a_new_maker_comes_last(tmp_path: Path) -> None:
    other = SMALLEST.replace("[tiny]", "[other]").replace("someone/Tiny", "maker/Other")
    (tmp_path / "aaa.toml").write_text(SMALLEST, "utf-8")
    (tmp_path / "early.toml").write_text(other, "utf-8")
    assert list(read_catalogue(tmp_path)) == ["other", "tiny"]
