"""``Planner``: what the widgets share that answer a question in HTML, beside a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipywidgets import HTML, Layout, VBox, Widget

from llmcalc_core import Evaluation
from llmcalc_widgets.apps.app import App
from llmcalc_widgets.apps.traits import Frame
from llmcalc_widgets.elements.page import row_of, standing, style_sheet
from llmcalc_widgets.export.displayed import Still
from llmcalc_widgets.export.listing import CodeFold
from llmcalc_widgets.form.form import Form
from llmcalc_widgets.settings.setting import Setting
from llmcalc_widgets.state import EvaluationState
from llmcalc_widgets.transport.disposal import parts_of


class Planner(App):
    """A form beside an answer that is written anew for each evaluation.

    Parameters
    ----------
    state : EvaluationState
        What is asked and found.
    settings : mapping of str to Setting
        What has a control, in the order of the form; those of the group ``view`` change nothing of
        the evaluation.

    Attributes
    ----------
    form, answer : widgets
        The parts, to be placed anywhere.
    """

    df = Frame(read_only=True)

    def __init__(self, state: EvaluationState, settings: Mapping[str, Setting]) -> None:
        super().__init__(state)
        self.form = Form(state, settings)
        self.answer = HTML()
        self.code = CodeFold(self.to_code)
        shown = VBox(
            [style_sheet(), *self.above(), self.answer, *self.below(), self.code],
            layout=Layout(flex="8 1 480px", min_width="0"),
        )
        shown.add_class("llmcalc")
        self.children = (row_of(self.form, shown),)
        self._parts = parts_of(self)
        own = {name: state.entries[name] for name in self.known if name in state.entries}
        view = [name for name, one in own.items() if one.group == "view"]
        state.observe(self._submit, [name for name in own if name not in view])
        if view:
            state.observe(self._look, view)
        state.observe(self._show, "evaluation")
        state.observe(self._show_error, "errors")
        self.forward()
        self._runner.submit()

    def above(self) -> Sequence[Widget]:
        """Make what stands above the answer."""
        return ()

    def below(self) -> Sequence[Widget]:
        """Make what stands below the answer."""
        return ()

    def draw(self, evaluation: Evaluation) -> None:
        """Write the answer, and set ``df``."""
        raise NotImplementedError

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown."""
        raise NotImplementedError

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the answer as it is shown on matplotlib's figure."""
        raise NotImplementedError

    def further(self) -> str:
        """Write what else is seen, in HTML, for readers without a kernel."""
        return ""

    def words(self) -> str:
        """Say in a line or two what the answer is; not escaped."""
        raise NotImplementedError

    def to_code(self) -> str:
        """Write the Python that gives ``df``.

        Returns
        -------
        str
            A program that needs llmcalc only.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        self._check_answered()
        return self.write_code()

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the answer on matplotlib's figure.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        self._check_answered()
        self.draw_still(figure)

    def _check_answered(self) -> None:
        if self.state.evaluation is None:
            msg = f"{type(self).__name__} needs an evaluation first: {self.error}"
            raise ValueError(msg)

    def _submit(self, _: object) -> None:
        self._runner.submit(debounce=self.form.sliding)

    def _show(self, change: dict[str, Any]) -> None:
        self._draw(change["new"])

    def _look(self, _: object) -> None:
        """Draw what is there already in another way."""
        self._runner.flush()
        if self.state.evaluation is not None:
            self._draw(self.state.evaluation)

    def _draw(self, evaluation: Evaluation) -> None:
        self._shown = evaluation
        self.draw(evaluation)
        self.code.refresh()

    def still(self) -> Still | None:
        """Give the answer as it stands."""
        if not self.answer.value:
            return None
        words = f"{type(self).__name__}: {self.words()}"
        html = standing(self.answer.value) + self.further()
        return Still(words=words, html=html, png=self.png_if_possible)
