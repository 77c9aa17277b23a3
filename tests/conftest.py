"""Who runs which tests, and when: tests that share a costly set-up run on one worker."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHARED_SETUPS = (
    "tests/browser/",  # a browser, a server, a kernel
    "tests/core/planning/test_disaggregated.py",
    "tests/core/test_calibrate.py",
    "tests/core/test_explain.py",
    "tests/validation/test_published.py",  # predictions of all measured tables
    "tests/validation/test_refit.py",  # fits of the constants
    "tests/widgets/test_axes.py",
)
"""Folders and modules whose tests share what takes seconds to make."""


class SharedSetups(LoadScopeScheduling):
    """Hands out tests one by one, and those of a shared set-up together.

    xdist's own ``loadgroup`` does the same by marks, but no longer with pytest 9.2
    (pytest-dev/pytest-xdist, issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in SHARED_SETUPS if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute tests by what they share."""
    return SharedSetups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the browser tests to the end; the rest keeps its order."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
