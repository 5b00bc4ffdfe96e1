import json
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations.properties import merged

BODY = {"code": "007", "name": "Here", "lat": 1, "lng": 2.5, "properties": {"a": {"b": 1}}}


def test_a_station_is_made_changed_and_deleted(writer: FlaskClient):
    made = writer.post("/api/stations", json=BODY)
    address = made.headers["Location"]
    assert made.status_code == 201
    assert made.get_json() | BODY | {"source": "local"} == made.get_json()
    shown = writer.get(address)
    assert (shown.data, shown.headers["ETag"]) == (made.data, made.headers["ETag"])
    changed = writer.patch(
        address, json={"name": "There", "properties": {"a": {"b": None, "c": 2}, "d": [1]}}
    )
    assert changed.get_json()["name"] == "There"
    assert changed.get_json()["properties"] == {"a": {"c": 2}, "d": [1]}
    assert changed.get_json()["lat"] == 1
    assert changed.headers["ETag"] != made.headers["ETag"]
    gone = writer.delete(address)
    assert (gone.status_code, gone.data) == (204, b"")
    for nowhere in (address, f"/api/stations/{2**63}"):
        for response in (
            writer.get(nowhere),
            writer.delete(nowhere),
            writer.patch(nowhere, json={}),
        ):
            assert response.status_code == 404


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    # The examples of RFC 7396, appendix A.
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_is_merged_as_the_rfc_says(target, patch, result):
    assert merged(target, patch) == result


@pytest.mark.parametrize("form", ["json", "geojson", "csv"])
def test_if_match_takes_the_tag_of_any_format_until_the_station_changes(writer, form: str):
    address = writer.post("/api/stations", json=BODY).headers["Location"]
    tag = writer.get(f"{address}?format={form}").headers["ETag"]
    matched = writer.patch(address, json={"name": "There"}, headers={"If-Match": tag})
    assert matched.status_code == 200
    for refused in [
        writer.patch(address, json={"name": "Nowhere"}, headers={"If-Match": tag}),
        writer.delete(address, headers={"If-Match": tag}),
        writer.delete(address, headers={"If-Match": f"W/{matched.headers['ETag']}"}),
        writer.delete(address, headers={"If-Match": ""}),
    ]:
        assert (refused.status_code, refused.content_type) == (412, "application/problem+json")
    assert writer.get(address).get_json()["name"] == "There"
    assert writer.delete(address, headers={"If-Match": "*"}).status_code == 204


def test_no_update_is_lost_when_all_send_if_match(app: Flask, writer: FlaskClient):
    address = writer.post("/api/stations", json=BODY | {"properties": {"n": 0}}).headers["Location"]
    authorization = writer.environ_base["HTTP_AUTHORIZATION"]

    def count_up() -> None:
        client = app.test_client()
        done = 0
        while done < 10:
            shown = client.get(address)
            response = client.patch(
                address,
                json={"properties": {"n": shown.get_json()["properties"]["n"] + 1}},
                headers={"If-Match": shown.headers["ETag"], "Authorization": authorization},
            )
            assert response.status_code in (200, 412)
            done += response.status_code == 200

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.get(address).get_json()["properties"] == {"n": 40}


def test_a_code_that_is_taken_is_a_conflict_that_names_it(writer: FlaskClient):
    first = writer.post("/api/stations", json=BODY).headers["Location"]
    second = writer.post("/api/stations", json=BODY | {"code": "008"}).headers["Location"]
    for response in [
        writer.post("/api/stations", json=BODY | {"name": "Elsewhere"}),
        writer.patch(second, json={"code": "007"}),
    ]:
        assert response.status_code == 409
        assert first in response.get_json()["detail"]
        assert "007" in response.get_json()["detail"]


def test_what_is_sent_again_after_a_lost_answer_is_answered_with_what_it_made(writer: FlaskClient):
    first = writer.post("/api/stations", json=BODY)
    again = writer.post("/api/stations", json=BODY)
    assert (first.status_code, again.status_code) == (201, 200)
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    assert again.data == first.data


