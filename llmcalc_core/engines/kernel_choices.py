"""Which kernel an engine takes by itself for a type on a device, by version, with its source.

``docs/engines.md`` shows these records, and a test holds the page, and what the fits of kernels in
``calibration/kernel_fits.toml`` are of, to them.
"""

from __future__ import annotations

from dataclasses import dataclass

AMPERE = ("A100_80GB",)
ADA = ("L40S",)
HOPPER = ("H100_80GB", "H200_141GB")
BLACKWELL = ("B200_180GB", "GB200_186GB")
WORKSTATION = ("RTX_PRO_6000",)

_TABLES = "kernel_source of aiconfigurator-core 0.12.0"
_TRTLLM = "_torch/modules/linear.py of 1.3.0rc20, as aiconfigurator's collectors cite it"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChoice:
    """What an engine takes.

    Attributes
    ----------
    engine, versions : str
        Which, and from which version to which it is known to.
    operation : {'products', 'experts'}
        What it computes.
    kind : str
        Type of the weights, in the words of checkpoints.
    types : tuple of str
        What it computes in, and stores weights in, as in ``DATA_TYPES``.
    devices : tuple of str
        Where.
    kernel : str
        What it takes.
    measured : str
        Word for it in the source of the fits that stand for it; '' where none is of it.
    source : str
        Where that is said.
    """

    engine: str
    versions: str
    operation: str
    kind: str
    types: tuple[str, str]
    devices: tuple[str, ...]
    kernel: str
    measured: str = ""
    source: str

    @property
    def blocks(self) -> bool:
        """Whether weights have a scale for each block."""
        return self.kind == BLOCKS


MXFP4, TENSORS, BLOCKS, NVFP4, INT4 = "MXFP4", "FP8", "FP8 in blocks", "NVFP4", "INT4"
_MXFP4, _FP8, _NVFP4, _INT4 = ("bf16", "fp4"), ("fp8", "fp8"), ("fp4", "fp4"), ("bf16", "int4")
_OLD_MXFP4 = "get_mxfp4_backend, quantization/mxfp4.py"
_NEW_MXFP4 = "_get_priority_backends, fused_moe/oracle/mxfp4.py"
_VLLM_FP8 = "fused_moe/oracle/fp8.py"
_SGLANG = "server_args.py"
_SGLANG_FP8 = "is_deepgemm_moe_runner_backend_enabled, quantization/fp8.py; server_args.py"


def _experts(
    engine: str, versions: str, kind: str, types: tuple[str, str], source: str,
    *kernels: tuple[tuple[str, ...], str, str],
) -> tuple[KernelChoice, ...]:  # fmt: skip
    return tuple(
        KernelChoice(
            engine=engine, versions=versions, operation="experts", kind=kind, types=types,
            devices=devices, kernel=kernel, measured=measured, source=source,
        )
        for devices, kernel, measured in kernels
    )  # fmt: skip


def _products(
    engine: str, versions: str, source: str, *kernels: tuple[str, tuple[str, ...], str, str]
) -> tuple[KernelChoice, ...]:
    return tuple(
        KernelChoice(
            engine=engine, versions=versions, operation="products", kind=kind,
            types=_NVFP4 if kind == NVFP4 else _FP8, devices=devices, kernel=kernel,
            measured=measured, source=source,
        )
        for kind, devices, kernel, measured in kernels
    )  # fmt: skip


