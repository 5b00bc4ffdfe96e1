"""A resource of another application: `web` knows no station, and needs no database."""

import gc
import json
import weakref

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from marshmallow.validate import Range
from openapi_spec_validator import validate

from stationsapp import web
from stationsapp.web import answers, api
from stationsapp.web.blueprint import Blueprint
from stationsapp.web.fields import BodyFloat, QueryInteger
from stationsapp.web.parser import Parser, StrictSchema

JSON = "application/json"
SHELF = ["Gare du Nord", "Zürich HB"]


class BooksQuery(StrictSchema):
    limit = QueryInteger(load_default=10, validate=Range(1, 100))


class BookBody(StrictSchema):
    title = fields.String(required=True)
    price = BodyFloat()


class BooksSchema(Schema):
    books = fields.List(fields.String(), required=True)


def books_of(shelf: list[str]) -> Blueprint:
    bp = Blueprint("books", __name__, url_prefix="/api/books", description="Books")
    bp.after_request(answers.share)

    @bp.get("")
    @answers.conditional(lambda: answers.tag(len(shelf)))
    @bp.arguments(BooksQuery(), location="query")
    @bp.answers({JSON: BooksSchema})
    @bp.fails(422)
    def index(query: dict) -> Response:
        """List the books."""
        body = json.dumps({"books": shelf[: query["limit"]]}).encode()
        return answers.answer(body, JSON, answers.tag(len(shelf)))

    @bp.post("")
    @bp.arguments(BookBody())
    @bp.alt_response(204)
    @bp.fails(415, 422)
    def create(body: dict) -> Response:
        """Add a book."""
        shelf.append(body["title"])
        return Response(status=204)

    @bp.get("/broken")
    def broken() -> Response:
        raise RuntimeError("a secret")

    return bp


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    app.config.update(API_TITLE="books", API_VERSION="1")
    web.init_app(app)
    api.init_app(app)
    api.register(app, books_of([*SHELF]))
    return app.test_client()


def test_its_list_is_documented(client: FlaskClient):
    description = client.get("/openapi.json").get_json()
    validate(description)
    listed = description["paths"]["/api/books"]["get"]
    assert listed["summary"] == "List the books."
    assert [parameter["name"] for parameter in listed["parameters"]] == ["limit"]
    assert set(listed["responses"]) == {"200", "304", "422", "500", "503", "default"}
    shown = listed["responses"]["200"]["content"][JSON]["schema"]
    assert shown == {"$ref": "#/components/schemas/Books"}
    assert client.get("/docs/").status_code == 200


@pytest.mark.parametrize(
    ("method", "address", "sent", "status", "named"),
    [
        ("GET", "/api/books?colour=red", {}, 422, {"colour"}),
        ("GET", "/api/books?limit=0", {}, 422, {"limit"}),
        ("GET", "/api/books?limit=1&limit=2", {}, 422, {"limit"}),
        ("POST", "/api/books", {"json": {"title": "a", "size": 1}}, 422, {"size"}),
        ("POST", "/api/books", {"json": {"title": "a", "price": "1"}}, 422, {"price"}),
        ("POST", "/api/books", {"data": "title=a"}, 415, None),
        ("DELETE", "/api/books", {}, 405, None),
        ("GET", "/api/nothing", {}, 404, None),
        ("GET", "/api/books/broken", {}, 500, None),
    ],
)
def test_its_errors_are_problems(client: FlaskClient, method, address, sent, status, named):
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    response = client.open(address, method=method, **sent)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert response.get_json()["status"] == status
    assert set(response.get_json().get("errors", ())) == (named or set())
    assert "secret" not in response.text


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient):
    first = client.get("/api/books")
    known = {"If-None-Match": first.headers["ETag"]}
    assert first.get_json() == {"books": SHELF}
    again = client.get("/api/books", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert client.post("/api/books", json={"title": "King's Cross"}).status_code == 204
    changed = client.get("/api/books", headers=known)
    assert changed.get_json() == {"books": [*SHELF, "King's Cross"]}


def test_two_applications_share_nothing():
    apps = [Flask(__name__), Flask(__name__)]
    for number, app in enumerate(apps):
        app.config.update(API_TITLE=f"books {number}", API_VERSION="1")
        web.init_app(app)
        api.init_app(app)
    api.register(apps[1], books_of([]))
    first, second = (app.test_client().get("/openapi.json").get_json() for app in apps)
    assert (first["info"]["title"], second["info"]["title"]) == ("books 0", "books 1")
    assert "/api/books" in second["paths"]
    assert "paths" not in first or "/api/books" not in first["paths"]


@pytest.mark.parametrize(
    ("accept", "asked", "form"),
    [
        (None, None, "json"),
        ("text/csv", None, "csv"),
        ("text/csv;q=0.1, application/json", None, "json"),
        ("text/*", None, "csv"),
        ("image/png", "csv", "csv"),
    ],
)
def test_the_wanted_format_is_asked_for_or_accepted(accept, asked, form):
    headers = {"Accept": accept} if accept else {}
    with Flask(__name__).test_request_context(headers=headers):
        assert answers.wanted(asked, {"json": JSON, "csv": "text/csv"}) == form


def test_a_tag_tells_requests_versions_and_shapes_apart():
    app = Flask(__name__)
    tags = []
    for address, version, shape in [("/a", 1, ""), ("/b", 1, ""), ("/a", 2, ""), ("/a", 1, "x")]:
        with app.test_request_context(address):
            tags.append(answers.tag(version, shape))
    assert len(set(tags)) == 4


def test_a_stream_is_sent_in_pieces_worth_sending():
    sent = list(answers.chunks([b"x" * 1000] * 200))
    assert b"".join(sent) == b"x" * 200_000
    assert all(len(piece) >= answers.CHUNK for piece in sent[:-1])
    assert len(sent) == 4


def test_a_schema_that_was_made_for_a_request_is_not_kept():
    query = BooksQuery()
    with Flask(__name__).test_request_context("/"):
        assert Parser().parse(query, location="query") == {"limit": 10}
    kept = weakref.ref(query)
    del query
    gc.collect()
    assert kept() is None
