"""The map, in a real browser against a real server."""

import re
from collections.abc import Callable

import pytest
from browser import in_browser
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route, expect
from postgres import app_on
from sqlalchemy import insert

from stationsapp.extensions import db
from stationsapp.models import Station

PHONE = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}
on_a_phone = pytest.mark.browser_context_args(**PHONE)
with_motion = pytest.mark.browser_context_args(reduced_motion="no-preference")
at_both_widths = pytest.mark.parametrize(
    "width",
    [pytest.param(1280, marks=with_motion), pytest.param(375, marks=on_a_phone)],
    ids=["desktop", "phone"],
)
PARIS = "#12/48.881/2.355"


@pytest.fixture
def show(offline_page: Page, live_url: str) -> Callable[..., Page]:
    """Open the map at an address, and wait until its stations are there."""

    def show(address: str = "/", status: str | re.Pattern = re.compile("in view$")) -> Page:
        offline_page.goto(live_url + address)
        expect(offline_page.locator("#status")).to_have_text(status)
        return offline_page

    return show


@pytest.fixture
def map_page(sample_stations: None, show: Callable[..., Page]) -> Page:
    """The map with the whole sample on it."""
    return show(status="271 stations in view")


def add(*names: str, lat: float = 0, lng: float = 0, source: str = "t") -> None:
    db.session.execute(
        insert(Station),
        [
            {"source": source, "code": str(i), "name": name, "lat": lat, "lng": lng}
            for i, name in enumerate(names)
        ],
    )
    db.session.commit()


def hold(page: Page, where: object) -> Callable[[], Route]:
    """Hold back requests; return a function that waits for the first one."""
    held: list[Route] = []
    page.route(where, lambda route: held.append(route))

    def first() -> Route:
        while not held:
            page.wait_for_timeout(20)
        return held[0]

    return first


@in_browser
@at_both_widths
def test_the_first_view_holds_all_stations_and_needs_few_requests(
    sample_stations: None, show: Callable[..., Page], offline_page: Page, live_url: str, width: int
):
    asked: list[str] = []
    offline_page.on("request", lambda request: asked.append(request.url))
    page = show(status="271 stations in view")
    assert len([url for url in asked if url.startswith(live_url)]) <= 8
    counts = page.locator(".cluster").all_inner_texts()
    assert sum(map(int, counts)) + page.locator(".station").count() == 271
    expect(page.get_by_role("region", name="Map")).to_have_attribute("tabindex", "0")
    expect(
        page.get_by_role("button", name="49 stations" if width < 400 else "73 stations")
    ).to_be_visible()
    sizes = page.locator(".cluster, .station, .leaflet-bar a").evaluate_all(
        "all => all.map(one => Math.min(one.offsetWidth, one.offsetHeight))"
    )
    assert min(sizes) >= (44 if width < 400 else 24)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    expect(page.locator(".leaflet-control-attribution")).to_contain_text("OpenStreetMap")


@in_browser
@at_both_widths
def test_a_click_lists_the_nearest_ten_and_each_leads_to_its_station(
    sample_stations: None, show: Callable[..., Page], client: FlaskClient, width: int
):
    page = show(f"/{PARIS}")
    page.locator("#map").click(position={"x": 100, "y": 300})
    items = page.locator("#nearest li")
    expect(items).to_have_count(10)
    lat, lng = re.search(r"near=([-\d.]+)%2C([-\d.]+)", page.url).groups()
    nearest = client.get(f"/api/stations/nearest?lat={lat}&lng={lng}").get_json()["stations"]
    for text, station in zip(items.all_inner_texts(), nearest, strict=True):
        assert text.startswith(station["name"])
        assert text.endswith(("km", " m"))
    first = items.get_by_role("button").first
    first.focus()
    expect(page.locator("path.line")).to_have_count(1)
    first.click()
    popup = page.get_by_role("dialog", name=nearest[0]["name"])
    expect(popup).to_contain_text("Paris, FR")
    expect(popup.get_by_role("link")).to_have_attribute("href", f"/stations/{nearest[0]['id']}")
    expect(popup.get_by_role("link")).to_be_focused()
    page.reload()
    expect(popup).to_be_visible()
    expect(items).to_have_count(10)
    late = hold(page, "**/nearest?*")
    page.go_back()
    expect(popup).to_have_count(0)
    expect(items).to_have_count(10)
    late()
    page.go_back()
    expect(items).to_have_count(0)
    late().continue_()
    page.evaluate("fetch('/api/stations?limit=1').then((response) => response.text())")
    expect(items).to_have_count(0)


