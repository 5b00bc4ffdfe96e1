"""The page of a station: made from the database, and complete without JavaScript."""

import json
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from browser import in_browser
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from postgres import app_on
from sqlalchemy import select

from stationsapp.extensions import db
from stationsapp.models import ApiToken, Import, Station
from stationsapp.stations.pages import words

HTML = '</script><script>alert("x")</script>'


@pytest.fixture
def make(app: Flask):
    """Make a station, and return the path of its page."""

    def make(**values: object) -> str:
        number = str(db.session.query(Station).count())
        defaults = {"source": "one", "code": number, "name": "Here", "lat": 48.5, "lng": 2.25}
        station = Station(**defaults | values)
        db.session.add(station)
        db.session.commit()
        return f"/stations/{station.id}"

    return make


def text(page: str) -> str:
    """Return the words of a page, without its markup."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def test_a_page_says_where_a_station_is(client: FlaskClient, make):
    page = client.get(make(lat=-33.0000001, lng=1e-5)).text
    assert "<title>Here · Stations</title>" in page
    assert "-33.0000001, 0.00001" in text(page)
    assert 'href="geo:-33.0000001,0.00001"' in page
    assert 'href="/#15/-33.0000001/0.00001"' in page
    assert "www.openstreetmap.org/?mlat=-33.0000001&amp;mlon=0.00001#map=17/" in page
    assert 'content="Here at -33.0000001, 0.00001:' in page


@pytest.mark.parametrize(
    ("degrees", "written"),
    [(0.0, "0"), (-0.0, "0"), (-1e-9, "0"), (1e-7, "0.0000001"), (90.0, "90"), (-7.25, "-7.25")],
)
def test_degrees_are_plain_decimals(degrees: float, written: str):
    assert words.degrees(degrees) == written


@pytest.mark.parametrize(
    ("metres", "written"),
    [
        (0.0, "0 m"), (999.4, "999 m"), (999.6, "1.0 km"), (9_949.0, "9.9 km"),
        (9_960.0, "10 km"), (1_234_567.0, "1,235 km"),
    ],
)  # fmt: skip
def test_distances_are_short(metres: float, written: str):
    assert words.distance(metres) == written


def test_properties_are_shown_readably(client: FlaskClient, make):
    properties = {
        "url": "HTTPS://example.org/?a=1&b=<c>",
        "script": "javascript:alert(1)",
        "two": "https://a.example https://b.example",
        "open": True,
        "closed": False,
        "operator": None,
        "note": "",
        "zero": 0,
        "lines": [4, "B"],
        "deep": {"er": {"and": {"even": {"deeper": [1]}}}},
    }
    page = client.get(make(properties=properties)).text
    found = text(page)
    links = re.findall(r'<a href="([^"]*)" rel="nofollow noopener">', page)
    assert [unescape(link) for link in links] == [properties["url"]]
    for said in ["open yes", "closed no", "operator none", "note empty", "zero 0", "lines 4 B"]:
        assert said in found
    assert "deep er : and : even : deeper : [1]" in found
    assert "has no other data" in client.get(make()).text


def test_the_nearest_stations_come_with_their_distances(client: FlaskClient, make):
    paths = [make(name=f"Stop {n}", lng=2.25 + n / 1_000) for n in range(8)]
    page = client.get(paths[0]).text
    assert re.findall(r'href="(/stations/\d+)" dir="auto">Stop', page) == paths[1:6]
    assert re.findall(r"<data [^>]*>([^<]*)", page) == ["74 m", "147 m", "221 m", "295 m", "368 m"]


def test_stations_at_one_place_are_neighbours_but_not_of_themselves(client: FlaskClient, make):
    paths = [make() for _ in range(9)]
    found = re.findall(r'href="(/stations/\d+)" dir="auto">Here', client.get(paths[8]).text)
    assert found == paths[:5]
    assert "There are no other stations" not in client.get(paths[8]).text


def test_a_lonely_station_has_no_neighbours(client: FlaskClient, make):
    assert "There are no other stations." in client.get(make()).text


def test_the_source_is_shown_with_its_last_import(client: FlaskClient, make):
    path = make(source="a&b", updated_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert "imported" not in client.get(path).text
    db.session.add(Import(source="a&b", rows={}, updated_at=datetime(2026, 2, 3, 4, 5, tzinfo=UTC)))
    db.session.commit()
    page = client.get(path).text
    assert 'href="/stations?source=a%26b"' in page
    assert "a&b , imported 3 February 2026, 04:05 UTC" in text(page)
    assert "Last change 2 January 2026, 03:04 UTC" in text(page)


def test_who_changed_a_station_is_shown_only_to_who_is_signed_in(
    app: Flask, signed_in: FlaskClient, make
):
    ada = db.session.scalars(select(ApiToken)).one()
    path, imported = make(changed_by=ada), make()
    assert "UTC by ada" in text(signed_in.get(path).text)
    assert "UTC by an import" in text(signed_in.get(imported).text)
    assert "ada" not in app.test_client().get(path).text


@pytest.mark.parametrize("number", ["7", "9223372036854775808", "9" * 30])
def test_an_unknown_station_is_not_found(client: FlaskClient, number: str):
    response = client.get(f"/stations/{number}", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert f"There is no station {number}." in response.text


def test_search_engines_are_told_what_it_is(client: FlaskClient, make):
    path = make(name=HTML)
    page = client.get(path).text
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)[1]
    assert json.loads(data) == {
        "@context": "https://schema.org",
        "@type": "Place",
        "name": HTML,
        "url": path,
        "geo": {"@type": "GeoCoordinates", "latitude": 48.5, "longitude": 2.25},
    }
    assert f'<link rel="canonical" href="{path}">' in page
    assert "<script>alert" not in page


def test_the_canonical_address_is_absolute_where_the_host_is_known(database_url: str, make):
    path = make()
    with app_on(database_url, TRUSTED_HOSTS=["stations.example"]) as other:
        page = other.test_client().get(path, base_url="https://stations.example").text
    assert f'<link rel="canonical" href="https://stations.example{path}">' in page


def test_the_data_are_one_link_away(client: FlaskClient, make):
    path = make()
    page = client.get(path).text
    for form in ("json", "geojson"):
        address = f"/api{path}?format={form}"
        assert page.count(f'href="{address}"') == 2
        assert client.get(address).status_code == 200


def test_who_is_signed_in_is_led_to_the_forms(app: Flask, signed_in: FlaskClient, make):
    path = make()
    for form in ("edit", "delete"):
        assert f'href="{path}/{form}"' in signed_in.get(path).text
        assert f'href="{path}/{form}"' not in app.test_client().get(path).text


@in_browser
def test_a_browser_adds_a_map_a_button_that_copies_and_the_readers_numbers(
    make, offline_page: Page, live_url: str
):
    make(lng=2.251)
    path = make(name=HTML + "\u05e9" * 100 + "W" * 360, properties={"x" * 300: "y" * 300})
    page = offline_page
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{live_url}{path}")
    expect(page.locator("#place .leaflet-land-pane canvas").first).to_be_visible()
    expect(page.locator("#place .neighbour")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    expect(page.get_by_role("heading", level=1)).to_have_text(HTML + "\u05e9" * 100 + "W" * 360)
    expect(page.locator("data")).to_have_text("74 m")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "48.5, 2.25"
    assert [text for text in said if "Content Security Policy" in text] == []
