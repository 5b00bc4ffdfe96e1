"""The map, in a real browser against a real server."""

import pytest
from browser import in_browser
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from config import TestingConfig
from stationsapp import create_app


@pytest.fixture
def map_page(sample_stations: None, offline_page: Page, live_url: str) -> Page:
    """The map with the sample on it, where no tile can be reached."""
    offline_page.goto(live_url)
    expect(offline_page.locator("#status")).to_have_text("271 stations in view")
    return offline_page


@in_browser
def test_the_map_shows_the_stations_clustered_even_without_tiles(map_page: Page):
    counts = map_page.locator(".cluster").all_inner_texts()
    singles = map_page.locator("path.leaflet-interactive").count()
    assert len(counts) > 3
    assert sum(int(count) for count in counts) + singles == 271
    expect(map_page.locator(".leaflet-control-attribution")).to_contain_text("OpenStreetMap")


@in_browser
def test_a_click_lists_the_nearest_ten_with_their_distances(map_page: Page, client: FlaskClient):
    map_page.evaluate("map.setView([48.88, 2.355], 12)")
    map_page.locator("#map").click(position={"x": 60, "y": 300})
    items = map_page.locator("#nearest li")
    expect(items).to_have_count(10)
    lat, lng = map_page.locator("#nearest-hint").inner_text().removeprefix("From ").split(", ")
    nearest = client.get(f"/api/stations/nearest?lat={lat}&lng={lng}").get_json()["stations"]
    for text, station in zip(items.all_inner_texts(), nearest, strict=True):
        assert text.startswith(station["name"])
    assert all(text.endswith(("km", " m")) for text in items.all_inner_texts())


@in_browser
def test_an_entry_of_the_list_leads_to_its_station(map_page: Page):
    map_page.evaluate("showNearest(L.latLng(48.8809, 2.3553))")
    map_page.locator("#nearest button").first.click()
    popup = map_page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("Gare du Nord")
    expect(popup).to_contain_text("Paris, FR")


@in_browser
def test_a_name_that_looks_like_html_is_shown_as_text(map_page: Page):
    shown = map_page.evaluate(
        "description({name: '<img src=x>', lat: 1, lng: 2, properties: {}}).outerHTML"
    )
    assert "<img" not in shown


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
def test_pictures_come_from_where_the_base_map_is(tiles: str, source: str):
    app = create_app(type("Config", (TestingConfig,), {"MAP_TILES_URL": tiles}))
    policy = app.test_client().get("/").headers["Content-Security-Policy"]
    assert source in policy