@in_browser
def test_the_map_is_used_by_keyboard_alone(map_page: Page):
    place = map_page.locator("#map")
    place.focus()
    map_page.keyboard.press("Enter")
    expect(map_page.locator("#nearest li")).to_have_count(10)
    cluster = map_page.get_by_role("button", name="73 stations")
    cluster.focus()
    map_page.keyboard.press("Space")
    expect(map_page.locator("#status")).not_to_have_text("271 stations in view")
    # The cluster is gone, and the focus is where it was.
    expect(map_page.locator(".cluster:focus, .station:focus")).to_have_count(1)
    map_page.go_back()
    expect(map_page.locator("#status")).to_have_text("271 stations in view")
    map_page.goto(map_page.url.split("#")[0] + PARIS)
    station = map_page.get_by_role("button", name="Gare de Lyon", exact=True).and_(
        map_page.locator(".station")
    )
    station.press("Enter")
    expect(map_page.get_by_role("link", name="Gare de Lyon")).to_be_focused()
    map_page.keyboard.press("Escape")
    expect(map_page.get_by_role("dialog")).to_have_count(0)
    expect(station).to_be_focused()


@in_browser
def test_a_popup_returns_the_focus_although_its_marker_has_gone(map_page: Page):
    map_page.goto(map_page.url.split("#")[0] + PARIS)
    station = map_page.locator(".station[title='Gare de Lyon']")
    station.press("Enter")
    expect(map_page.get_by_role("link", name="Gare de Lyon")).to_be_focused()
    map_page.locator("#map").hover(position={"x": 300, "y": 300})
    map_page.mouse.wheel(0, 1_000)
    expect(station).to_have_count(0)
    map_page.keyboard.press("Escape")
    expect(map_page.locator(".cluster:focus, .station:focus")).to_have_count(1)


@in_browser
@at_both_widths
def test_the_search_suggests_stations_and_the_last_answer_wins(map_page: Page, width: int):
    slow = hold(map_page, lambda url: "q=lo&" in url)
    field = map_page.get_by_role("combobox", name="Find a station")
    field.press_sequentially("lo")
    slow()
    field.press_sequentially("ndon wat")
    options = map_page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options).to_have_count(1)
    slow().fulfill(json={"stations": []})
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("Escape")
    expect(options).to_have_count(0)
    expect(field).to_have_value("london wat")
    field.press("ArrowDown")
    expect(options).to_have_count(1)
    field.press("ArrowDown")
    expect(options).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", options.get_attribute("id"))
    field.press("Enter")
    expect(map_page.get_by_role("dialog", name="London Waterloo")).to_be_visible()
    assert re.search(r"\?station=\d+#14/51\.5", map_page.url)


@in_browser
def test_filters_are_in_the_address_and_back_undoes_them(map_page: Page, client: FlaskClient):
    add("Paris One", "Other", lat=48.8, lng=2.3, source="mine")
    map_page.reload()
    expect(map_page.locator("#status")).to_have_text("273 stations in view")
    start = map_page.url
    map_page.get_by_label("Source").select_option("mine")
    expect(map_page.locator("#status")).to_have_text("2 stations in view")
    field = map_page.get_by_role("combobox", name="Find a station")
    field.fill("paris")
    field.press("Enter")
    expect(map_page.locator("#status")).to_have_text("1 station in view")
    expect(map_page).to_have_url(re.compile(r"\?q=paris&source=mine#15/48\.8"))
    map_page.reload()
    expect(map_page.locator("#status")).to_have_text("1 station in view")
    field.fill("nowhere")
    map_page.get_by_role("button", name="Find", exact=True).click()
    map_page.get_by_role("button", name="Clear the search").click()
    expect(map_page.locator("#status")).to_have_text("2 stations in view")
    for _ in range(4):
        map_page.go_back()
    expect(map_page).to_have_url(start)
    expect(map_page.locator("#status")).to_have_text("273 stations in view")


@in_browser
def test_near_me_lists_what_is_near_or_says_kindly_why_not(map_page: Page):
    map_page.get_by_role("button", name="Near me").click()
    expect(map_page.locator("#nearest-hint")).to_contain_text(
        "Click the map where you want to look"
    )
    map_page.context.grant_permissions(["geolocation"])
    map_page.context.set_geolocation({"latitude": 48.8809, "longitude": 2.3553})
    map_page.get_by_role("button", name="Near me").click()
    expect(map_page.locator("#nearest li").first).to_contain_text("Gare du Nord")
    expect(map_page).to_have_url(re.compile("near=48.88090%2C2.35530#13/"))


