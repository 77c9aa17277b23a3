"""Scripts and style sheets that lie beside the modules which put them into the page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

import llmcalc_widgets
from llmcalc_widgets.elements.page import page_script, read_asset

ROOT = Path(llmcalc_widgets.__file__).parent
SCRIPTS = sorted(ROOT.rglob("*.js"))


class Attributes(HTMLParser):
    """Reads the attributes of elements as a browser does."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found |= dict(attrs)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_script_is_a_module_with_one_default_export(script: Path) -> None:
    package = ".".join((llmcalc_widgets.__name__, *script.parent.relative_to(ROOT).parts))
    assert read_asset(package, script.name).count("export default ") == 1


def test_a_handler_is_the_script_and_its_options_unharmed_by_html() -> None:
    script = 'export default function (element, { name }) { if (1 < 2 && name) log("it\'s"); }\n'
    shown = page_script(script, name='<b title="x">')
    handler = Attributes(shown.value).found["onload"]
    assert handler == (
        'const run = function (element, { name }) { if (1 < 2 && name) log("it\'s"); };\n'
        'run(this, {"name": "<b title=\\"x\\">"});'
    )
    shown.close()


def test_python_has_no_scripts_in_its_strings() -> None:
    words = ("addEventListener", "querySelector", "document.")
    modules = [path for path in ROOT.rglob("*.py") if any(w in path.read_text() for w in words)]
    assert modules == []
