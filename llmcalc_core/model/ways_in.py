"""Ways in for users of a ``ModelConfig``: what they call lives in rooms above.

These describe and read configurations. Each is imported where it is called; pyproject.toml lists
them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas as pd

    from llmcalc_core.model.config import ModelConfig


class WaysIn:
    """Figures of a configuration, its description, and where one can be read from."""

    __slots__ = ()

    @property
    def parameters(self) -> int:
        """Parameters of the decoder and of the encoder of images; modules of prediction apart."""
        from llmcalc_core.architecture.model import architecture  # noqa: PLC0415

        model = architecture(cast("ModelConfig", self))
        return model.parameters + model.vision_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters of the decoder that one token uses."""
        from llmcalc_core.architecture.model import architecture  # noqa: PLC0415

        return architecture(cast("ModelConfig", self)).active_parameters

    @property
    def bytes_per_token(self) -> int:
        """Bytes of cache for each token of the context, in the checkpoint's types, on one device.

        Windows and recurrent states, which do not grow with the context, are not among them.
        """
        from llmcalc_core.api.sequence_bytes import bytes_per_token  # noqa: PLC0415

        return bytes_per_token(cast("ModelConfig", self))

    @classmethod
    def from_hf(
        cls, source: str | os.PathLike[str] | Mapping[str, Any], *, unknown: str = "refuse"
    ) -> ModelConfig:
        """Read a ``config.json``, its folder or its content; what it can't describe it refuses.

        ``unknown="warn"`` leaves out fields that it does not understand, with a warning of each.

        Raises
        ------
        ValueError
            For a file that is missing, or that says what cannot be described.
        """
        from llmcalc_core.hub.reader import read_hf_config  # noqa: PLC0415

        return read_hf_config(source, unknown=unknown)

    @classmethod
    def from_checkpoint(
        cls, source: str | os.PathLike[str], *, unknown: str = "refuse"
    ) -> ModelConfig:
        """Read a checkpoint's description and hold it against the headers of its weights.

        ``source`` is its folder, its ``model.safetensors.index.json``, a file of safetensors with
        the ``config.json`` beside, or a GGUF file, maybe one of several.

        Raises
        ------
        ValueError
            For a file that is missing, or weights that are not those of the description.
        """
        from llmcalc_core.hub.checkpoints import read_checkpoint  # noqa: PLC0415

        return read_checkpoint(source, unknown=unknown)

    @classmethod
    def from_hub(
        cls, model: str, *, revision: str | None = None, weights: bool | str = False
    ) -> ModelConfig:
        """Fetch and read a model's file; see :func:`llmcalc_core.model_from_hub`."""
        from llmcalc_core.hub.models import model_from_hub  # noqa: PLC0415

        return model_from_hub(model, revision=revision, weights=weights)

    def describe(self) -> pd.DataFrame:
        """Describe layers, parameters by part and bytes; see :func:`llmcalc_core.describe`."""
        from llmcalc_core.api.description import describe  # noqa: PLC0415

        return describe(cast("ModelConfig", self))

    def _repr_html_(self) -> str:
        """Show the description as a table in a notebook."""
        from llmcalc_core.api.description import description_html  # noqa: PLC0415

        return description_html(cast("ModelConfig", self))
