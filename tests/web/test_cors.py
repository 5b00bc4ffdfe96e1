import pytest
from flask.testing import FlaskClient

EVERYWHERE = [
    ("GET", "/api/stations", 200),
    ("GET", "/api/stations/1", 404),
    ("GET", "/api/nothing", 404),
    ("GET", "/api", 404),
    ("GET", "/api/stations?limit=x", 422),
    ("PUT", "/api/stations", 405),
    ("POST", "/api/stations", 401),
    ("DELETE", "/api/stations/1", 401),
    ("GET", "/openapi.json", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
def test_other_origins_may_read_each_response_of_the_api(
    client: FlaskClient, method: str, path: str, status: int
):
    response = client.open(path, method=method, headers={"Origin": "https://other.example"})
    assert response.status_code == status
    assert response.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("path", ["/", "/stations", "/apiary", "/health/live"])
def test_other_origins_may_not_read_pages(client: FlaskClient, path: str):
    assert "Access-Control-Allow-Origin" not in client.get(path).headers


@pytest.mark.parametrize("path", ["/api/stations", "/api/stations/1", "/api/stations/nearest"])
def test_a_browser_may_send_what_clients_add(client: FlaskClient, path: str):
    asked = {"Access-Control-Request-Method": "PATCH", "Origin": "https://other.example"}
    response = client.options(path, headers=asked)
    assert response.status_code == 200
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"x-requested-with", "cache-control", "authorization", "if-match", "*"} <= set(allowed)
    methods = response.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(methods)
