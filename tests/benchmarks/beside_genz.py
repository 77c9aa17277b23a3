"""Times of GenZ and of this calculator: ``python -m tests.benchmarks.beside_genz``.

The table of docs/migration.md. Needs the extra ``bench``.
"""

from __future__ import annotations

import sys

from llmcalc_core import estimate_decode_performance, estimate_prefill_performance
from tests.benchmarks.genz import SYSTEM, genz, quietly

PLANS = (("llama3_8b", 1, 1), ("llama3_8b", 32, 1), ("llama3_8b", 32, 8), ("llama2_70b", 16, 8))


def main() -> None:
    """Print the table."""
    there, lines = genz(), ["| plan | GenZ [ms] | here [ms] |", "|---|---|---|"]
    for model, batch, tp in PLANS:
        asked = {"model": model, "batch_size": batch, "input_tokens": 2000, "tensor_parallel": tp}
        whole = {**asked, "output_tokens": 256}
        system = {"system_name": SYSTEM, "bits": "bf16", "pipeline_parallel": 1}
        times = {
            "prefill": (
                quietly(there.prefill_moddeling, **asked, **system)["Latency"],
                estimate_prefill_performance(**asked, system_name="A100_80GB")["latency"],
            ),
            "a token": (
                quietly(there.decode_moddeling, **whole, **system, Bb=1)["Latency"],
                estimate_decode_performance(**whole, system_name="A100_80GB")["latency"],
            ),
        }
        for what, (old, new) in times.items():
            lines.append(f"| {model}, batch {batch}, TP {tp}: {what} | {old:.1f} | {new:.1f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