@in_browser
@at_both_widths
def test_stations_at_one_place_are_listed_and_any_name_fits(
    app: object, show: Callable[..., Page], width: int
):
    names = ["<img src=x onerror=alert(1)>", "W" * 500, "محطة", "🚉"]
    add(*names)
    page = show()
    page.get_by_role("button", name="4 stations at one place").click()
    links = page.get_by_role("dialog", name="4 stations").get_by_role("link")
    expect(links).to_have_count(4)
    assert links.all_inner_texts() == names
    page.locator("#map").press("Enter")
    expect(page.locator("#nearest li")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".leaflet-popup").evaluate("popup => popup.offsetWidth") <= width


@in_browser
def test_each_state_says_what_to_do(sample_stations: None, show: Callable[..., Page]):
    page = show("/#10/-45/-100", "No stations here.")
    page.get_by_role("button", name="Show all").click()
    status = page.locator("#status")
    expect(status).to_have_text("271 stations in view")
    held = hold(page, "**/clusters?*")
    page.locator("#map").press("ArrowRight")
    expect(status).to_have_text("Loading …")
    held().abort()
    expect(status).to_contain_text("The stations could not be loaded")
    page.unroute("**/clusters?*")
    page.get_by_role("button", name="Try again").click()
    expect(status).to_contain_text("in view")
    page.context.set_offline(True)
    page.locator("#map").press("ArrowRight")
    expect(status).to_contain_text("The stations could not be loaded")
    page.context.set_offline(False)
    expect(status).to_contain_text("in view")


@in_browser
def test_who_asks_for_less_motion_gets_none(
    sample_stations: None, show: Callable[..., Page], offline_page: Page
):
    page = show(f"/{PARIS}")
    expect(page.locator("#map")).not_to_have_class(re.compile("anim"))
    page.locator("#map").press("ArrowRight")
    assert page.locator(".leaflet-pan-anim").count() == 0
    expect(page).not_to_have_url(re.compile(PARIS))


@in_browser
def test_what_is_typed_and_chosen_before_the_script_has_loaded_counts(
    sample_stations: None, offline_page: Page, live_url: str
):
    add("Paris One", lat=48.8, lng=2.3, source="mine")
    script = hold(offline_page, "**/map.js")
    offline_page.goto(live_url, wait_until="commit")
    offline_page.get_by_label("Source").select_option("mine")
    field = offline_page.get_by_role("combobox", name="Find a station")
    field.press_sequentially("one")
    script().continue_()
    expect(offline_page.locator("#status")).to_have_text("1 station in view")
    expect(offline_page).to_have_url(re.compile(r"\?source=mine#"))
    expect(offline_page.get_by_role("option", name="Paris One")).to_be_visible()
    expect(field).to_have_value("one")


def test_without_stations_the_page_says_how_to_import_some(client: FlaskClient):
    page = client.get("/").text
    assert "flask stations import" in page
    assert "/stations/import" in page


def test_without_javascript_the_page_leads_to_the_list(sample_stations: None, client: FlaskClient):
    page = client.get("/").text
    assert '<form id="find" role="search" aria-label="Stations" action="/stations"' in page
    assert '<a href="/stations">' in page[page.index("<noscript>") :]
    assert "<option>sample</option>" in page


def test_only_who_is_signed_in_is_offered_to_edit(client: FlaskClient, signed_in: FlaskClient):
    assert "data-signed-in" in signed_in.get("/").text
    assert "data-signed-in" not in client.application.test_client().get("/").text


def test_the_libraries_come_from_the_application(client: FlaskClient):
    page = client.get("/").text
    assert "https://" not in page.replace("https://tile.openstreetmap.org", "").replace(
        "https://www.openstreetmap.org/copyright", ""
    )
    with client.get("/static/0/leaflet.js") as response:
        assert response.status_code == 200
    assert client.get("/static/0/../__init__.py").status_code == 404


@in_browser
def test_the_documentation_needs_no_network(offline_page: Page, live_url: str):
    offline_page.goto(f"{live_url}/docs")
    expect(offline_page.get_by_text("/api/stations/nearest")).to_be_visible()
    expect(offline_page.locator(".opblock")).to_have_count(7)


@pytest.mark.parametrize(
    ("tiles", "source"),
    [
        ("https://{s}.tiles.example/{z}/{x}/{y}.png", "data: https://*.tiles.example;"),
        ("/tiles/{z}/{x}/{y}.png", "img-src 'self' data:;"),
    ],
)
def test_pictures_come_from_where_the_base_map_is(tiles: str, source: str, database_url: str):
    with app_on(database_url, MAP_TILES_URL=tiles) as app:
        policy = app.test_client().get("/").headers["Content-Security-Policy"]
    assert source in policy
