"""Manifests of Kubernetes for a server: a Deployment, or a LeaderWorkerSet over several nodes.

Deployment of apps/v1; LeaderWorkerSet of leaderworkerset.x-k8s.io/v1 (its documentation, concepts
and the example of vLLM; read 2026-11-30): a leader and its workers share the address in
``LWS_LEADER_ADDRESS``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmcalc_core.deploy.server import Launch

_IMAGES = {
    "vLLM": "vllm/vllm-openai:v{}", "SGLang": "lmsysorg/sglang:v{}",
    "TensorRT-LLM": "nvcr.io/nvidia/tensorrt-llm/release:{}",
    "llama.cpp": "ghcr.io/ggml-org/llama.cpp:server-cuda",
}  # fmt: skip
"""Containers that the engines publish."""

_PORT = 8000


def manifest(launch: Launch, name: str, image: str | None) -> str:
    """Write the manifest of a launch as YAML.

    Parameters
    ----------
    launch : Launch
        What is started.
    name : str
        Of what it makes.
    image : str or None
        The container; the engine's published one where None.

    Returns
    -------
    str
        One document; with files of the command, their ConfigMap before it.
    """
    documents: list[dict[str, Any]] = []
    if launch.files:
        documents.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-files"},
             "data": dict(launch.files)}
        )  # fmt: skip
    pod = _pod(launch, image or _image(launch), name)
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    if launch.nodes == 1:
        documents.append(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
             "spec": {"replicas": launch.replicas, "selector": {"matchLabels": labels},
                      "template": template}}
        )  # fmt: skip
    else:
        documents.append(
            {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet",
             "metadata": {"name": name},
             "spec": {"replicas": launch.replicas,
                      "leaderWorkerTemplate": {"size": launch.nodes,
                                               "workerTemplate": template}}}
        )  # fmt: skip
    return "\n---\n".join(_yaml(one) for one in documents) + "\n"


def _image(launch: Launch) -> str:
    engine, version = launch.engine.split(" ", maxsplit=1)
    return _IMAGES[engine].format(version)


def _pod(launch: Launch, image: str, name: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "server", "image": image, "command": launch.arguments,
        "ports": [{"containerPort": _PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": _PORT}},
        "resources": {"limits": {"nvidia.com/gpu": launch.devices // launch.nodes}},
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],  # noqa: S108
    }  # fmt: skip
    if launch.environment:
        container["env"] = [
            {"name": key, "value": value} for key, value in launch.environment.items()
        ]
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
    if launch.files:
        container["workingDir"] = "/files"
        container["volumeMounts"].append({"name": "files", "mountPath": "/files"})
        volumes.append({"name": "files", "configMap": {"name": f"{name}-files"}})
    return {"containers": [container], "volumes": volumes}


def _yaml(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - of what YAML has
    """Write blocks of mappings and lists; scalars as JSON, which YAML reads."""
    lines = []
    indent = "  " * depth
    for key, own in value.items():
        if isinstance(own, dict):
            lines.append(f"{indent}{key}:\n{_yaml(own, depth + 1)}")
        elif isinstance(own, list):
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}- {_entry(one, depth + 1)}" for one in own]
        else:
            lines.append(f"{indent}{key}: {json.dumps(own)}")
    return "\n".join(lines)


def _entry(value: Any, depth: int) -> str:  # noqa: ANN401 - as above
    return _yaml(value, depth).lstrip() if isinstance(value, dict) else json.dumps(value)