def test_a_rival_that_is_deleted_meanwhile_is_no_servers_error(
    writer: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    writer.post("/api/stations", json=BODY)
    rollback = db.session.rollback

    def rollback_and_delete() -> None:
        rollback()
        with db.engine.begin() as other:
            other.execute(text("DELETE FROM stations"))

    monkeypatch.setattr(db.session, "rollback", rollback_and_delete)
    response = writer.post("/api/stations", json=BODY | {"name": "Elsewhere"})
    assert response.status_code == 409
    assert "send it again" in response.get_json()["detail"]


def test_nothing_is_asked_after_the_commit(writer: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def break_off(*_: object) -> None:
        raise AssertionError("a query after the commit")

    def listen(_: object) -> None:
        event.listen(db.engine, "before_cursor_execute", break_off)

    event.listen(db.session, "after_commit", listen)
    try:
        assert writer.post("/api/stations", json=BODY).status_code == 201
    finally:
        event.remove(db.session, "after_commit", listen)
        event.remove(db.engine, "before_cursor_execute", break_off)


def test_who_changed_a_station_is_kept_if_anything_changed(app: Flask, writer: FlaskClient):
    address = writer.post("/api/stations", json=BODY).headers["Location"]
    assert db.session.scalar(select(Station)).changed_by.name == "t"
    other = app.test_cli_runner().invoke(args=["tokens", "create", "u"]).stdout.strip()
    authorization = {"Authorization": f"Bearer {other}"}
    for patch, name in [({"name": "Here", "lat": 1}, "t"), ({"properties": {"a": None}}, "u")]:
        assert writer.patch(address, json=patch, headers=authorization).status_code == 200
        db.session.expire_all()
        assert db.session.scalar(select(Station)).changed_by.name == name


def test_true_is_not_taken_for_1(writer: FlaskClient):
    body = BODY | {"properties": {"a": 1}}
    address = writer.post("/api/stations", json=body).headers["Location"]
    writer.patch(address, json={"properties": {"a": True}})
    assert writer.get(address).get_json()["properties"]["a"] is True


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_an_integer_of_64_bits_is_kept(writer: FlaskClient, number: int):
    made = writer.post("/api/stations", json=BODY | {"properties": {"n": number}})
    assert made.get_json()["properties"] == {"n": number}


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_larger_integer_is_refused_and_not_rounded(writer: FlaskClient, number: int):
    body = json.dumps(BODY | {"properties": {"n": 0}}).replace('"n": 0', f'"n": [{number:_}]')
    body = body.replace("_", "")
    refused = writer.post("/api/stations", data=body, content_type="application/json")
    assert refused.status_code == 422
    assert "more than 64 bits" in str(refused.get_json()["errors"]["body"])


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"lat": 91}, {"lat"}),
        ({"lat": "1"}, {"lat"}),
        ({"lng": True}, {"lng"}),
        ({"name": "", "code": None}, {"name", "code"}),
        ({"name": "x" * 501}, {"name"}),
        ({"name": "a\0"}, {"name"}),
        ({"name": " \u3000\n", "code": "\t", "source": " "}, {"name", "code", "source"}),
        ({"properties": []}, {"properties"}),
        ({"properties": {"a": ["\0"]}}, {"properties"}),
        ({"properties": {"\0": 1}}, {"properties"}),
        ({"properties": {"stationsapp_source": "s"}}, {"properties"}),
        ({"properties": {"stationsapp_json": []}}, {"properties"}),
        ({"colour": "red"}, {"colour"}),
        ({"id": 5}, {"id"}),
    ],
)
def test_a_field_that_cannot_be_kept_is_named(writer: FlaskClient, change: dict, fields: set):
    response = writer.post("/api/stations", json=BODY | change)
    assert response.status_code == 422
    assert set(response.get_json()["errors"]) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"1", b"null", b'{"lat": NaN}', b'{"lat": Infinity}', b'{"lat": 1e400}',
        b'{"name": "\\ud800"}', b"\xff", b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(writer: FlaskClient, body: bytes):
    response = writer.post("/api/stations", data=body, content_type="application/json")
    assert (response.status_code, response.content_type) == (422, "application/problem+json")


@pytest.mark.parametrize(
    "body", ["[" * 99 + "]" * 99, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900]
)
def test_a_body_that_is_nested_too_deeply_is_refused(writer: FlaskClient, body: str):
    station = f'{{"code":"1","name":"n","lat":1,"lng":2,"properties":{{"a":{body}}}}}'
    address = writer.post("/api/stations", json=BODY).headers["Location"]
    for method, target in [("POST", "/api/stations"), ("PATCH", address)]:
        response = writer.open(target, method=method, data=station, content_type="application/json")
        assert response.status_code == 422
        assert "100 levels deep" in response.text


def test_a_chunked_body_that_is_too_large_is_refused(writer: FlaskClient, live_url: str):
    body = json.dumps(BODY).encode() + b" " * 1_100_000
    connection = HTTPConnection(live_url.removeprefix("http://"))
    with closing(connection):
        with suppress(ConnectionError):  # the server may hang up before it has read all
            connection.request(
                "POST",
                "/api/stations",
                body=iter([body]),
                headers={
                    "Authorization": writer.environ_base["HTTP_AUTHORIZATION"],
                    "Content-Type": "application/json",
                },
                encode_chunked=True,
            )
        with connection.getresponse() as response:
            assert response.status == 413


def test_a_parameter_is_not_ignored(writer: FlaskClient):
    response = writer.post("/api/stations?colour=red", json=BODY)
    assert response.status_code == 422
    assert "colour" in response.get_json()["detail"]


def test_a_body_of_another_type_or_size_is_refused(writer: FlaskClient):
    form = writer.post("/api/stations", data={"name": "x"})
    large = writer.post("/api/stations", json=BODY | {"properties": {"a": "x" * 1_000_000}})
    assert (form.status_code, large.status_code) == (415, 413)
    assert form.content_type == large.content_type == "application/problem+json"
