"""Size of the cache of keys and values."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import ceiling


def rounded_to_blocks(*, tokens: Values, block: Values = 16.0) -> Values:
    """Tokens that a cache made of blocks holds for a sequence.

    Parameters
    ----------
    tokens : float or array
        Tokens to hold [tokens].
    block : float or array
        Tokens of one block [tokens].

    Returns
    -------
    float or array
        The next multiple of the block [tokens].

    References
    ----------
    Kwon et al., PagedAttention, arXiv:2309.06180, section 4.1; 16 is vLLM's default.

    Examples
    --------
    >>> float(rounded_to_blocks(tokens=2049.0))
    2064.0
    """
    return ceiling(tokens / block) * block


def key_value_bytes(
    *,
    tokens: Values,
    kv_heads: Values,
    head_dim: Values,
    element_bytes: Values,
    v_dim: Values | None = None,
) -> Values:
    """Bytes of the keys and values of one layer.

    Parameters
    ----------
    tokens : float or array
        Cached tokens, over all sequences [tokens].
    kv_heads : float or array
        Key and value heads on the device [1].
    head_dim : float or array
        Width of a key, and of a value unless ``v_dim`` is given [elements].
    element_bytes : float or array
        Size of a cached element [bytes].
    v_dim : float or array, optional
        Width of a value [elements].

    Returns
    -------
    float or array
        Size [bytes], keys and values together.

    References
    ----------
    Kwon et al., PagedAttention, arXiv:2309.06180, section 1: 800 kB per token for OPT-13B in
    16 bits, 40 layers of 2 x 5,120 elements.

    Examples
    --------
    >>> 40 * key_value_bytes(tokens=1, kv_heads=40, head_dim=128, element_bytes=2)
    819200
    """
    width = 2 * head_dim if v_dim is None else head_dim + v_dim
    return width * tokens * kv_heads * element_bytes


def latent_bytes(
    *, tokens: Values, rank: Values, rope_dim: Values, element_bytes: Values
) -> Values:
    """Bytes of one layer's cache of multi-head latent attention.

    Parameters
    ----------
    tokens : float or array
        Cached tokens, over all sequences [tokens].
    rank, rope_dim : float or array
        Width of the compressed keys and values, and of the rotary key [elements].
    element_bytes : float or array
        Size of a cached element [bytes].

    Returns
    -------
    float or array
        Size [bytes]; every tensor parallel rank holds all of it.

    References
    ----------
    DeepSeek-V2, arXiv:2405.04434, section 2.1.4 and table 1.

    Examples
    --------
    >>> 61 * latent_bytes(tokens=1, rank=512, rope_dim=64, element_bytes=2)
    70272
    """
    return tokens * (rank + rope_dim) * element_bytes


def scaled_latent_bytes(*, tokens: Values, rank: Values, rope_dim: Values) -> Values:
    """Bytes of one layer's cache of sparse latent attention in FP8, scales included.

    Parameters
    ----------
    tokens : float or array
        Cached tokens, over all sequences [tokens].
    rank, rope_dim : float or array
        Width of the compressed keys and values, in FP8 with a scale of 32 bits for every 128, and
        of the rotary key, which stays in 16 bits [elements].

    Returns
    -------
    float or array
        Size [bytes]; every tensor parallel rank holds all of it.

    References
    ----------
    vLLM, the layout ``fp8_ds_mla`` (vllm/model_executor/layers/attention/mla_attention.py 0.33:
    656 bytes), and SGLang, ``quant_k_cache`` of its DSA backend; read 2026-11-30.

    Examples
    --------
    >>> float(scaled_latent_bytes(tokens=1, rank=512, rope_dim=64))
    656.0
    """
    return tokens * (rank + 4 * ceiling(rank / 128) + 2 * rope_dim)


def index_bytes(*, tokens: Values, head_dim: Values) -> Values:
    """Bytes of one layer's cache of index keys, by which sparse attention chooses its tokens.

    Parameters
    ----------
    tokens : float or array
        Cached tokens, over all sequences [tokens].
    head_dim : float or array
        Width of an index key, one for each token [elements]: kept in FP8 whatever the type of
        the other cache, with a scale of 32 bits for every 128.

    Returns
    -------
    float or array
        Size [bytes]; every tensor parallel rank holds all of it.

    References
    ----------
    DeepSeek-V3.2, arXiv:2512.02556, section 2.1 (an indexer of few heads, in FP8); the layout is
    that of vLLM (DeepseekV32IndexerCache) and SGLang.

    Examples
    --------
    >>> float(index_bytes(tokens=1, head_dim=128))
    132.0
    """
    return tokens * (head_dim + 4 * ceiling(head_dim / 128))


def compressed_bytes(
    *, entries: Values, head_dim: Values, rope_dim: Values, element_bytes: Values
) -> Values:
    """Bytes of one layer's cache of compressed attention, whose key and value are one vector.

    Parameters
    ----------
    entries : float or array
        Cached tokens of the window and compressed entries, over all sequences [1].
    head_dim, rope_dim : float or array
        Width of the vector, and of its rotary part [elements]; the rotary part stays in 16 bits,
        and the rest, where it is narrower, has a scale of 8 bits for every 64 and one to align.
    element_bytes : float or array
        Size of a cached element [bytes].

    Returns
    -------
    float or array
        Size [bytes]; every tensor parallel rank holds all of it.

    References
    ----------
    SGLang, DeepSeekV4SingleKVPool: 448 elements in FP8, 64 in 16 bits, 7 scales and one byte of
    padding are 584 bytes (sglang 0.5.23, read 2026-11-23).

    Examples
    --------
    >>> float(compressed_bytes(entries=1, head_dim=512, rope_dim=64, element_bytes=1))
    584.0
    >>> float(compressed_bytes(entries=1, head_dim=512, rope_dim=64, element_bytes=2))
    1024.0
    """
    plain = head_dim - rope_dim
    scales = np.where(np.less(element_bytes, 2), ceiling(plain / 64) + 1, 0)
    width: Values = plain * element_bytes + rope_dim * np.maximum(element_bytes, 2) + scales
    return entries * width
