"""The Python that gives the same table, fronts and plan as the explorer shows."""

from __future__ import annotations

from collections.abc import Sequence

from llmcalc_widgets.chart.axes import Quantity
from llmcalc_widgets.chart.front_comparison import Rival
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.export.arguments import quoted
from llmcalc_widgets.export.programs import explore_call, program


def code_of(scene: Scene, selected: int | None, rivals: Sequence[Rival] = ()) -> str:
    """Write the Python that gives ``df``, ``front`` and, where a plan is selected, ``selected``.

    Fronts that are drawn beside the present one are in ``fronts``, by their names, and all their
    plans in ``others``.

    Parameters
    ----------
    scene : Scene
        What is shown.
    selected : int or None
        Position of the selected plan in its frame.
    rivals : sequence of Rival
        What is pinned and compared; those that are not drawn are left out.

    Returns
    -------
    str
        A program that needs llmcalc only.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.chart.scene import scene_of
    >>> request = make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8], precision="fp8")
    >>> print(code_of(scene_of(evaluate(request), None, None), 3))
    from llmcalc_core import explore
    <BLANKLINE>
    df = explore(
        "llama2_7b",
        "A100_80GB",
        devices=2,
        phase="decode",
        engine="vllm",
        input_tokens=2000,
        output_tokens=256,
        batch=[1, 8],
        precision="fp8",
    )
    front = df[df["on_front"]].sort_values("tpot_s", kind="stable")
    selected = df.iloc[3]
    """
    lines = [*explore_call("df = ", scene.evaluation.request), *_front(scene, "df", "front")]
    if selected is not None:
        lines.append(f"selected = df.iloc[{selected}]")
    drawn = {name: rival.scene for name, rival in _named(rivals).items() if rival.scene is not None}
    if drawn:
        lines += _beside(drawn, scene)
    return program(lines)


def _named(rivals: Sequence[Rival]) -> dict[str, Rival]:
    """Give rivals by their names; a second one of a name also by what it is."""
    named: dict[str, Rival] = {}
    for rival in rivals:
        named[f"{rival.name} ({rival.kind})" if rival.name in named else rival.name] = rival
    return named


def _beside(drawn: dict[str, Scene], present: Scene) -> list[str]:
    """Write the plans and the fronts of what is drawn beside the present front."""
    lines = ["others = {"]
    for name, scene in drawn.items():
        call = explore_call(f"{quoted(name)}: ", scene.evaluation.request)
        lines += [*(f"    {line}" for line in call[:-1]), "    ),"]
    front = (f"    {line}" for line in _front(present, "other", "fronts[name]"))
    return [*lines, "}", "fronts = {}", "for name, other in others.items():", *front]


def _front(scene: Scene, frame: str, target: str) -> list[str]:
    """Write how the front is found: of the usual axes, ``explore`` has marked it."""
    across, up = scene.axes
    rising = "" if not across.inverse else "ascending=False, "
    order = f'.sort_values("{across.column}", {rising}kind="stable")'
    if scene.usual:
        return [f'{target} = {frame}[{frame}["on_front"]]{order}']
    cost, gain = _figure(across, small=True), _figure(up, small=False)
    return [
        f'fits = {frame}[{frame}["rejected_for"] == ""]',
        f"cost, gain = {cost}, {gain}",
        f"{target} = fits[pareto_mask(cost.to_numpy(), gain.to_numpy())]{order}",
    ]


def _figure(axis: Quantity, *, small: bool) -> str:
    """Write a quantity as what is better if small, or if large."""
    column = f'fits["{axis.column}"]'
    return column if (axis.small != axis.inverse) == small else f"1 / {column}"
