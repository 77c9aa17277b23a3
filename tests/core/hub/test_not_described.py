"""Model types that are refused by name say which part is not described."""

from __future__ import annotations

import pytest

from llmcalc_core.hub.dialects import dialects
from llmcalc_core.hub.dialects.not_described import NOT_DESCRIBED
from llmcalc_core.hub.reader import read_hf_config


@pytest.mark.parametrize("model_type", [*NOT_DESCRIBED])
def test_a_refusal_says_why(model_type: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: .* described") as refusal:
        read_hf_config({"model_type": model_type})
    assert NOT_DESCRIBED[model_type] in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_no_type_is_both_read_and_refused() -> None:
    assert not {*NOT_DESCRIBED} & {*dialects()}


def test_an_encoder_decoder_is_refused_as_such() -> None:
    bart = {"model_type": "bart", "architectures": ["BartModel"], "is_encoder_decoder": True}
    with pytest.raises(ValueError, match="an encoder-decoder: its encoder"):
        read_hf_config(bart)
