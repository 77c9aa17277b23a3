"""Compute capabilities of NVIDIA's devices, by which engines choose kernels and refuse types."""

from __future__ import annotations

from llmcalc_core.hardware.device import Hardware

_CAPABILITIES = {
    "V100": 7.0, "T4": 7.5, "A100": 8.0, "A800": 8.0, "A30": 8.0, "A10": 8.6, "A40": 8.6,
    "RTX_A6000": 8.6, "RTX_30": 8.6, "L4": 8.9, "RTX_6000_Ada": 8.9, "RTX_40": 8.9, "H100": 9.0,
    "H200": 9.0, "H20": 9.0, "GH200": 9.0, "B200": 10.0, "GB200": 10.0, "B300": 10.3, "GB300": 10.3,
    "Jetson_Thor": 11.0, "RTX_50": 12.0, "RTX_PRO_6000": 12.0, "DGX_Spark": 12.1,
}  # fmt: skip
"""By how names of devices begin, of which the longest counts (CUDA GPU Compute Capability,
developer.nvidia.com/cuda-gpus, recalled)."""

BF16_CAPABILITY = 8.0
"""The least whose devices compute in bf16 (``CudaPlatformBase.supported_dtypes`` of vLLM 0.33)."""


def compute_capability(hardware: Hardware) -> float | None:
    """Give the compute capability of a device.

    Parameters
    ----------
    hardware : Hardware
        The device.

    Returns
    -------
    float or None
        Major and minor as one number [1]; None where it is not NVIDIA's, or not known.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> compute_capability(find_hardware("A100_40GB")), compute_capability(find_hardware("A10"))
    (8.0, 8.6)
    >>> compute_capability(find_hardware("MI300X")) is None
    True
    """
    found = [start for start in _CAPABILITIES if hardware.name.startswith(start)]
    return _CAPABILITIES[max(found, key=len)] if found else None


def lacks_bf16(hardware: Hardware) -> bool:
    """Tell whether a device is of NVIDIA's that compute in fp16, and not in bf16.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> lacks_bf16(find_hardware("T4")), lacks_bf16(find_hardware("L4"))
    (True, False)
    """
    capability = compute_capability(hardware)
    return capability is not None and capability < BF16_CAPABILITY
