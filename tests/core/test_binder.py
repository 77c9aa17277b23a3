"""What Binder builds of this folder, as repo2docker writes it, without Docker."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

app = pytest.importorskip("repo2docker.app")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def dockerfile(monkeypatch: pytest.MonkeyPatch) -> str:
    """The recipe, by the first kind of project that takes the folder for its own."""
    monkeypatch.chdir(ROOT)
    builder = app.Repo2Docker()
    packs = (kind(base_image=builder.base_image) for kind in builder.buildpacks)
    pack = next(one for one in packs if one.detect())
    assert type(pack).__name__ == "PythonBuildPack"
    pack.platform = "linux/amd64"
    assert pack.python_version == "3.11"
    return str(pack.render({}))


def test_what_is_slow_is_built_before_the_project_is_copied(dockerfile: str) -> None:
    """The layer of the pins is kept until these change: a new commit is built in seconds."""
    pins = dockerfile.index('install --no-cache-dir -r "binder/requirements.txt"')
    project = dockerfile.index("COPY --chown=1000:1000 src/ ")
    assert pins < project < dockerfile.index("RUN ./binder/postBuild")


def test_pins_are_of_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "binder/requirements.txt").read_text("utf-8").splitlines()
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)$", "\n".join(lines), re.MULTILINE))
    extras = project["optional-dependencies"]
    asked = [Requirement(line) for line in project["dependencies"]]
    for extra in ("widgets", "still", "sweep", "notebook"):
        asked += [Requirement(line) for line in extras[extra]]
    for one in asked:
        if one.name != project["name"]:
            assert one.specifier.contains(pins[one.name]), one
