"""Every page and state, in both widths and colour schemes, with the worst names that feeds hold."""

from collections.abc import Callable
from itertools import cycle

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import in_browser
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from stationsapp.extensions import db
from stationsapp.models import Station

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# The desktop shows what a phone shows and more, so there only these can tell something new.
OF_LAYOUT = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
PHONE = {"width": 375, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
ZOOMED = {"width": 320, "height": 200}  # 1,280 pixels at 400 %
SCHEMES = ["light", "dark"]  # the next state has them the other way round: axe takes its time

MARKUP = "<img src=x onerror=alert(1)><b>\u0645\u062d\u0637\u0629</b> \u202e🚉 "
NAME = MARKUP + "W" * (500 - len(MARKUP))
PROPERTIES = {
    MARKUP + "k" * 200: f"<script>alert(1)</script>{'V' * 500}",
    "\u0639\u0646\u0648\u0627\u0646": "\u0634\u0627\u0631\u0639 " * 60,
    "url": f"https://example.org/{'a' * 400}",
    "list": [1, {"x": MARKUP + "y" * 200}],
}
NASTY = [
    {"source": NAME[:100], "code": code, "name": NAME, "lat": 10, "lng": -30, "properties": p}
    for code, p in [("x" * 200, PROPERTIES), ("2", {"city": NAME})]
]
FEED = f'code,name,lat,lng\n1,"{NAME}",1,2\n"{NAME}",Bad,95,2\n'


def click(role: str, name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role(role, name=name).first.click()


def press_on_map(page: Page) -> None:
    page.locator("#map").press("Enter")
    expect(page.locator("#nearest li")).to_have_count(2)


def suggest(page: Page) -> None:
    page.get_by_role("combobox", name="Find").press_sequentially("img")
    expect(page.get_by_role("option")).to_have_count(2)


def save_without_name(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_label("Latitude").fill("x")
    page.get_by_label("Kind of property 1").select_option("Number")
    page.get_by_label("Value of property 1").fill("y")
    page.get_by_role("button", name="Save").click()


def save_twice(page: Page) -> None:
    for name, value in [("Name", NAME), ("Latitude", "10"), ("Longitude", "-30")]:
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Save").click()


def save_what_changed(page: Page) -> None:
    station = db.session.get(Station, 1)
    station.code = "y" * 200
    db.session.commit()
    page.get_by_label("Code").fill(MARKUP)
    page.get_by_role("button", name="Save").click()


def send(content: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        file = {"name": f"{NAME[:200]}.csv", "mimeType": "text/csv", "buffer": content.encode()}
        page.get_by_label("File", exact=True).set_input_files(file)
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_role("heading", name="Options")).to_be_visible()

    return act


def sign_in_wrongly(page: Page) -> None:
    page.get_by_label("API token").fill("x")
    page.get_by_role("button", name="Sign in").click()


# A state, where it is, what to do there, and what is then to be seen.
EMPTY = [
    ("map without stations", "/", None, ".none"),
    ("list without stations", "/stations", None, "pre"),
]
READING = [
    ("map", "/", None, "#map .cluster"),
    ("suggestions", "/", suggest, "#suggestions li"),
    ("nearest", "/", press_on_map, "#add-here a"),
    ("popup", "/?station=1#5/10/-30", None, ".leaflet-popup"),
    ("popup of a place", "/#19/10/-30", click("button", "2 stations"), ".leaflet-popup li"),
    ("no station here", "/#9/80/80", None, "#action"),
    ("no station found", "/?q=nowhere", None, "#action"),
    ("list", "/stations", None, "tbody tr"),
    ("list of none", "/stations?q=nowhere", None, ".list form + p"),
    ("wrong list", f"/stations?{'x' * 300}=1", None, ".message.error"),
    ("station", "/stations/1", None, "#place canvas"),
    ("OGC API", "/ogc/collections?f=html", None, "main nav li"),
    ("stations in OGC API", "/ogc/collections/stations/items?f=html", None, "tbody tr"),
    ("unknown page", "/nowhere", None, "h1"),
    ("unknown station", "/stations/99", None, "h1"),
    ("broken page", "/stations/import/1/rejected.csv", None, "code"),
]
WRITING = [
    ("form", "/stations/new", None, "#where canvas"),
    ("form with errors", "/stations/1/edit", save_without_name, "[aria-invalid]"),
    ("station like another", "/stations/new", save_twice, ".message.warning"),
    ("conflict", "/stations/1/edit", save_what_changed, "[name=theirs-1]"),
    ("delete", "/stations/1/delete", None, "button.danger"),
    ("import", "/stations/import", None, "#drop-hint"),
    ("dry run", "/stations/import", send(FEED), "#changes canvas"),
    ("import that fails", "/stations/import", send("x"), ".message.error"),
    ("sign-in", "/sign-in?next=/", None, ".message.warning"),
    ("refused sign-in", "/sign-in", sign_in_wrongly, "[aria-invalid]"),
]


# Only what is wrong leaves the browser.
RUN_AXE = """options => axe.run(options).then(found =>
    found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target}`))
)"""


def violations(page: Page, rules: list[str]) -> list[str]:
    # No page has sound or video, whose length axe would load them for.
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
    return page.evaluate(RUN_AXE, options)


def wrong_with(page: Page) -> list[str]:
    """Say what is wrong with the page as it was opened: it is too wide, or shows markup."""
    wrong = []
    page.set_viewport_size(ZOOMED)
    if page.evaluate("document.documentElement.scrollWidth") > ZOOMED["width"]:
        wrong.append("it is too wide at 400 %")
    if page.locator("[src=x], bdi b").count():
        wrong.append("it has the feed's markup")
    return wrong


def show(page: Page, url: str, act: Callable[[Page], None] | None, shown: str) -> None:
    """Open a page in a state, and wait until its scripts are done."""
    page.goto(url)
    if act:
        act(page)
    expect(page.locator(shown).first).to_be_visible()
    page.wait_for_load_state()


@in_browser
@pytest.mark.parametrize(
    ("stations", "states"),
    [([], EMPTY), (NASTY, READING), (NASTY, WRITING)],
    ids=["without stations", "reading", "writing"],
)
def test_no_page_in_any_state_keeps_anybody_out(
    app: Flask,
    editor: Page,
    live_url: str,
    monkeypatch: pytest.MonkeyPatch,
    stations: list,
    states: list,
):
    def broken(upload_id: int) -> None:
        raise RuntimeError

    monkeypatch.setitem(app.view_functions, "stations.rejected", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    if stations:
        db.session.execute(insert(Station), stations)
        db.session.commit()
    editor.add_init_script(AXE_SCRIPT)
    wrong = {}
    for (state, path, act, shown), schemes in zip(states, cycle([SCHEMES, SCHEMES[::-1]])):
        wrong[state] = []
        editor.set_viewport_size(DESKTOP)
        editor.emulate_media(color_scheme=schemes[0])
        show(editor, live_url + path, act, shown)
        wrong[state] += violations(editor, RULES)
        editor.set_viewport_size(PHONE)
        editor.emulate_media(color_scheme=schemes[1])
        wrong[state] += violations(editor, OF_LAYOUT)
        wrong[state] += wrong_with(editor)
    assert {state: found for state, found in wrong.items() if found} == {}
