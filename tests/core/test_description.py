"""A model described: parameters by part, bytes of a token, words, and a table for notebooks."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from llmcalc_core import ModelConfig, describe, explore, find_model, list_models
from llmcalc_core.api.description import parameters_by_part
from llmcalc_core.architecture.model import architecture
from llmcalc_core.architecture.part_parameters import EXTRA_PARTS, PARTS


def item(model: object, name: str) -> object:
    return describe(model).set_index("item")["value"][name]


@pytest.mark.parametrize("name", list_models())
def test_parts_sum_to_the_whole(name: str) -> None:
    model = architecture(find_model(name))
    counted = parameters_by_part(model)
    assert sum(counted[part] for part in PARTS if part in counted) == model.parameters
    assert [counted.get(part, 0) for part in EXTRA_PARTS] == [
        model.vision_parameters,
        model.mtp_parameters,
    ]
    assert list(counted) == [part for part in (*PARTS, *EXTRA_PARTS) if part in counted]


# (model, parts by hand)
BY_HAND = [
    # 32,000 x 4096; 32 x 4 x 4096^2; 32 x 3 x 4096 x 11,008; (2 x 32 + 1) x 4096
    ("llama2_7b", {"embedding": 131_072_000, "attention": 2_147_483_648, "dense": 4_328_521_728,
                   "norms": 266_240, "head": 131_072_000}),
    # 58 layers of 256 experts of 3 x 7168 x 2048, one shared; 3 dense ones of 3 x 7168 x 18,432
    ("deepseek_v3", {"routed": 653_908_770_816, "shared": 2_554_331_136,
                     "dense": 1_189_085_184, "router": 58 * (256 * 7168 + 256),
                     "embedding": 129_280 * 7168, "head": 129_280 * 7168}),
    # 48 layers, of which 36 recurrent; experts of 3 x 2048 x 512
    ("qwen3_next_80b_a3b", {"routed": 48 * 512 * 3 * 2048 * 512,
                            "shared": 48 * (3 * 2048 * 512 + 2048)}),
    # tied: no head
    ("gemma3_4b", {"embedding": 262_208 * 2560, "vision": 419_816_304}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parts"), BY_HAND, ids=[case[0] for case in BY_HAND])
def test_parts_by_hand(name: str, parts: dict[str, int]) -> None:
    counted = parameters_by_part(name)
    assert counted == parameters_by_part(find_model(name))
    assert {part: counted[part] for part in parts} == parts
    assert ("head" in counted) == (name != "gemma3_4b")
    assert ("recurrent" in counted) == (name == "qwen3_next_80b_a3b")


# (model, bytes of a cached token, bytes of a state), 16 bits
TOKENS = [
    ("llama3_8b", 32 * 2 * 8 * 128 * 2, 0),
    ("deepseek_v3", 61 * (512 + 64) * 2, 0),
    ("gpt_oss_20b", 12 * 2 * 8 * 64 * 2, 0),  # of the 12 full layers
    # 24 of 93 layers: a latent of 512 + 64; 69 states of 96 x 128 x 128 in 32 bits, and 3 columns
    # of a convolution over 3 x 96 x 128 channels in 16 bits
    ("kimi_k3", 24 * 576 * 2, 69 * (96 * 128 * 128 * 4 + 3 * 3 * 96 * 128 * 2)),
    # 12 layers of attention; 36 states of 32 x 128 x 128 in 32 bits, and 3 columns of a
    # convolution over 2 x 2048 + 4096 channels in 16 bits
    ("qwen3_next_80b_a3b", 12 * 2 * 2 * 256 * 2, 36 * (32 * 128 * 128 * 4 + 3 * 8192 * 2)),
]


@pytest.mark.parametrize(("name", "token", "state"), TOKENS, ids=[case[0] for case in TOKENS])
def test_bytes_of_a_token_and_of_a_state(name: str, token: int, state: int) -> None:
    assert item(name, "KV cache of a token") == token
    assert item(name, "state of a sequence") == state


# (model, bytes of all full windows, by hand), 16 bits
WINDOWS = [
    ("gpt_oss_20b", 12 * 2 * 8 * 64 * 2 * 128),
    # 25 sliding layers of 8 heads of 256 over 1024 tokens
    ("gemma4_26b_a4b", 25 * 2 * 8 * 256 * 2 * 1024),
    ("llama4_scout", 36 * 2 * 8 * 128 * 2 * 8192),
    # every one of 43 layers has a window of 128 entries of 512 elements
    ("deepseek_v4_flash", 43 * 128 * 512 * 2),
]


@pytest.mark.parametrize(("name", "windows"), WINDOWS, ids=[case[0] for case in WINDOWS])
def test_windows_are_of_a_sequence(name: str, windows: int) -> None:
    assert item(name, "full windows of a sequence") == windows
    assert "full windows of a sequence" not in set(describe("llama3_8b")["item"])


def test_bytes_of_compressed_attention_by_kind() -> None:
    """Of DeepSeek-V4 Flash: 21 layers with an entry for 4 tokens, 20 with one for 128.

    An entry has 512 elements in 16 bits; the indexer's keys have 128 of 8 bits and a scale for each
    (4 bytes), again an entry for 4 tokens.
    """
    name = "deepseek_v4_flash"
    sparse = 21 * (512 * 2 + 132) / 4
    heavy = 20 * 512 * 2 / 128
    assert item(name, "KV cache of a token, 21 x sparse compressed attention") == round(sparse)
    items = describe(name)["item"]
    kinds = [text for text in items if text.startswith("KV cache of a token, 20 x")]
    assert [item(name, kind) for kind in kinds] == [heavy]
    assert item(name, "KV cache of a token") == round(sparse + heavy)


@pytest.mark.parametrize("name", ["deepseek_v4_flash", "gemma4_26b_a4b", "nemotron_3_nano_30b_a3b"])
def test_what_is_described_is_what_an_estimate_holds(name: str) -> None:
    found = describe(name).set_index("item")["value"]
    for tokens in (20_480, 204_800):
        held = found["KV cache of a token"] * tokens + found["state of a sequence"]
        held += found.get("full windows of a sequence", 0)
        row = explore(name, "H200_141GB", 8, batch=1, input_tokens=tokens - 1, output_tokens=1,
                      engine="lmdeploy")  # fmt: skip
        one = row.query("tp == 1 and pp == 1 and ep == 1").iloc[0]
        assert one["kv_cache_bytes"] == pytest.approx(held, rel=1e-3)


def test_bytes_are_those_of_the_checkpoint() -> None:
    plain = find_model("llama3_8b")
    narrow = replace(plain, precision="fp8")
    assert item(narrow, "KV cache of a token") * 2 == item(plain, "KV cache of a token")
    assert item(plain, "weights") == 2 * 8_030_261_248
    assert item(narrow, "precision") == "fp8"


def test_layers_are_said_in_words() -> None:
    words = [str(value) for value in describe("llama4_scout")["value"]]
    assert any("chunks of 8,192; 1 of 16 experts of 8,192, shared 8,192" in text for text in words)
    items = describe("llama4_scout")["item"].tolist()
    assert {"36 x", "12 x", "tokens of 1024 x 1024 pixels"} <= set(items)
    assert "latent attention of 128 heads (rank 512), 2,048 tokens chosen" in str(
        describe("deepseek_v3_2")["value"].tolist()
    )
    assert item("deepseek_v3", "modules of multi-token prediction") == 1


@pytest.mark.parametrize("name", list_models())
def test_every_model_of_the_catalogue_can_be_described(name: str) -> None:
    frame = describe(name)
    assert frame.columns.tolist() == ["section", "item", "value", "unit"]
    assert set(frame["section"]) >= {"architecture", "parameters", "memory"}
    numbers = [value for value in frame["value"] if not isinstance(value, str)]
    assert min(numbers) >= 0


class Cells(HTMLParser):
    """Collects the tags of a page, and the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_a_table() -> None:
    config = find_model("deepseek_v3")
    assert config.describe().equals(describe("deepseek_v3"))
    page = Cells(config._repr_html_())
    assert page.tags == {"table", "tr", "th", "td"}
    assert {"Architecture", "Parameters", "Memory", "671,026,419,200", "70,272"} <= set(page.texts)


def test_a_table_says_shares_and_bytes_in_large_units() -> None:
    texts = Cells(find_model("deepseek_v3")._repr_html_()).texts
    # 653,908,770,816 of 671,026,419,200
    assert texts[texts.index("routed") + 1 : texts.index("routed") + 3] == [
        "653,908,770,816", "parameters, 97.4 %",
    ]  # fmt: skip
    assert texts[texts.index("KV cache of a token") + 2] == "bytes, 70.3 kB"


def test_layers_that_read_the_same_are_said_once() -> None:
    items = describe("deepseek_v4_flash")["item"].tolist()
    assert [one for one in items if one.endswith(" x")] == ["2 x", "21 x", "20 x"]


def test_names_are_text_in_the_table() -> None:
    name = "<script>alert('x')</script>&amp;"
    page = Cells(replace(find_model("llama2_7b"), model=name)._repr_html_())
    assert "script" not in page.tags
    assert name in page.texts


def test_a_model_is_shown_as_before_where_there_is_no_notebook() -> None:
    assert repr(find_model("llama2_7b")).startswith("ModelConfig(model='meta-llama/Llama-2-7b-hf'")
    assert isinstance(find_model("llama2_7b"), ModelConfig)
