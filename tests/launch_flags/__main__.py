"""Record the flags that engines take: ``python -m tests.launch_flags [--vllm-python PYTHON]``.

Of vLLM its own parsers are run, of ``vllm serve`` and of ``vllm bench serve``, and parse what this
package writes; of SGLang the fields of ``ServerArgs`` are read in its wheel, of which each makes a
flag. Both come from PyPI into a temporary folder (vLLM takes 5 GB). The flags of TensorRT-LLM and
llama.cpp are in ``known.json`` as they were read in their sources, which it names; they are kept.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import llmcalc_core as llm
from llmcalc_core.deploy import sglang, vllm

PLANS: tuple[dict[str, Any], ...] = (
    {"model": "llama3_8b", "hardware": "H100_80GB", "devices": 2, "phase": "serving"},
    {"model": "deepseek_v3", "hardware": "H200_141GB", "devices": 16, "phase": "serving",
     "speculative_tokens": 1, "acceptance_rate": 0.7},
    {"model": "llama3_8b", "hardware": "H100_80GB", "devices": 1, "phase": "serving",
     "precision": "fp8", "lora_adapters": 4, "weights_offload_gib": 2, "enforce_eager": True},
    {"model": "llama3_70b", "hardware": "H100_80GB", "devices": 4, "phase": "serving",
     "request_rate": 1, "draft_model": "llama3_8b", "speculative_tokens": 3,
     "acceptance_rate": 0.8},
)  # fmt: skip
"""Questions whose plans use every flag."""

KNOWN = Path(__file__).parent / "known.json"

_OF_VLLM = """
import json, sys
import vllm.platforms as platforms
from vllm.platforms.cpu import CpuPlatform
platforms._current_platform = platforms.__dict__["current_platform"] = CpuPlatform()
from vllm.benchmarks.serve import add_cli_args
from vllm.entrypoints.common.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
serve, bench = make_arg_parser(FlexibleArgumentParser()), FlexibleArgumentParser()
add_cli_args(bench)
for name, arguments in json.loads(sys.argv[1]):
    {"serve": serve, "bench": bench}[name].parse_args(arguments)
found = {
    name: sorted(flag for action in parser._actions for flag in action.option_strings
                 if flag.startswith("--"))
    for name, parser in (("vllm serve", serve), ("vllm bench serve", bench))
}
print("FLAGS", json.dumps(found))
"""


def main() -> int:
    """Make the environments, read the flags and write them."""
    options = argparse.ArgumentParser(prog="python -m tests.launch_flags", description=__doc__)
    options.add_argument("--vllm-python", type=Path, help=f"one that has vllm {vllm.VERSION}")
    asked = options.parse_args()
    known = json.loads(KNOWN.read_text("utf-8")) if KNOWN.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = asked.vllm_python or _environment(folder)
        for name, flags in _of_vllm(python).items():
            known[name] = {"source": f"vllm {vllm.VERSION} (PyPI), its parser", "flags": flags}
        known["sglang"] = {
            "source": f"sglang {sglang.VERSION} (PyPI), ServerArgs",
            "flags": _of_sglang(folder),
        }
    KNOWN.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
    for name, record in sorted(known.items()):
        sys.stdout.write(f"{name}: {len(record['flags'])} flags, {record['source']}\n")
    return 0


def _environment(folder: Path) -> Path:
    python = folder / "environment" / "bin" / "python"
    _call(sys.executable, "-m", "venv", folder / "environment")
    _call(python, "-m", "pip", "install", "--quiet", f"vllm=={vllm.VERSION}")
    return python


def _of_vllm(python: Path) -> dict[str, list[str]]:
    text = _call(python, "-c", _OF_VLLM, json.dumps(written()))
    line = next(one for one in text.splitlines() if one.startswith("FLAGS "))
    found: dict[str, list[str]] = json.loads(line.removeprefix("FLAGS "))
    return found


def written() -> list[tuple[str, list[str]]]:
    """Write commands of several plans, as arguments of ``vllm serve`` and ``vllm bench serve``."""
    found = []
    for asked in PLANS:
        request = llm.make_request(**asked)
        frame = llm.evaluate(request).frame
        made = llm.launch(request, frame[frame["rejected_for"] == ""].iloc[0], engine="vllm")
        found.append(("serve", ["--model", *made.arguments[2:]]))
        found.append(("bench", list(made.benchmark[3:])))
    return found


def _of_sglang(folder: Path) -> list[str]:
    """Read the fields of ``ServerArgs``, and what else its file adds, in the wheel."""
    _call(
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder,
        f"sglang=={sglang.VERSION}",
    )  # fmt: skip
    (wheel,) = folder.glob("sglang-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tree = ast.parse(archive.read("sglang/srt/server_args.py"))
    fields = next(
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "ServerArgs"
    )
    names = {
        one.target.id
        for one in fields
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    added = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("--")
        and " " not in node.value
    }
    return sorted({f"--{name.replace('_', '-')}" for name in names} | added)


def _call(*command: object) -> str:
    found = subprocess.run(  # noqa: S603 - commands of this file
        [str(one) for one in command], check=True, capture_output=True, text=True
    )
    return found.stdout


if __name__ == "__main__":
    sys.exit(main())
