"""Note what goes wrong in a page, and let it reach its own server only."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page, Response, Route

FAILURE = 400
"""Status of the first kind of answer that is a failure."""


def watched(page: Page, url: str) -> list[str]:
    """Watch a page that may ask one server only.

    Parameters
    ----------
    page : Page
        What is watched, from now on.
    url : str
        Where the addresses of its server begin.

    Returns
    -------
    list of str
        Console errors, uncaught errors, failed answers and requests to other hosts; it grows.
    """
    problems: list[str] = []

    def note_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console error: {message.text}")

    def note_failure(response: Response) -> None:
        if response.status >= FAILURE:
            problems.append(f"status {response.status}: {response.url}")

    def refuse(route: Route) -> None:
        problems.append(f"request to another host: {route.request.url}")
        route.abort()

    page.on("console", note_console)
    page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
    page.on("response", note_failure)
    page.route(lambda asked: not asked.startswith((url, "blob:", "data:")), refuse)
    return problems
