"""What starts a plan: a command, files beside it, and what must be known of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.kubernetes import manifest
from llmcalc_core.engines import Engine
from llmcalc_core.precision import PLAIN, Precision

_PORT = 8000
_SIXTEEN_BITS = {"bf16": "bfloat16", "fp16": "float16"}

Flags = dict[str, str | int | float | None]
"""Flags of a program with their values; None for one that stands alone."""


class NotRunnableError(ValueError):
    """A plan that an engine cannot start, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a plan is started.

    Attributes
    ----------
    engine : str
        What serves, and the release whose flags these are.
    program : tuple of str
        What is called, before the flags.
    flags : dict
        Flags and their values; None of one that stands alone.
    devices, nodes : int
        Devices of one such server, and the nodes that they are on [1].
    replicas : int
        Servers of the plan, with requests divided evenly over them [1].
    files : dict of str to str
        Content of files that the flags name, by their names.
    environment : dict of str to str
        Variables that must be set.
    benchmark : tuple of str
        A command that measures what was estimated, against one server.
    notes : tuple of str
        What the command cannot say.
    """

    engine: str
    program: tuple[str, ...]
    flags: Flags
    devices: int
    nodes: int
    replicas: int
    benchmark: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """The command as a list of arguments, for ``subprocess``."""
        return [*self.program, *_words(self.flags)]

    @property
    def command(self) -> str:
        """The command as lines of a shell."""
        pairs = [_words({name: value}) for name, value in self.flags.items()]
        head = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        lines = [shlex.join(self.program), *(shlex.join(pair) for pair in pairs)]
        return " ".join([*head, " \\\n  ".join(lines)])

    @property
    def benchmark_command(self) -> str:
        """The benchmark as a line of a shell."""
        return shlex.join(self.benchmark)

    def kubernetes(self, name: str = "llm", image: str | None = None) -> str:
        """Write a Deployment, or a LeaderWorkerSet of a server on several nodes, as YAML.

        Parameters
        ----------
        name : str, default 'llm'
            Of what it makes.
        image : str, optional
            The container; the engine's own published one where not given.
        """
        return manifest(self, name, image)

    def __str__(self) -> str:
        """Write notes and files as comments, then the command and its benchmark."""
        notes = [f"# {note}" for note in self.notes]
        files = [
            f"cat > {shlex.quote(name)} <<'END'\n{text.rstrip()}\nEND"
            for name, text in self.files.items()
        ]
        return "\n".join([
            f"# {self.engine}: {self.replicas} x {self.devices} devices", *notes, *files,
            self.command, "", "# what it gives:", self.benchmark_command,
        ])  # fmt: skip


def context_of(plan: SelectedPlan) -> int:
    """Longest context that the plan's requests need [tokens]."""
    return plan.input_tokens + plan.output_tokens


def sequences_of(plan: SelectedPlan) -> int:
    """Most requests that an attention replica runs at once [1]."""
    if plan.request.max_num_seqs is not None:
        return plan.request.max_num_seqs
    return -(-plan.batch // plan.layout.attention_dp)


def engine_of(plan: SelectedPlan) -> Engine:
    """Give the engine with its defaults on the plan's devices."""
    return plan.hardware.engine(plan.request.serves)


def token_budget_of(plan: SelectedPlan) -> int:
    """Most tokens of a step that were reckoned with [tokens]."""
    return plan.techniques.prefill_chunk_tokens or engine_of(plan).token_budget


def types_of(plan: SelectedPlan) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Say what an engine must be told of types.

    Returns
    -------
    dtype : str or None
        16-bit type to compute in, where the plan's is not the checkpoint's own.
    quantisation : str or None
        'fp8' where weights of 16 bits are to be narrowed as they are loaded.
    notes : tuple of str
        What needs another checkpoint.
    """
    configs = {config.model: config for config in plan.request.models}
    own, asked = configs[plan.model.name].precision or PLAIN, plan.precision
    if _stored(own) == _stored(asked):
        return None, None, ()
    if asked.weights in _SIXTEEN_BITS and own.weights in _SIXTEEN_BITS:
        return _SIXTEEN_BITS[asked.weights], None, ()
    in_eight = asked.weights == asked.experts == "fp8" and not asked.fp8_blocks
    if own.weights in _SIXTEEN_BITS and in_eight:
        return None, "fp8", ()
    note = (
        f"the checkpoint named here has {own.label} weights: serve one whose weights are "
        f"{asked.label}"
    )
    return None, None, (note,)


def _stored(precision: Precision) -> tuple[str, ...]:
    return precision.weights, precision.experts


def nodes_of(plan: SelectedPlan) -> int:
    """Count the nodes, or domains of links, that a replica is on [1]."""
    return -(-plan.layout.devices // plan.hardware.devices_per_domain)


def layout_notes(plan: SelectedPlan) -> tuple[str, ...]:
    """Say what must be known of replicas and of the links between devices."""
    notes = []
    if plan.replicas > 1:
        notes.append(f"{plan.replicas} such servers, with requests divided evenly over them")
    nodes = nodes_of(plan)
    if nodes > 1:
        notes.append(
            f"over {nodes} nodes of {plan.hardware.devices_per_domain} devices: start it on each, "
            "with the engine's flags for the number of nodes, this node's place and the first's "
            "address"
        )
    return tuple(notes)


def vllm_benchmark(plan: SelectedPlan) -> tuple[str, ...]:
    """Write the benchmark of vLLM, which asks any server of the OpenAI API."""
    load: Flags = {"--max-concurrency": plan.batch, "--num-prompts": max(10 * plan.batch, 100)}
    if plan.request_rate is not None:
        rate = plan.request_rate / plan.replicas
        load = {"--request-rate": f"{rate:g}", "--num-prompts": max(int(120 * rate), 100)}
    flags: Flags = {
        "--model": plan.model.name, "--base-url": f"http://localhost:{_PORT}",
        "--dataset-name": "random", "--random-input-len": plan.input_tokens,
        "--random-output-len": plan.output_tokens, **load, "--ignore-eos": None,
        "--save-result": None,
    }  # fmt: skip
    return ("vllm", "bench", "serve", *_words(flags))


def refuse(plan: SelectedPlan, engine: str, **unsaid: str | None) -> None:
    """Refuse what an engine has no flag for.

    Parameters
    ----------
    plan : SelectedPlan
        What is to be started.
    engine : str
        What it is to be started with.
    **unsaid : str or None
        By what there is of it in the plan, why the engine does not have it; None where it is right.

    Raises
    ------
    NotRunnableError
        For the first of them.
    """
    for what, reason in unsaid.items():
        if reason is not None:
            name = what.replace("_", " ")
            msg = f"{engine} cannot start this plan of {plan.model.name}: {name}: {reason}"
            raise NotRunnableError(msg)


def _words(flags: Flags) -> list[str]:
    return [
        str(word)
        for name, value in flags.items()
        for word in ((name,) if value is None else (name, value))
    ]
