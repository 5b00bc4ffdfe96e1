"""Clients that generators make of the API's description work as they come out."""

import json
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask import Flask

BOX = [5.9, 45.8, 10.5, 47.8]
BODY = {"code": "8503000", "name": "Zürich HB", "lat": 47.3779, "lng": 8.5403}

pytestmark = [
    pytest.mark.skipif(
        not find_spec("openapi_python_client"), reason="the extra 'clients' isn't installed"
    ),
    pytest.mark.usefixtures("sample_stations"),
]


@pytest.fixture
def description(app: Flask, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    app.test_cli_runner().invoke(args=["openapi", "write", str(path)])
    return path


def generate(tool: str, *options: str | Path) -> None:
    command = [Path(sys.executable).with_name(tool), "generate", *options]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr


def test_openapi_python_client(
    description: Path, live_url: str, token: str, monkeypatch: pytest.MonkeyPatch
):
    folder, config = description.parent, description.with_name("config.json")
    config.write_text(json.dumps({"post_hooks": []}))
    options = ["--meta", "none", "--config", config, "--fail-on-warning"]
    generate(
        *("openapi-python-client", "--path", description, *options),
        *("--output-path", folder / "plain_client"),
    )
    monkeypatch.syspath_prepend(folder)
    root, models = import_module("plain_client"), import_module("plain_client.models")

    def call(operation: str, *arguments: object, **options: object):
        function = import_module(f"plain_client.api.stations.{operation}")
        return function.sync_detailed(*arguments, client=client, **options)

    client = root.AuthenticatedClient(base_url=live_url, token=token)
    page = call("list_stations", bbox=BOX, limit=2).parsed
    assert [len(page.stations), page.next_.count("bbox=")] == [2, 4]
    every = call("list_stations", all_=models.ListStationsAll.TRUE).parsed
    assert [len(every.stations), every.next_] == [271, None]
    near = call("list_nearest_stations", lat=48.88, lng=2.355, limit=1).parsed.stations[0]
    assert [near.name, near.properties["city"]] == ["Gare du Nord", "Paris"]
    assert call("list_clusters", bbox=BOX, zoom=5).parsed.clusters[0].count > 0

    made = call("create_station", body=models.StationBody(**BODY, source="clients"))
    assert [made.status_code, made.parsed.name] == [201, "Zürich HB"]
    number, tag = made.parsed.id, made.headers["ETag"]
    patch = models.StationPatch(name="Zürich")
    changed = call("change_station", number, body=patch, if_match=tag)
    assert [changed.parsed.name, changed.parsed.source] == ["Zürich", "clients"]
    assert call("change_station", number, body=patch, if_match=tag).parsed.status == 412
    assert call("delete_station", number).status_code == 204
    assert call("get_station", number).parsed.detail == f"there is no station {number}"
    assert list(call("list_stations", limit=0).parsed.errors.additional_properties) == ["limit"]
    client = root.Client(base_url=live_url)
    assert call("delete_station", 1).parsed.status == 401


@pytest.mark.skipif(not shutil.which("java"), reason="the generator needs Java")
def test_openapi_generators_python(
    description: Path, live_url: str, token: str, monkeypatch: pytest.MonkeyPatch
):
    folder = description.parent / "client"
    without = "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
    options = ["-g", "python", "--package-name", "typed_client", "--global-property", without]
    monkeypatch.setenv("JAVA_OPTS", "-XX:TieredStopAtLevel=1")  # it ends before the rest pays
    generate("openapi-generator-cli", "-i", description, "-o", folder, *options)
    monkeypatch.syspath_prepend(folder)
    made_client, errors = import_module("typed_client"), import_module("typed_client.exceptions")
    configuration = made_client.Configuration(host=live_url, access_token=token)
    stations = made_client.StationsApi(made_client.ApiClient(configuration))

    page = stations.list_stations(bbox=BOX, limit=2)
    assert [len(page.stations), page.next.count("bbox=")] == [2, 1]
    assert len(stations.list_stations(all="true").stations) == 271
    near = stations.list_nearest_stations(lat=48.88, lng=2.355, limit=1).stations[0]
    assert [near.name, near.properties["city"]] == ["Gare du Nord", "Paris"]
    assert stations.list_clusters(bbox=BOX, zoom=5).clusters[0].count > 0

    body = made_client.StationBody(**BODY, source="clients")
    made = stations.create_station_with_http_info(body)
    assert [made.status_code, made.data.name] == [201, "Zürich HB"]
    number, tag = made.data.id, made.headers["ETag"]
    patch = made_client.StationPatch(name="Zürich")
    changed = stations.change_station(number, patch, if_match=tag)
    assert [changed.name, changed.source] == ["Zürich", "clients"]
    with pytest.raises(errors.ApiException, match="412"):
        stations.change_station(number, patch, if_match=tag)
    stations.delete_station(number)
    with pytest.raises(errors.NotFoundException) as missing:
        stations.get_station(number)
    assert missing.value.data.detail == f"there is no station {number}"
    with pytest.raises(errors.UnprocessableEntityException) as refused:
        stations.list_stations(q="\0")
    assert list(refused.value.data.errors) == ["q"]
    stations.api_client.configuration.access_token = None
    with pytest.raises(errors.UnauthorizedException):
        stations.delete_station(1)
