"""Adding, changing and deleting a station, by plain HTTP and in two browsers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from browser import in_browser
from flask import Flask
from flask.testing import FlaskClient
from forms import Fields, resubmit, submit
from markupsafe import escape
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, text

from stationsapp.extensions import db
from stationsapp.models import ApiToken, Station
from stationsapp.stations import locks, saving
from stationsapp.stations.feeds import same

HERE = {"source": "local", "code": "007", "name": "Here", "lat": 48.88, "lng": 2.35}
TYPED = {name: str(value) for name, value in HERE.items()}
FIRST = "properties-0-"


@pytest.fixture
def other(app: Flask) -> ApiToken:
    """Somebody else who writes."""
    db.session.add(ApiToken(name="bob", digest="x"))
    db.session.commit()
    return db.session.scalar(select(ApiToken).filter_by(name="bob"))


def make(**values: object) -> str:
    """Make a station and return the address of its page."""
    station = Station(**HERE | values)
    db.session.add(station)
    db.session.commit()
    return f"/stations/{station.id}"


def change(address: str, by: ApiToken | None = None, **values: object) -> None:
    """Change a station as somebody else does."""
    station = db.session.get(Station, address.rpartition("/")[2])
    for name, value in values.items():
        setattr(station, name, value)
    station.changed_by = by
    db.session.commit()


def saved(address: str) -> Station:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get(Station, address.rpartition("/")[2])


def values(station: Station) -> dict[str, object]:
    return {name: getattr(station, name) for name in HERE}


def edit(client: FlaskClient, address: str, **changes: str):
    """Open the form of a station, change some fields, and send it."""
    path = f"{address}/edit"
    return resubmit(client, path, client.get(path).text, **changes)


def test_a_station_is_added_as_typed(signed_in: FlaskClient):
    row = {f"{FIRST}key": "tracks", f"{FIRST}kind": "Number", f"{FIRST}value": "42"}
    response = submit(signed_in, "/stations/new", **TYPED | {"lat": " 48,88 "} | row)
    assert response.location == "/stations/1"
    station = saved("/stations/1")
    assert (values(station), station.properties) == (HERE, {"tracks": 42})
    assert station.changed_by.name == "ada"
    assert "<bdi>Here</bdi> was saved." in signed_in.get("/stations/1").text


def test_the_form_of_a_new_station_starts_where_the_map_was_clicked(signed_in: FlaskClient):
    sent = Fields(signed_in.get("/stations/new?lat=48.88&lng=2.35").text).sent
    assert (sent["lat"], sent["lng"], sent["source"]) == ("48.88", "2.35", "local")
    assert sent["code"]


def test_sending_a_new_station_twice_adds_it_once(signed_in: FlaskClient):
    answers = [submit(signed_in, "/stations/new", **TYPED) for _ in range(2)]
    assert [answer.location for answer in answers] == ["/stations/1"] * 2


@pytest.mark.parametrize("path", ["/stations/new?lat=1", "/stations/1/edit", "/stations/1/delete"])
def test_who_is_signed_out_signs_in_first_and_comes_back(
    client: FlaskClient, token: str, path: str
):
    make()
    asked = client.get(path)
    assert "Please sign in" in client.get(asked.location).text
    assert submit(client, asked.location, token=token).location == path
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": " \t"}, "Enter a name."),
        ({"name": "x" * 501}, "Use at most 500 characters, not 501."),
        ({"code": "x" * 256}, "Use at most 255 characters, not 256."),
        ({"source": ""}, "Enter a source."),
        ({"name": "a\0b"}, "Remove the NUL character"),
        ({"lat": "90.1"}, "Enter degrees from -90 to 90, such as 48.8809."),
        ({"lat": "1,000.5"}, "Enter degrees from -90 to 90"),
        ({"lng": "here"}, "Enter degrees from -180 to 180"),
        ({"lng": "nan"}, "Enter degrees from -180 to 180"),
        ({f"{FIRST}kind": "Number", f"{FIRST}value": "007"}, "Enter a number such as 42"),
        ({f"{FIRST}kind": "JSON", f"{FIRST}value": "{"}, "Not JSON"),
        ({f"{FIRST}kind": "JSON", f"{FIRST}value": "[" * 101 + "]" * 101}, "100 levels deep"),
        ({f"{FIRST}kind": "JSON", f"{FIRST}value": '"\\u0000"'}, "NUL character"),
        ({f"{FIRST}kind": "JSON", f"{FIRST}value": "9" * 30}, "more than 64 bits"),
        ({f"{FIRST}kind": "Colour"}, "Not a valid choice"),
        ({f"{FIRST}key": ""}, "Enter a name for this value."),
        ({f"{FIRST}key": "\0"}, "Remove the NUL character"),
        ({"properties-7-key": " a "}, "Another property has this name."),
        ({f"{FIRST}key": "stationsapp_json"}, "Exports use this name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    signed_in: FlaskClient, typed: dict[str, str], message: str
):
    sent = TYPED | {f"{FIRST}key": "a", f"{FIRST}kind": "Text", f"{FIRST}value": "<b>"} | typed
    sent |= {"properties-7-kind": "Text", "properties-7-value": "2"}
    response = submit(signed_in, "/stations/new", **sent)
    assert response.status_code == 422
    field = list(typed)[-1].replace("-7-", "-1-")
    assert f'aria-describedby="{field}-error' in response.text or field in ("source", "code")
    assert f'href="#{field}"' in response.text
    said = response.text.partition(f'id="{field}-error">')[2].partition("</p>")[0]
    assert message in said
    shown = Fields(response.text).sent
    for name, value in sent.items():
        assert shown[name.replace("-7-", "-1-")] == value or value == "Colour"
    assert saved("/stations/1") is None


def test_signed_out_meanwhile_the_form_comes_back_and_can_be_sent_after_signing_in(
    app: Flask, signed_in: FlaskClient
):
    page = signed_in.get("/stations/new").text
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    response = resubmit(signed_in, "/stations/new", page, **TYPED)
    assert "You are signed out" in response.text
    assert "Sign in in another tab" in response.text
    token = app.test_cli_runner().invoke(args=["tokens", "create", "eve"]).stdout
    submit(signed_in, "/sign-in", token=token)
    again = resubmit(signed_in, "/stations/new", response.text)
    assert "This form has expired" in again.text
    assert resubmit(signed_in, "/stations/new", again.text).location == "/stations/1"
    assert saved("/stations/1").changed_by.name == "eve"


PROPERTIES = {
    "text": "007",
    "whole": 42,
    "long": 123456789012345678901234567890,
    "decimal": 1.50,
    "yes": True,
    "nothing": None,
    "nested": {"b": [1, {"c": "d"}], "a": "é"},
    "lines": "\n one\r\ntwo\n\n",
    " spaces\n": " x ",
    "": "no name",
    "markup": "</textarea><script>alert(1)</script>\"'",
    "empty": "",
}


def test_what_is_not_edited_stays_exactly_what_it_was(signed_in: FlaskClient):
    odd = {"name": " A\nB\r\n ", "code": " 7\t", "lat": 1e-05, "lng": -179.99999999999997}
    address = make(**odd, properties=PROPERTIES)
    before = saved(address).updated_at
    assert edit(signed_in, address).location == address
    station = saved(address)
    assert same(station.properties, PROPERTIES)
    assert values(station) == HERE | odd
    assert (station.updated_at, station.changed_by) == (before, None)
    assert edit(signed_in, address, name="C").location == address
    assert same(saved(address).properties, PROPERTIES)
    assert saved(address).changed_by.name == "ada"


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("Text", "42", "42"),
        ("Text", "one\r\ntwo", "one\ntwo"),
        ("Number", " 42 ", 42),
        ("Number", "-1.5e3", -1500.0),
        ("JSON", "true", True),
        ("JSON", "null", None),
        ("JSON", '{"a": [1]}', {"a": [1]}),
    ],
)
def test_a_value_has_the_type_of_its_kind(
    signed_in: FlaskClient, kind: str, typed: str, value: object
):
    address = make(properties={"a": 1})
    edit(signed_in, address, **{f"{FIRST}kind": kind, f"{FIRST}value": typed})
    assert repr(saved(address).properties) == repr({"a": value})


def test_rows_are_added_and_removed_without_javascript(signed_in: FlaskClient):
    address = make(properties={"a": "1", "b": "2", "c": "3"})
    path = f"{address}/edit"
    page = signed_in.get(path).text
    rows = page.count("-key")
    page = resubmit(signed_in, path, page, add="1", name="There").text
    assert page.count("-key") > rows
    page = resubmit(signed_in, path, page, remove="properties-1").text
    cleared = {f"{FIRST}key": "", f"{FIRST}value": ""}
    assert resubmit(signed_in, path, page, **cleared).location == address
    assert (saved(address).name, saved(address).properties) == ("There", {"c": "3"})


@pytest.mark.parametrize("path", ["/stations/new", "/stations/2/edit"])
def test_a_code_that_is_taken_is_told_with_a_link_to_who_has_it(signed_in: FlaskClient, path: str):
    make(name="<i>First</i>", lat=1)
    make(code="2", lat=2)
    page = signed_in.get(path).text
    response = resubmit(signed_in, path, page, **TYPED | {"lat": "3", "name": "Third"})
    assert response.status_code == 422
    assert '<a href="/stations/1" dir="auto">&lt;i&gt;First&lt;/i&gt;</a>' in response.text
    assert Fields(response.text).sent["name"] == "Third"


@pytest.mark.parametrize(
    ("name", "lat", "is_told"),
    [
        ("Gare du Nord", "48.8801", True),
        ("Paris gare du nord", "48.88", True),
        ("GARE DU NÔRD", "48.88", True),
        ("Gare du Nrod", "48.88", True),
        ("Gare du Nord", "48.882", False),
        ("Gare de l'Est", "48.88", False),
    ],
)
def test_a_station_like_one_nearby_is_saved_on_a_second_try(
    signed_in: FlaskClient, name: str, lat: str, is_told: bool
):
    make(name="Gare du Nord")
    typed = TYPED | {"name": name, "lat": lat, "code": "2"}
    response = submit(signed_in, "/stations/new", **typed)
    if is_told:
        assert response.status_code == 422
        assert "Save anyway" in response.text
        response = resubmit(signed_in, "/stations/new", response.text)
    assert response.location == "/stations/2"
    # What is there already is no news when something else is changed.
    assert edit(signed_in, "/stations/2", code="3").location == "/stations/2"


def test_a_change_by_somebody_else_is_shown_beside_mine_and_nothing_is_overwritten(
    signed_in: FlaskClient, other: ApiToken
):
    address = make(properties={"a": 1, "b": 1, "c": 1, "d": 1})
    path = f"{address}/edit"
    page = signed_in.get(path).text
    theirs = {"a": 2, "b": 2, "d": 1, "e": 9}
    change(address, other, name="Theirs", lat=1, properties=theirs)
    mine = {"name": "Mine", "lng": "7", "properties-0-value": "3", "properties-2-value": "3"}
    page = resubmit(signed_in, path, page, **mine).text
    assert "<bdi>bob</bdi> has changed this station" in page
    assert (saved(address).name, saved(address).changed_by) == ("Theirs", other)
    shown = Fields(page).sent
    assert (shown["name"], shown["lat"], shown["lng"]) == ("Mine", "48.88", "7")
    conflicts = page.split('name="theirs-')
    chosen = {
        field: f"theirs-{number}"
        for field in ("name", "position", "properties.a", "properties.c")
        for number in range(1, 9)
        if f'name="theirs-{number}" value="{field}"' in page
    }
    assert list(chosen) == ["name", "position", "properties.a", "properties.c"], conflicts
    take = {chosen["name"]: "name", chosen["properties.c"]: "properties.c"}
    assert resubmit(signed_in, path, page, **take).location == address
    station = saved(address)
    assert (station.name, station.lat, station.lng) == ("Theirs", 48.88, 7)
    assert station.properties == {"a": 3, "b": 2, "d": 1, "e": 9}


def test_what_is_chosen_is_kept_when_something_else_is_wrong(
    signed_in: FlaskClient, other: ApiToken
):
    address = make(properties={"a": 1})
    path = f"{address}/edit"
    page = signed_in.get(path).text
    change(address, other, name="Theirs", properties={})
    page = resubmit(signed_in, path, page, **{"name": "Mine", f"{FIRST}value": "2"}).text
    theirs = {"theirs-1": "name", "theirs-2": "properties.a", "theirs-3": "properties.a"}
    page = resubmit(signed_in, path, page, **theirs, code="").text
    assert Fields(page).sent["name"] == "Theirs"
    assert resubmit(signed_in, path, page, code="8").location == address
    assert (saved(address).name, saved(address).properties) == ("Theirs", {})


def test_the_same_change_by_two_is_no_conflict(signed_in: FlaskClient, other: ApiToken):
    address = make()
    page = signed_in.get(f"{address}/edit").text
    change(address, other, name="Same")
    assert resubmit(signed_in, f"{address}/edit", page, name="Same", code="8").location == address
    assert (saved(address).name, saved(address).code) == ("Same", "8")


@pytest.mark.parametrize("before", ["", "forged", "eyJuYW1lIjoiVGhlaXJzIn0.forged"])
def test_a_form_that_does_not_say_what_it_was_made_from_overwrites_nothing(
    signed_in: FlaskClient, before: str
):
    address = make(properties={"a": 1})
    page = edit(signed_in, address, before=before, name="Mine").text
    assert "nothing was saved yet" in page
    assert saved(address).name == "Here"


def test_a_station_deleted_meanwhile_can_be_added_again(signed_in: FlaskClient):
    address = make(properties={"a": 1})
    path = f"{address}/edit"
    page = signed_in.get(path).text
    db.session.delete(saved(address))
    db.session.commit()
    response = resubmit(signed_in, path, page, name="Mine")
    assert response.status_code == 422
    assert "Somebody else has deleted this station in the meantime." in response.text
    assert 'action="/stations/new"' in response.text
    again = resubmit(signed_in, "/stations/new", response.text)
    assert (saved(again.location).name, saved(again.location).properties) == ("Mine", {"a": 1})


@pytest.mark.parametrize("path", ["/stations/new", "/stations/1/edit", "/stations/1/delete"])
def test_while_its_source_is_imported_a_station_waits_and_is_not_lost(
    signed_in: FlaskClient, path: str
):
    make(lat=1)
    typed = {} if path.endswith("delete") else {"name": "Typed", "code": "8"}
    page = signed_in.get(f"{path}?lat=5&lng=6").text
    with db.engine.begin() as importing:
        locks.wait_for_imports(importing, "local")
        response = resubmit(signed_in, path, page, **typed)
        assert response.status_code == 422
        assert "source local is being imported right now" in response.text
    assert resubmit(signed_in, path, response.text).status_code == 302


def test_a_station_is_deleted_after_being_asked_once(signed_in: FlaskClient):
    address = make(name="<i>Here</i>")
    page = signed_in.get(f"{address}/delete").text
    assert "Delete <bdi>&lt;i&gt;Here&lt;/i&gt;</bdi>?" in page
    assert saved(address)
    assert resubmit(signed_in, f"{address}/delete", page).location == "/stations"
    assert saved(address) is None
    assert "<bdi>&lt;i&gt;Here&lt;/i&gt;</bdi> was deleted." in signed_in.get("/stations").text
    for path in (f"{address}/delete", f"{address}/edit", f"/stations/{2**63}/edit"):
        assert signed_in.get(path).status_code == 404
    assert resubmit(signed_in, f"{address}/delete", page).status_code == 404


def test_a_station_that_has_changed_is_not_deleted_unseen(signed_in: FlaskClient, other: ApiToken):
    address = make()
    page = signed_in.get(f"{address}/delete").text
    change(address, other, name="Important")
    response = resubmit(signed_in, f"{address}/delete", page)
    assert "Somebody has changed this station" in response.text
    assert "Important" in response.text
    assert resubmit(signed_in, f"{address}/delete", response.text).status_code == 302


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        (
            "UPDATE stations SET name = 'Important'",
            "Somebody has changed this station",
        ),
        ("DELETE FROM stations", "Somebody has just deleted it"),
    ],
)
def test_a_change_between_reading_and_locking_is_seen(
    signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch, statement: str, answer: str
):
    address = make()
    page = signed_in.get(f"{address}/delete").text

    def meanwhile(*_: object) -> None:
        with db.engine.begin() as connection:
            connection.execute(text(statement))

    monkeypatch.setattr(saving, "keep_imports_out", meanwhile)
    assert answer in resubmit(signed_in, f"{address}/delete", page).text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "محطة القطار", "🚉" * 500, "a" * 500, "\"'&amp;"]
)
def test_a_name_of_any_characters_is_shown_as_text(signed_in: FlaskClient, name: str):
    address = make(name=name, properties={name: name})
    for page in (signed_in.get(f"{address}/edit").text, signed_in.get(f"{address}/delete").text):
        assert "<script>alert" not in page
        assert escape(name) in page
    assert edit(signed_in, address, code="8").location == address
    assert (saved(address).name, saved(address).properties) == (name, {name: name})


def test_of_many_that_save_at_once_each_sees_what_it_changes(app: Flask, signed_in: FlaskClient):
    address = make(properties={"n": 0})
    path = f"{address}/edit"
    page = signed_in.get(path).text
    cookie = signed_in.get_cookie("session").value

    def send(number: int) -> int:
        client = app.test_client()
        client.set_cookie("session", cookie)
        return resubmit(client, path, page, **{f"{FIRST}value": str(number)}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(1, 7))) == [302] + [422] * 5


def position(page: Page) -> tuple[float, float]:
    return tuple(float(page.get_by_label(name).input_value()) for name in ("Latitude", "Longitude"))


@in_browser
def test_the_pin_is_put_dragged_moved_by_keys_and_by_typing(editor: Page, live_url: str):
    editor.goto(f"{live_url}/stations/new")
    map_ = editor.get_by_role("region", name="Map")
    pin = editor.get_by_role("button", name="The station")
    map_.click(position={"x": 120, "y": 90})
    expect(pin).to_be_visible()
    clicked = position(editor)
    box = pin.bounding_box()
    assert min(box["width"], box["height"]) >= 44
    tip = (box["x"] + 22, box["y"] + 34)
    editor.mouse.move(*tip)
    editor.mouse.down()
    editor.mouse.move(tip[0] + 60, tip[1] + 40, steps=5)
    editor.mouse.up()
    dragged = position(editor)
    assert dragged[0] < clicked[0]
    assert dragged[1] > clicked[1]
    pin.focus()
    pin.press("ArrowUp")
    pin.press("ArrowLeft")
    pressed = position(editor)
    assert pressed[0] > dragged[0]
    assert pressed[1] < dragged[1]
    expect(editor.locator("#moved")).to_have_text(f"Now at {pressed[0]}, {pressed[1]}")
    editor.get_by_label("Latitude").fill("48,88")
    editor.get_by_label("Longitude").fill("2.35")
    expect(pin).to_be_visible()
    editor.get_by_label("Latitude").fill("x")
    expect(pin).to_have_count(0)
    map_.focus()
    map_.press("Enter")  # puts it in the middle, and doesn't send the form
    expect(pin).to_be_visible()
    editor.get_by_label("Name", exact=True).fill("Here")
    placed = position(editor)
    editor.get_by_label("Name", exact=True).press("Enter")
    expect(editor.get_by_text("Here was saved.")).to_be_visible()
    assert (saved("/stations/1").lat, saved("/stations/1").lng) == placed


@in_browser
def test_two_browsers_that_edit_a_station_overwrite_nothing(
    app: Flask, editor: Page, browser: Browser, live_url: str, token: str
):
    address = make(properties={"tracks": 2})
    context = browser.new_context(storage_state=editor.context.storage_state())
    second = context.new_page()
    for page in (editor, second):
        page.goto(f"{live_url}{address}/edit")
    second.get_by_label("Name", exact=True).fill("Second")
    second.get_by_label("Value of property 1").fill("3")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("Second was saved.")).to_be_visible()
    context.close()
    editor.get_by_label("Name", exact=True).fill("First")
    editor.get_by_label("Latitude").fill("50")
    editor.get_by_role("button", name="Save").click()
    expect(editor.locator(".notes")).to_be_focused()
    expect(editor.get_by_text("has changed this station since you opened it")).to_be_visible()
    expect(editor.get_by_label("First")).to_be_checked()
    editor.get_by_label("Second").check()
    editor.get_by_role("button", name="Save").click()
    expect(editor.get_by_text("Second was saved.")).to_be_visible()
    station = saved(address)
    assert (station.name, station.lat, station.properties) == ("Second", 50, {"tracks": 3})
