"""The list: pages of stations, without JavaScript."""

import re
from html import unescape

import pytest
from browser import in_browser
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations.pages import listing

STATION = {"source": "one", "lat": 1, "lng": 2}
NAMES = ["Zug", "Évry", "de Pijp", "Evian", "Dax", "Örebro", "Dijon", "Zürich HB", "Oslo S"]
SORTED = ["Dax", "de Pijp", "Dijon", "Evian", "Évry", "Oslo S", "Örebro", "Zug", "Zürich HB"]


@pytest.fixture
def fill(app: Flask):
    """Make stations, each of one name or with more values."""

    def make(*stations: str | dict) -> None:
        rows = [{"name": one} if isinstance(one, str) else one for one in stations]
        with db.engine.begin() as connection:
            connection.execute(
                insert(Station), [STATION | {"code": str(n)} | row for n, row in enumerate(rows)]
            )

    return make


def names(page: str) -> list[str]:
    found = re.findall(r'<td><a href="/stations/\d+" dir="auto">(.*?)</a>', page)
    return [unescape(name) for name in found]


def link(page: str, text: str) -> str | None:
    found = re.search(rf'href="([^"]*)"[^>]*>{text}<', page)
    return found and unescape(found[1])


def pages(client: FlaskClient, path: str) -> list[list[str]]:
    """Follow the links to the next page, and return the names on each page."""
    found = []
    while path:
        page = client.get(path).text
        found.append(names(page))
        path = link(page, "Next page")
    return found


def test_names_are_in_order_in_any_case_and_with_accents_after_those_without(
    client: FlaskClient, fill
):
    fill(*NAMES)
    assert names(client.get("/stations").text) == SORTED
    assert names(client.get("/stations?sort=id").text) == NAMES


SAME = [*["Same"] * 4, "Ä" * 500, "Ä" * 499 + "B", "\u05e9\u05dc\u05d5\u05dd", "🚉" * 500, *NAMES]


@pytest.mark.parametrize("sort", ["name", "id"])
@pytest.mark.parametrize("filters", ["", "&source=one", "&bbox=0,0,9,9", "&q=same"])
def test_pages_follow_one_another_without_gap_or_overlap(
    client: FlaskClient, fill, monkeypatch: pytest.MonkeyPatch, sort: str, filters: str
):
    fill(*SAME)
    path = f"/stations?sort={sort}{filters}"
    whole = names(client.get(path).text)
    monkeypatch.setattr(listing, "PAGE", 3)
    found = pages(client, path)
    assert [len(page) for page in found[:-1]] == [3] * (len(found) - 1)
    assert [name for page in found for name in page] == whole
    assert sorted(whole) == sorted(SAME if "q=" not in filters else ["Same"] * 4)


def test_the_form_and_the_links_keep_what_was_asked_for(client: FlaskClient, fill):
    fill("Gare du Nord", "Gare de Lyon", {"name": "Gare", "source": "a&b"}, "Nord")
    page = client.get("/stations?q=gare&source=one&bbox=0,0,9,9&sort=id").text
    assert names(page) == ["Gare du Nord", "Gare de Lyon"]
    assert 'value="gare"' in page
    assert "<option selected>one</option>" in page
    assert "<option>a&amp;b</option>" in page
    assert '<input type="hidden" name="bbox" value="0,0,9,9">' in page
    assert '<input type="hidden" name="sort" value="id">' in page
    assert link(page, "Show on the map") == "/?q=gare&source=one"
    assert link(page, "Name") == "/stations?sort=name&bbox=0,0,9,9&source=one&q=gare"
    for form in ("json", "geojson", "csv"):
        for all_ in ("", "&all=true"):
            path = f"/api/stations?format={form}{all_}&bbox=0,0,9,9&source=one&q=gare"
            assert f'href="{path.replace("&", "&amp;")}"' in page
            assert client.get(path).text.count("Gare d") == 2


def test_fields_left_empty_are_no_filters(client: FlaskClient, fill):
    fill("Gare du Nord")
    assert names(client.get("/stations?q=&source=").text) == ["Gare du Nord"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("bbox=1,2,3", "bbox: Expected west,south,east,north"),
        ("bbox=a,2,3,4", "bbox: Not a valid number."),
        ("sort=size", "sort: Must be one of: name, id."),
        ("cursor=-1", "cursor: Not a valid integer."),
        ("q=%00", "q: must not contain a NUL character"),
        (f"q={'x' * 201}", "q: Length must be between 1 and 200."),
        ("page=2", "page: There is no such parameter."),
        ("<b>=2", "&lt;b&gt;: There is no such parameter."),
    ],
)
def test_what_is_wrong_with_the_address_is_said(client: FlaskClient, query: str, wrong: str):
    response = client.get(f"/stations?{query}")
    assert response.status_code == 422
    assert wrong in re.sub("</?bdi>", "", response.text)
    assert link(response.text, "Show all stations") == "/stations"


@pytest.mark.parametrize(
    ("stations", "path", "said"),
    [
        ([], "/stations", "flask stations import FILE"),
        ([], "/stations?q=x", "No stations found."),
        (["Here"], "/stations?source=other", "No stations found."),
        (["Here"], "/stations?cursor=9&after=There", "There are no more stations."),
        (["Here"], "/stations", "1 station<"),
        (["Here", "There"], "/stations", "2 stations<"),
    ],
)
def test_each_state_says_what_it_is(client: FlaskClient, fill, stations, path: str, said: str):
    if stations:
        fill(*stations)
    assert said in " ".join(client.get(path).text.split())


@in_browser
@pytest.mark.browser_context_args(java_script_enabled=False, viewport={"width": 320, "height": 640})
def test_the_list_works_on_a_small_screen_without_javascript(
    fill, offline_page: Page, live_url: str
):
    fill("<img src=x> " + "W" * 480, "\u202eevil", *(f"Station {n:03}" for n in range(60)))
    page = offline_page
    page.goto(f"{live_url}/stations")
    expect(page.locator("tbody tr")).to_have_count(50)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("tbody tr")).to_have_count(12)
    page.get_by_label("Words in the name").fill("STATION 05")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_role("link", name="Station 05").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Station 050")
