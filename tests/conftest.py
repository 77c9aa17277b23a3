"""Order of the tests: those in a browser last, since Playwright keeps an event loop running."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the browser tests to the end; the rest keeps its order."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
