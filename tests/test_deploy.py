"""The files in `deploy/`, with systemd's own check, a real nginx and a real gunicorn."""

import json
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from itertools import count
from pathlib import Path
from time import monotonic

import pytest
from flask import Flask

from cluster import nginx
from cluster.gunicorn import ROOT, Service
from cluster.processes import free_ports

UNITS = sorted(nginx.DEPLOY.glob("*.service")) + sorted(nginx.DEPLOY.glob("*.socket"))
UNITS += sorted(nginx.DEPLOY.glob("*.timer"))
INSTALLED_IN = "/srv/stationsapp/current/.venv/bin"

needs_nginx = pytest.mark.skipif(not nginx.is_installed(), reason="nginx is not installed")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path):
    for unit in UNITS:
        text = unit.read_text().replace(INSTALLED_IN, str(Path(sys.executable).parent))
        # pgBackRest needn't be installed for the tests.
        text = text.replace("/usr/bin/pgbackrest", "/usr/bin/env pgbackrest")
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)
    command = ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_guide_speaks_of_every_file_and_of_no_other():
    guide = (ROOT / "docs" / "deploy.md").read_text()
    named = set(re.findall(r"\bdeploy/([\w@.-]*\w)", guide))
    assert named == {path.name for path in nginx.DEPLOY.iterdir()}


