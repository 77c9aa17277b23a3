"""Models from the Hugging Face Hub, through its own library where that is installed."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.config import ModelConfig


def model_from_hub(model: str, *, revision: str | None = None) -> ModelConfig:
    """Fetch a model's ``config.json`` from the Hugging Face Hub and read it.

    The only function that touches the network, also as ``ModelConfig.from_hub``: through
    ``huggingface_hub`` (``pip install 'llmcalc[hub]'``), whose cache, settings and token it uses.
    Weights are not fetched.

    Parameters
    ----------
    model : str
        Hugging Face id, such as 'Qwen/Qwen3-8B'.
    revision : str, optional
        Branch, tag or commit; the main branch where not given.

    Returns
    -------
    ModelConfig
        The architecture under that id, with the precision of the checkpoint.

    Raises
    ------
    ImportError
        If ``huggingface_hub`` is not installed.
    ValueError
        If the Hub does not give the file, or it cannot be described faithfully.
    """
    try:
        import huggingface_hub  # noqa: PLC0415 - optional, and slow to import
        import huggingface_hub.errors  # noqa: PLC0415 - the same
    except ImportError:
        msg = "model_from_hub needs huggingface_hub: pip install 'llmcalc[hub]'"
        raise ImportError(msg) from None
    path = _fetched(huggingface_hub, model, "config.json", revision)
    if path is None:
        msg = f"{model!r} has no config.json on the Hugging Face Hub"
        raise ValueError(msg)
    _fetched(huggingface_hub, model, "hf_quant_config.json", revision)  # read beside the other
    return replace(read_hf_config(path), model=model)


def _fetched(library: ModuleType, model: str, name: str, revision: str | None) -> str | None:
    """Fetch a file and give its path; None if the repository has none of that name."""
    errors = library.errors
    try:
        path: str = library.hf_hub_download(model, name, revision=revision)
    except errors.EntryNotFoundError as error:
        if not isinstance(error, errors.LocalEntryNotFoundError):
            return None
        reason: Exception = error
    except (OSError, ValueError) as error:
        reason = error
    else:
        return path
    msg = f"cannot fetch the {name} of {model!r} from the Hugging Face Hub: {reason}"
    raise ValueError(msg) from None
