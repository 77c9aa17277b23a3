"""What widgets share that answer a question in HTML."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import traitlets
from ipywidgets import HTML, Layout, VBox, Widget
from traitlets import TraitError

from llmcalc_core import Evaluation, EvaluationRequest
from llmcalc_widgets.apps.saved import Saved
from llmcalc_widgets.elements.style import row_of, standing, style_sheet
from llmcalc_widgets.export.displayed import Pictured, Still
from llmcalc_widgets.export.listing import CodeFold
from llmcalc_widgets.form.form import Form, MakeFields
from llmcalc_widgets.form.settings import check_names
from llmcalc_widgets.form.workloads import with_workload
from llmcalc_widgets.frames import Frame
from llmcalc_widgets.runner import Session
from llmcalc_widgets.transport.disposal import Disposal, parts_of


class Answering(Saved, Pictured, VBox):
    """A form beside an answer that is written anew for each evaluation.

    Comes after a class that has the settings as traits.

    Parameters
    ----------
    settings : mapping
        To start from.
    make_fields : callable
        Makes the controls.
    folded : mapping of str to collection of str
        Titles of folded parts of the form, and their settings.
    """

    looks: Collection[str] = ()
    """Settings that change nothing of the evaluation."""

    df = Frame(read_only=True)
    error = traitlets.Unicode(read_only=True)

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(
        self,
        settings: Mapping[str, Any],
        make_fields: MakeFields,
        folded: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        check_names(settings, self.known, owner=type(self).__name__)
        self._session = Session()
        try:
            start = with_workload(settings)
        except ValueError as error:
            raise TraitError(str(error)) from None
        super().__init__(**start)
        self.form = Form(self, self._session, make_fields, folded)
        self.answer = HTML()
        self.code = CodeFold(self.to_code)
        shown = VBox(
            [style_sheet(), *self.above(), self.answer, self.code],
            layout=Layout(flex="3 1 480px", min_width="0"),
        )
        shown.add_class("llmcalc")
        self.children = (row_of(self.form, shown),)
        self._disposal = Disposal()
        self._parts = parts_of(self)
        self.observe(self._submit, [name for name in self.known if name not in self.looks])
        if self.looks:
            self.observe(self._look, list(self.looks))
        self._session.observe(self._show, "evaluation")
        self._session.observe(self._show_errors, "errors")
        self._session.submit(self.make_request)

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        raise NotImplementedError

    def above(self) -> Sequence[Widget]:
        """Make what stands above the answer."""
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
        if self._session.evaluation is None:
            msg = f"{type(self).__name__} needs an evaluation first: {self.error}"
            raise ValueError(msg)

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        made, self._parts = self._parts, ()
        if made:
            self._session.close()
            self._disposal.close_all(self, [*made, *parts_of(self)])  # and what was unfolded later
        super().close()

    def _submit(self, _: object) -> None:
        self._session.submit(self.make_request, soon=self.form.sliding)

    def _show(self, change: dict[str, Any]) -> None:
        self._draw(change["new"])

    def _look(self, _: object) -> None:
        """Draw what is there already in another way."""
        self._session.flush()
        if self._session.evaluation is not None:
            self._draw(self._session.evaluation)

    def _draw(self, evaluation: Evaluation) -> None:
        self._shown = evaluation
        self.draw(evaluation)
        self.code.refresh()

    def _show_errors(self, _: object) -> None:
        self.set_trait("error", self._session.error_words())

    def still(self) -> Still | None:
        """Give the answer as it stands."""
        if not self.answer.value:
            return None
        words = f"{type(self).__name__}: {self.words()}"
        html, png = standing(self.answer.value), self.png_if_possible()
        return Still(words=words, html=html, png=png)
