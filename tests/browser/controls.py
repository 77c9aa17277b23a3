"""Find the controls of ipywidgets by their description, and set them through the page."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page


def control(page: Page, description: str) -> Locator:
    """Return the widget whose label reads ``description``; ipywidgets gives it no other name."""
    whole = re.compile(rf"^\s*{re.escape(description)}\s*$")
    label = page.locator(".widget-label").filter(has_text=whole)
    return page.locator(".jupyter-widgets").filter(has=label).last


def type_number(page: Page, description: str, value: float) -> None:
    """Type into the readout of a slider or into a number field, and press Enter."""
    field = control(page, description).locator(".widget-readout, input").first
    field.click()
    field.press("ControlOrMeta+a")
    page.keyboard.type(f"{value:g}")
    field.press("Enter")


def press_on_slider(page: Page, description: str, key: str = "ArrowRight") -> None:
    """Focus a slider's handle and press a key."""
    handle = control(page, description).get_by_role("slider").first
    handle.focus()
    handle.press(key)


def choose(page: Page, description: str, option: str) -> None:
    """Choose an option of a dropdown, or type it into a field that searches."""
    found = control(page, description)
    if found.locator("select").count():
        found.locator("select").select_option(label=option)
        return
    found.locator("input").fill(option)
    found.locator("input").press("Enter")


def press_button(page: Page, text: str) -> None:
    """Press a button, a toggle button, or one of several toggle buttons."""
    page.locator("button.jupyter-button, button.widget-toggle-button").filter(
        has=page.get_by_text(text, exact=True)
    ).or_(page.locator("button.jupyter-button").get_by_text(text, exact=True)).first.click()