@needs_nginx
def test_nginx_accepts_its_file(tmp_path: Path):
    main = nginx.write(tmp_path, 8443, [8000])
    command = [nginx.NGINX, "-t", "-q", "-p", str(tmp_path), "-c", str(main)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture(scope="module")
def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    metrics = tmp_path_factory.mktemp("metrics")
    settings = {
        "METRICS": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "x" * 16,
        "TRUSTED_HOSTS": "localhost",
        "TRUSTED_PROXIES": "1",
        "WEB_CONCURRENCY": "1",
        "DATABASE_TIMEOUT": "60",  # seconds, on a busy machine
    }
    with closing(Service(settings, tmp_path_factory.mktemp("gunicorn"))) as service:
        yield service
    assert any(metrics.iterdir())  # it isn't theirs alone


@contextmanager
def running_nginx(folder: Path, port: int) -> Iterator[int]:
    """Run nginx on a busy machine, where answers take long, and costly requests come slowly."""
    file = (nginx.DEPLOY / "nginx.conf").read_text()
    file = re.sub(r"(proxy_read_timeout) .*", r"\1 120s;", file)
    (folder / "nginx.conf").write_text(re.sub(r"(zone=costly:.* rate)=.*", r"\1=1r/m;", file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nginx, "DEPLOY", folder)
        (folder / "run").mkdir()
        with nginx.running(folder / "run", [port]) as proxy:
            yield proxy


@pytest.fixture(scope="module")
def proxy(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), service.port) as proxy:
        yield proxy


class Client:
    """A browser at an address of its own, on one connection."""

    NUMBERS = count(2)
    UNVERIFIED = ssl._create_unverified_context()

    def __init__(self, proxy: int) -> None:
        own = (f"127.0.0.{next(self.NUMBERS)}", 0)
        self.connection = HTTPSConnection(
            "localhost", proxy, timeout=120, context=self.UNVERIFIED, source_address=own
        )

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> HTTPResponse:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        response.content = response.read()
        return response


@pytest.fixture
def client(proxy: int) -> Iterator[Client]:
    client = Client(proxy)
    yield client
    client.connection.close()


@pytest.fixture
def token(app: Flask) -> str:
    command = ["tokens", "create", "deploy"]
    return app.test_cli_runner().invoke(args=command).stdout.strip()


@needs_nginx
def test_a_page_comes_through_nginx_and_knows_that_it_came_by_tls(app: Flask, client: Client):
    page = client.ask("GET", "/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Strict-Transport-Security" in page.headers


@needs_nginx
def test_a_list_is_compressed_and_not_sent_again(sample_stations: None, client: Client):
    path, packed = "/api/stations?limit=99", {"Accept_Encoding": "gzip"}
    page = client.ask("GET", path, **packed)
    assert page.headers["Content-Encoding"] == "gzip"
    assert int(page.headers.get("Content-Length", len(page.content))) < 5_000
    tag = page.headers["ETag"]
    assert client.ask("GET", path, If_None_Match=tag, **packed).status == 304


@needs_nginx
def test_the_tag_of_a_station_is_good_for_changing_it(app: Flask, client: Client, token: str):
    station = {"code": "a", "name": "A", "lat": 1, "lng": 2, "properties": {"long": "x" * 2_000}}
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    place = client.ask("POST", "/api/stations", station, **headers).headers["Location"]
    assert place.startswith("/") or place.startswith("https://localhost/")
    path = "/" + place.removeprefix("https://").partition("/")[2]
    tag = client.ask("GET", path, Accept_Encoding="gzip").headers["ETag"]
    change = client.ask("PATCH", path, {"name": "B"}, If_Match=tag, **headers)
    assert change.status == 200


@needs_nginx
def test_metrics_are_not_for_everybody(app: Flask, client: Client):
    assert client.ask("GET", "/metrics").status == 404


@needs_nginx
def test_no_query_is_in_the_logs_of_nginx(tmp_path: Path):
    (nobody,) = free_ports(1)
    with running_nginx(tmp_path, nobody) as port:
        client = Client(port)
        statuses = {client.ask("GET", "/api/stations?all=true&q=secret").status for _ in range(30)}
        client.connection.close()
    assert statuses == {502, 429}
    logs = {path.name: path.read_text() for path in tmp_path.glob("run/*.log")}
    assert "/api/stations" in logs["stationsapp.log"]
    assert [name for name, text in logs.items() if "secret" in text] == []


def test_a_scrape_sees_the_requests_to_both(app: Flask, service: Service):
    def ask(path: str) -> str:
        with closing(HTTPConnection("localhost", service.port, timeout=120)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def scrape() -> float:
        return sum(
            map(float, re.findall(r"^http_.*_count{.*/live.* (\S+)$", ask("/metrics"), re.M))
        )

    before = scrape()
    for _ in range(20):
        ask("/health/live")
    end = monotonic() + 60
    while scrape() < before + 20 and monotonic() < end:
        pass  # a request is counted a moment after its answer
    assert [scrape() for _ in range(8)] == [before + 20] * 8


@needs_nginx
@pytest.mark.parametrize(
    "path",
    [
        "/api/stations/%63lusters?bbox=-180,-90,180,90&zoom=0",
        "/api/stations?q=a&limit=1000",
    ],
)
def test_who_asks_much_is_told_to_slow_down(app: Flask, client: Client, path: str):
    refusal = next(
        answer for answer in iter(lambda: client.ask("GET", path), None) if answer.status != 200
    )
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "1")
    assert json.loads(refusal.content)["status"] == 429
    assert client.ask("GET", "/api/stations?limit=10").status == 200


@needs_nginx
def test_no_request_fails_while_the_service_restarts(
    app: Flask, proxy: int, service: Service, client: Client, token: str
):
    statuses: list[int] = []
    numbers, restarted = count(), threading.Event()

    def ask(method: str) -> None:
        client = Client(proxy)
        over = False
        while not over:
            over = restarted.is_set()  # one more after it
            body = None
            if method == "POST":
                body = {"code": str(next(numbers)), "name": "A", "lat": 1, "lng": 2}
            headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
            statuses.append(client.ask(method, "/api/stations", body, **headers).status)
            restarted.wait(0.1)
        client.connection.close()

    threads = [threading.Thread(target=ask, args=[method]) for method in ("GET", "GET", "POST")]
    for thread in threads:
        thread.start()
    service.restart()
    assert client.ask("GET", "/api/stations?limit=1").status == 200
    restarted.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 201}
