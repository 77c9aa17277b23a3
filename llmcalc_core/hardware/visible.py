"""What a driver keeps of a device's memory: programs, and engines with them, see the rest."""

from __future__ import annotations

from functools import lru_cache

_KEPT_GIB = {
    "A100_40": 0.44, "A100": 0.50, "A10G": 0.42, "A10": 0.42, "B200": 0.71, "H100": 0.47,
    "H200": 0.60, "H20": 0.60, "L40S": 0.59, "L40": 0.59, "L4": 0.38, "RTX_3090": 0.42,
    "RTX_5090": 0.47, "RTX_PRO_6000": 0.62, "T4": 0.26, "V100": 0.26,
}  # fmt: skip
"""What the driver of NVIDIA's devices keeps for itself, by name [GiB].

The total that nvidia-smi reports less that of ``torch.cuda.mem_get_info``, which start-up logs of
vLLM print (vllm-project/vllm, issues and pull requests; notebooks of unslothai; read 2026-11-30).
"""

_KEPT_BY_RELATIVES_GIB = 0.45
"""The same of NVIDIA's devices that no log names: near the median of those above."""

_RELATIVES = ("A30", "A40", "A800", "B300", "GB200", "GB300", "GH200", "RTX_", "V100S")


@lru_cache(maxsize=1024)
def kept_bytes(name: str) -> float:
    """Count what the driver of a device keeps for itself.

    Parameters
    ----------
    name : str
        Of the device, as the catalogue has it, edited or not.

    Returns
    -------
    float
        Bytes that nvidia-smi counts and CUDA does not see; 0 for other makers' devices, of which
        it is not known [bytes].

    Examples
    --------
    >>> round(kept_bytes("H100_80GB (edited)") / 2**30, 2), kept_bytes("MI300X")
    (0.47, 0.0)
    """
    known = [start for start in _KEPT_GIB if name.startswith(start)]
    if known:
        return _KEPT_GIB[max(known, key=len)] * 2.0**30
    return _KEPT_BY_RELATIVES_GIB * 2.0**30 if name.startswith(_RELATIVES) else 0.0
