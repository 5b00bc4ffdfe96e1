"""The doctor's pages in a real browser: read, copied, pressed."""

import threading
from collections.abc import Callable, Iterator

import pytest
from browser import LAUNCH, SLOWEST, in_browser
from clusters import Cluster, lifted_app
from flask_doctor import button
from flask_doctor.state import state_of
from playwright.sync_api import Page, expect
from sqlalchemy import text
from werkzeug.serving import make_server

pytestmark = in_browser


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict:
    return LAUNCH


@pytest.fixture
def site(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An application without its database, whose `/birds` has no table either."""
    app = lifted_app(server.url("trusted", "browsed"), DEBUG=True)
    app.add_url_rule("/", view_func=lambda: "the page")

    @app.get("/birds")
    def birds():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            connection.execute(text("SELECT count(*) FROM birds"))

    # No process of its own could find this application; migrations are not what is tested.
    monkeypatch.setattr(button, "_run_apart", lambda name: apply(name))
    del app.extensions["migrate"]

    def apply(name: str) -> None:
        with app.app_context():
            state_of(app).actions[name].run(app)

    live = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=live.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://localhost:{live.port}"
    live.shutdown()
    thread.join()
    live.server_close()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    server.execute("DROP DATABASE IF EXISTS browsed")


@pytest.fixture
def visit(page: Page, site: str) -> Iterator[Callable[[str], Page]]:
    """Go to a page of the site; a script's error, or what the page's policy forbids, fails."""
    page.set_default_timeout(SLOWEST)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))

    def go(path: str = "/") -> Page:
        page.goto(site + path)
        return page

    yield go
    # That the answer is a 503 or a 500 is the browser's only remark.
    assert [
        text for text in complaints if "the server responded with a status of" not in text
    ] == []


def press(page: Page, label: str) -> None:
    """Reach a control by the keyboard alone, and press it."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == label:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
            return
    pytest.fail(f"{label} can't be reached")


def test_the_keyboard_leads_from_no_database_to_the_page(visit: Callable[..., Page]):
    page = visit("/?from=here")
    expect(page.get_by_role("heading", level=1)).to_have_text("The server has no database browsed")
    press(page, "Create the database")
    expect(page.locator("body")).to_have_text("the page")
    assert page.url.endswith("/?from=here")


def test_a_cure_that_fails_leads_back(visit: Callable[..., Page], monkeypatch):
    monkeypatch.setattr(button, "_run_apart", lambda name: "permission denied")
    page = visit()
    press(page, "Create the database")
    expect(page.locator("pre")).to_have_text("permission denied")
    press(page, "Back to the page")
    expect(page.get_by_role("button", name="Create the database")).to_be_visible()


def test_commands_and_the_whole_are_copied(visit: Callable[..., Page], context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit()
    for label, copied in (("Copy", ".command pre"), ("Copy as Markdown", "#report")):
        press(page, label)
        expect(page.get_by_role("status")).to_have_text("Copied")
        content = page.locator(copied).first.text_content()
        assert page.evaluate("navigator.clipboard.readText()") == content


def test_the_traceback_is_unfolded(visit: Callable[..., Page], server: Cluster):
    server.execute("CREATE DATABASE browsed OWNER trusted")
    page = visit("/birds")
    press(page, "Traceback")
    expect(page.get_by_role("region", name="Traceback")).to_contain_text("in birds")


def test_without_a_clipboard_the_text_is_selected_and_copied(visit: Callable[..., Page]):
    page = visit()
    page.evaluate("delete Navigator.prototype.clipboard")
    press(page, "Copy as Markdown")
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("getSelection().toString()").startswith("# The server has no database")


@pytest.mark.parametrize("path", ["/", "/birds"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_read_on_a_telephone_by_day_and_by_night(visit, page, server, path, scheme):
    if path == "/birds":
        server.execute("CREATE DATABASE browsed OWNER trusted")
    page.set_viewport_size({"width": 360, "height": 640})
    page.emulate_media(color_scheme=scheme)
    visit(path)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    colours = page.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in colours]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 500


def test_without_scripts_only_the_copying_is_missing(browser, site: str):
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(SLOWEST)
        page = context.new_page()
        page.goto(site)
        assert page.get_by_role("button").all_inner_texts() == ["Create the database"]
        page.get_by_text("Everything as Markdown").click()
        expect(page.locator("#report")).to_be_visible()
        page.get_by_role("button").click()
        expect(page.locator("body")).to_have_text("the page")
