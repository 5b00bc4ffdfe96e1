import pytest
from flask.testing import FlaskClient

pytestmark = pytest.mark.usefixtures("sample_stations")


def test_the_list_comes_in_pages_that_lead_to_the_next(client: FlaskClient):
    seen, address = [], "/api/stations?limit=100"
    while address:
        response = client.get(address)
        body = response.get_json()
        seen += [station["id"] for station in body["stations"]]
        link = f'<{body["next"]}>; rel="next"' if body["next"] else None
        assert response.headers.get("Link") == link
        address = body["next"]
    assert seen == list(range(1, 272))


def test_a_page_that_is_exactly_full_is_the_last(client: FlaskClient):
    assert client.get("/api/stations?limit=271").get_json()["next"] is None


def test_a_station_is_shown_with_all_its_fields(client: FlaskClient):
    station = client.get("/api/stations/1").get_json()
    assert set(station) == {
        "id", "source", "code", "name", "lat", "lng", "properties", "created_at", "updated_at",
    }  # fmt: skip
    assert station["source"] == "sample"


def test_nearest_gives_ten_with_distances_in_metres(client: FlaskClient):
    stations = client.get("/api/stations/nearest?lat=48.8809&lng=2.3553").get_json()["stations"]
    assert len(stations) == 10
    assert stations[0]["name"] == "Gare du Nord"
    assert stations[0]["distance"] < 300


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/api/stations?limit=0", {"limit"}),
        ("/api/stations?limit=1001", {"limit"}),
        ("/api/stations?limit=ten", {"limit"}),
        ("/api/stations?cursor=-1", {"cursor"}),
        ("/api/stations?cursor=9223372036854775808", {"cursor"}),
        ("/api/stations?colour=red", {"colour"}),
        ("/api/stations/nearest", {"lat", "lng"}),
        ("/api/stations/nearest?lat=91&lng=0", {"lat"}),
        ("/api/stations/nearest?lat=nan&lng=inf", {"lat", "lng"}),
        ("/api/stations/nearest?lat=1e400&lng=", {"lat", "lng"}),
        ("/api/stations/nearest?lat=0&lng=180.1&limit=0&x=", {"lng", "limit", "x"}),
    ],
)
def test_a_bad_parameter_is_named(client: FlaskClient, address: str, fields: set[str]):
    response = client.get(address)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert set(response.get_json()["errors"]) == fields


@pytest.mark.parametrize("lat", ["1e-320", "-0", "5e-324", "90", "-90"])
@pytest.mark.parametrize("lng", ["1e-320", "180", "-180"])
def test_nearest_answers_at_any_point(client: FlaskClient, lat: str, lng: str):
    response = client.get(f"/api/stations/nearest?lat={lat}&lng={lng}")
    assert len(response.get_json()["stations"]) == 10


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/stations/272", 404),
        ("GET", "/api/stations/99999999999999999999999", 404),
        ("GET", "/api/stations/one", 404),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/stations", 405),
    ],
)
def test_errors_are_problem_documents(client: FlaskClient, method, address, status):
    response = client.open(address, method=method)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert response.get_json()["status"] == status
