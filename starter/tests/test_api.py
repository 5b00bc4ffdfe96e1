import pytest
from flask.testing import FlaskClient


def test_what_is_created_is_shown_and_listed(writer: FlaskClient):
    body = {"name": "One", "rating": 4.5, "starts_at": "2026-05-01T10:00:00+00:00"}
    created = writer.post("/api/widgets", json=body)
    assert created.status_code == 201
    assert created.json | body | {"status": "draft"} == created.json
    assert created.json["changed_by"] == {"id": 1, "name": "ada"}
    assert writer.get(created.location).json == created.json
    assert writer.get("/api/widgets").json == {"widgets": [created.json], "next": None}


def test_a_change_keeps_the_other_fields(writer: FlaskClient):
    writer.post("/api/widgets", json={"name": "One", "rating": 1})
    changed = writer.patch("/api/widgets/1", json={"status": "active"}).json
    assert (changed["name"], changed["rating"], changed["status"]) == ("One", 1, "active")


def test_what_is_deleted_is_gone(writer: FlaskClient):
    writer.post("/api/widgets", json={"name": "One"})
    assert writer.delete("/api/widgets/1").status_code == 204
    assert writer.get("/api/widgets/1").status_code == 404


def test_pages_follow_one_another(writer: FlaskClient):
    for name in ("One", "Two", "Three"):
        writer.post("/api/widgets", json={"name": name})
    first = writer.get("/api/widgets?limit=2").json
    second = writer.get(first["next"]).json
    assert [widget["name"] for widget in first["widgets"] + second["widgets"]] == [
        "One",
        "Two",
        "Three",
    ]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "One", "status": "unknown"}, "status"),
        ({"name": "One", "rating": 6}, "rating"),
        ({"name": "One", "rating": "4"}, "rating"),
        ({"name": "One", "starts_at": "2026-05-01T10:00:00"}, "starts_at"),
        ({"name": "One", "starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"name": "One", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(writer: FlaskClient, body: dict, field: str):
    response = writer.post("/api/widgets", json=body)
    assert (response.status_code, [*response.json["errors"]]) == (422, [field])


@pytest.mark.parametrize("query", ["limit=0", "after=-1", f"after={2**63}", "unknown=1"])
def test_a_wrong_parameter_is_refused(client: FlaskClient, query: str):
    assert client.get(f"/api/widgets?{query}").status_code == 422


@pytest.mark.parametrize("widget_id", [1, 2**63, 10**30])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_is_not_there_is_404(writer: FlaskClient, method: str, widget_id: int):
    body = {} if method == "PATCH" else None
    response = writer.open(f"/api/widgets/{widget_id}", method=method, json=body)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/widgets"), ("PATCH", "/api/widgets/1"), ("DELETE", "/api/widgets/1")],
)
def test_writing_needs_a_token(client: FlaskClient, method: str, path: str):
    assert client.open(path, method=method, json={"name": "One"}).status_code == 401


def test_the_api_is_documented(client: FlaskClient):
    assert "/api/widgets/{widget_id}" in client.get("/openapi.json").json["paths"]
    assert client.get("/docs/").status_code == 200