KERNEL_CHOICES = (
    *_experts(
        "vllm", "0.11 to 0.18", MXFP4, _MXFP4, _OLD_MXFP4,
        (AMPERE + ADA, "Marlin", ""), (HOPPER, "Triton", ""),
        (BLACKWELL, "FlashInfer TRT-LLM, 16-bit inputs", ""),
    ),
    *_experts(
        "vllm", "0.19 to 0.33", MXFP4, _MXFP4, _NEW_MXFP4,
        (AMPERE + ADA, "Marlin", "marlin"), (HOPPER, "Triton, before FlashInfer CUTLASS", "triton"),
        (BLACKWELL, "FlashInfer TRT-LLM, 16-bit inputs", "flashinfer_trtllm"),
    ),
    *_experts(
        "vllm", "0.33", MXFP4, _MXFP4, "_get_priority_backends_for_gpt_oss",
        (WORKSTATION, "Marlin, before Triton", ""),
    ),
    *_experts(
        "vllm", "0.19 to 0.33", BLOCKS, _FP8, _VLLM_FP8,
        (AMPERE, "Marlin", ""), (ADA, "Triton", "triton"),
        (HOPPER, "Triton; FlashInfer CUTLASS with expert parallelism", "triton"),
        (BLACKWELL, "FlashInfer TRT-LLM", "flashinfer_trtllm"),
    ),
    *_experts(
        "vllm", "0.24", INT4, _INT4, _TABLES, (HOPPER + BLACKWELL, "Marlin", "marlin"),
    ),
    *_experts(
        "sglang", "0.5.6 to 0.5.9", BLOCKS, _FP8, _SGLANG_FP8,
        (HOPPER, "Triton; DeepGEMM with DeepEP or Mooncake alone", "triton"),
        (BLACKWELL, "FlashInfer TRT-LLM (DeepSeek, Qwen3, GLM)", "flashinfer_trtllm"),
    ),
    *_experts(
        "sglang", "0.5.6 to 0.5.14", MXFP4, _MXFP4, _SGLANG,
        (HOPPER, "Triton", "triton"), (BLACKWELL, "FlashInfer MXFP4", "flashinfer_trtllm"),
        (WORKSTATION, "Marlin, from 0.5.14 on", ""),
    ),
    *_experts(
        "sglang", "0.5.14", INT4, _INT4, _TABLES,
        (HOPPER, "Marlin", "marlin"), (BLACKWELL, "FlashInfer TRT-LLM", "flashinfer_trtllm"),
    ),
    *_products(
        "vllm", "0.24", _TABLES,
        (TENSORS, HOPPER + BLACKWELL, "CUTLASS", "Cutlass"),
        (BLOCKS, HOPPER + BLACKWELL, "DeepGEMM", "deepgemm"),
        (NVFP4, BLACKWELL, "FlashInfer CuTe DSL", "CuteDsl"),
    ),
    *_products(
        "sglang", "0.5.14", _TABLES,
        (TENSORS, HOPPER + BLACKWELL, "CUTLASS of sgl-kernel", "sgl_kernel"),
        (BLOCKS, HOPPER + BLACKWELL, "DeepGEMM", "deepgemm"),
        (NVFP4, BLACKWELL, "FlashInfer CuTe DSL", "cutedsl"),
    ),
    *_products(
        "trtllm", "1.3", _TRTLLM,
        (TENSORS, HOPPER + BLACKWELL, "cuBLASLt", "torch_flow"),
        (BLOCKS, HOPPER, "CUTLASS", "torch_flow"),
        (BLOCKS, BLACKWELL, "DeepGEMM", "deepgemm"),
        (NVFP4, BLACKWELL, "what its tuner finds fastest", "CuteDsl"),
    ),
)  # fmt: skip
"""What is known, by engine."""


def choice_lines(operation: str, labels: dict[str, str]) -> list[str]:
    """Write the choices for an operation as the lines of a Markdown table.

    Parameters
    ----------
    operation : {'products', 'experts'}
        Of which.
    labels : dict of str to str
        What engines are called, by name.

    Returns
    -------
    list of str
        Its head and a line for each choice.

    Examples
    --------
    >>> choice_lines("products", {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"})[2]
    '| vLLM 0.24 | FP8 | H100, H200, B200, GB200 | CUTLASS | kernel_source of aiconfigurator-core \
0.12.0 |'
    """
    lines = ["| engine, versions | type | devices | kernel | source |", "|---|---|---|---|---|"]
    for one in (each for each in KERNEL_CHOICES if each.operation == operation):
        devices = ", ".join(_short(name) for name in one.devices)
        cells = (f"{labels[one.engine]} {one.versions}", one.kind, devices, one.kernel, one.source)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _short(device: str) -> str:
    family, _, size = device.rpartition("_")
    return family if size.endswith("GB") else device.replace("_", " ")
