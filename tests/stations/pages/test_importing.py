"""Import in the browser, as a browser without JavaScript does it, and once as one with it."""

import io
import json
import os
import re
import threading
import tracemalloc
from pathlib import Path
from time import sleep

import psycopg2
import pytest
from browser import in_browser
from flask import Flask, request
from flask.testing import FlaskClient
from forms import Client, csrf, submit
from playwright.sync_api import Page, expect
from psycopg2.errors import LockNotAvailable
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder, TestResponse

from stationsapp import limits
from stationsapp.extensions import db
from stationsapp.models import Station, Upload, UploadPart
from stationsapp.stations import jobs, locks, uploads
from stationsapp.stations.feeds import Record
from stationsapp.stations.importer import import_records
from tests.stations.conftest import packed

PATH = "/stations/import"
CSV = "code,name,lat,lng\nA,Alpha,48.5,2.25\nB,<b>Beta</b>,95,2.25\nC,Gamma,49.5,2.5\n"
STOPS = "stop_id,stop_name,stop_lat,stop_lon\nA,Alpha,48.5,2.25\n"
OPTIONS = {"source": "metro", "format": "", "key": "", "columns": ""}


def send(client: FlaskClient, content: str | bytes, name: str = "metro.csv") -> TestResponse:
    content = content.encode() if isinstance(content, str) else content
    return submit(client, PATH, file=(io.BytesIO(content), name))


def outcome(client: FlaskClient, sent: TestResponse) -> TestResponse:
    """Wait until what was begun is done, and return its page."""
    assert sent.status_code == 303, sent.text
    upload_id = int(sent.location.rpartition("/")[2])
    while jobs.is_running(upload_id):
        sleep(0.01)
    return client.get(sent.location)


def checked(client: FlaskClient, content: str | bytes = CSV, name: str = "metro.csv") -> str:
    """Send a file, and return the address where its dry run is shown."""
    sent = send(client, content, name)
    outcome(client, sent)
    return sent.location


def message(page: TestResponse) -> list[str]:
    return re.findall(r'<p class="message[^>]*>(.*?)</p>', page.text)


def codes() -> list[str]:
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Station.code).order_by(Station.code)))


def many(count: int) -> list[Record]:
    return [Record(i, f"S{i}", f"Station {i}", 48.0, 2.0, {}) for i in range(count)]


def test_a_file_is_shown_before_it_is_loaded(signed_in: FlaskClient):
    sent = send(signed_in, CSV)
    page = outcome(signed_in, sent)
    assert "This is a dry run" in page.text
    assert '<dt>Added</dt><dd class="number">2</dd>' in page.text
    assert "is not a coordinate: expected degrees from -90 to 90" in page.text
    assert codes() == []
    page = outcome(signed_in, submit(signed_in, sent.location, task="load", **OPTIONS))
    assert message(page) == [
        "2 added, 0 updated, 0 moved, 0 renamed, 0 unchanged, 0 skipped, 1 rejected, 0 vanished."
    ]
    assert codes() == ["A", "C"]
    assert db.session.scalar(select(Station)).changed_by.name == "ada"
    assert "nothing to load" in message(signed_in.get(checked(signed_in)))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not UTF-8"),
        (b"<!doctype html>\n<title>404</title>\n", "column"),
        (b"\0\xff\x1b[2J", "UTF-8"),
        (b'{"data": {"feeds": []}, "ttl": 0}', "station_information"),
        (b"\x1f\x8b\x08damaged", "amaged"),
        (b"code,name,lat,lng\n", "no valid station. Nothing was changed."),
        (b"code,name,lat,lng\nA,Alpha,95,2\n", "no valid station."),
    ],
)
def test_what_is_no_feed_is_refused_with_the_reason(
    signed_in: FlaskClient, content: bytes, said: str
):
    page = signed_in.get(checked(signed_in, content))
    assert said in message(page)[0]
    assert 'value="load"' not in page.text


def test_the_form_asks_for_a_file(signed_in: FlaskClient):
    assert "<progress" in signed_in.get(PATH).text
    answer = submit(signed_in, PATH)
    assert (answer.status_code, "Choose a file." in answer.text) == (422, True)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(signed_in: FlaskClient):
    answer = signed_in.post(
        PATH,
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(uploads.LARGEST + 1_000_000)},
    )
    assert (answer.status_code, "larger than 50 MB" in answer.text) == (413, True)


class Body(io.BytesIO):
    """What a browser sends, and whether the request's time with the database began before."""

    begun = False

    def read(self, *args: int) -> bytes:
        self.begun = self.begun or limits.DEADLINE in request.environ
        return super().read(*args)


def test_sending_takes_no_time_of_the_database(signed_in: FlaskClient):
    fields = {"csrf_token": csrf(signed_in, PATH), "file": (io.BytesIO(CSV.encode()), "f.csv")}
    builder = EnvironBuilder(PATH, method="POST", data=fields)
    environ = builder.get_environ()
    body = environ["wsgi.input"] = Body(environ["wsgi.input"].read())
    sent = signed_in.open(environ)
    assert not body.begun
    assert outcome(signed_in, sent).status_code == 200


def test_a_large_file_is_never_in_memory(
    signed_in: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "AT_ONCE", threading.Semaphore(0))  # it is not read yet
    file = tmp_path / "large.csv"
    file.touch()
    os.truncate(file, 10_000_000)
    fields = {"csrf_token": csrf(signed_in, PATH)}
    with file.open("rb") as stream:
        data = fields | {"file": (stream, file.name)}
        environ = EnvironBuilder(PATH, method="POST", data=data).get_environ()
    tracemalloc.start()
    with environ["wsgi.input"]:  # a temporary file
        signed_in.open(environ)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert db.session.scalar(select(func.sum(func.length(UploadPart.content)))) == 10_000_000


def test_the_options_are_those_of_the_command(signed_in: FlaskClient):
    path = checked(signed_in, "1;2;Alpha;48.5;2.25\n", "a.b.csv")
    options = OPTIONS | {"source": "a", "columns": "x,y,name,lat,lng", "key": "x,y"}
    assert 'value="a"' in signed_in.get(path).text  # the file's name without endings
    page = outcome(signed_in, submit(signed_in, path, task="check", **options))
    assert '<dt>Added</dt><dd class="number">1</dd>' in page.text
    wrong_ones = {"source": "", "key": "\0", "encoding": "nonsense"}
    wrong = submit(signed_in, path, task="load", **(options | wrong_ones))
    assert wrong.status_code == 422
    assert "Give the source a name." in wrong.text
    assert "Use only printable characters." in wrong.text
    assert "Use an encoding such as cp1252" in wrong.text
    outcome(signed_in, submit(signed_in, path, task="load", **options))
    assert codes() == ["1-2"]


def test_columns_and_the_encoding_can_be_named(signed_in: FlaskClient):
    path = checked(signed_in, "code;halt;nord;ost\nA;Zürich;47;8\n".encode("cp1252"))
    assert "not UTF-8; if it is cp1252, use --encoding cp1252" in message(signed_in.get(path))[0]
    options = OPTIONS | {"encoding": "cp1252", "name": "halt", "lat": "nord", "lng": "ost"}
    outcome(signed_in, submit(signed_in, path, task="check", **options))
    outcome(signed_in, submit(signed_in, path, task="load", **options))
    assert db.session.scalar(select(Station.name)) == "Zürich"


def test_what_vanished_is_deleted_only_when_ticked_and_much_of_it_only_twice(
    signed_in: FlaskClient,
):
    import_records("metro", many(5))
    path = checked(signed_in, "code,name,lat,lng\nS0,Station 0,48,2\n")
    assert "nothing to load" in message(signed_in.get(path))[0]
    page = outcome(signed_in, submit(signed_in, path, task="check", prune="y", **OPTIONS))
    assert "would delete 4 of the 5 stations of metro, more than a fifth" in message(page)[0]
    forced = {"prune": "y", "force": "y"} | OPTIONS
    page = outcome(signed_in, submit(signed_in, path, task="check", **forced))
    assert "Load the stations, and delete 4" in page.text
    outcome(signed_in, submit(signed_in, path, task="load", **forced))
    assert codes() == ["S0"]


@pytest.mark.parametrize(
    ("name", "said", "source"),
    [
        ("stops.zip", "This is a dry run", "city-rail"),
        ("stops.txt", "Many files have this name: enter another one for the source", ""),
    ],
)
def test_a_name_that_many_files_have_is_not_the_source(
    signed_in: FlaskClient, name: str, said: str, source: str
):
    content: str | bytes = STOPS
    if name.endswith(".zip"):
        content = packed(**{"stops.txt": STOPS.encode(), "agency.txt": b"agency_name\nCity Rail\n"})
    path = checked(signed_in, content, name)
    page = signed_in.get(path)
    assert said in page.text
    assert f'name="source" required type="text" value="{source}"' in page.text
    outcome(signed_in, submit(signed_in, path, task="load", **(OPTIONS | {"source": "city-rail"})))
    assert codes() == (["A"] if source else [])


def test_an_export_of_several_sources_is_loaded_as_they_were(signed_in: FlaskClient):
    rows = "A,Alpha,48.5,2.25,lyon\nparis:A,Alpha,48.5,2.25,paris\n"
    path = checked(signed_in, f"code,name,lat,lng,stationsapp_source\n{rows}", "export.csv")
    page = signed_in.get(path)
    assert "the sources <bdi>lyon, paris</bdi>" in page.text
    [source] = re.findall('type="hidden" name="source" value="(.*?)"', page.text)
    options = OPTIONS | {"source": source}
    page = outcome(signed_in, submit(signed_in, path, task="load", **options))
    assert "2 added" in message(page)[0]
    assert codes() == ["A", "A"]


def test_a_feed_of_other_stations_is_loaded_only_when_ticked(signed_in: FlaskClient):
    import_records("metro", many(20))
    rows = "".join(f"S{number},Other {number},48,2\n" for number in range(20))
    path = checked(signed_in, f"code,name,lat,lng\n{rows}")
    page = signed_in.get(path)
    assert "it would move 0 and rename 20 of the 20 stations" in message(page)[0]
    assert "tick “Move, rename or delete any number of stations” below" in message(page)[0]
    page = outcome(signed_in, submit(signed_in, path, task="check", force="y", **OPTIONS))
    assert 'value="load"' in page.text


def test_other_options_than_those_shown_are_shown_first(signed_in: FlaskClient):
    path = checked(signed_in)
    page = outcome(
        signed_in, submit(signed_in, path, task="load", **(OPTIONS | {"source": "other"}))
    )
    assert "a new dry run" in message(page)[0]
    assert codes() == []
    assert 'value="load"' in page.text


def test_the_map_gets_what_is_added_moved_and_vanished(signed_in: FlaskClient):
    import_records("metro", many(3))
    name = "</script><b>"
    content = f"code,name,lat,lng\nS0,Station 0,48,2\nS1,Station 1,49,2\nnew,{name},1,2\n"
    page = signed_in.get(checked(signed_in, content))
    data = re.search(r'id="changes-data">(.*?)</script>', page.text)[1]
    assert json.loads(data) == {
        "added": [[name, 1, 2]],
        "moved": [["Station 1", 49, 2, 48, 2]],
        "vanished": [["Station 2", 48, 2]],
    }


def test_all_rejected_rows_can_be_downloaded(signed_in: FlaskClient):
    rows = "".join(f"R{i},Name,95,2\n" for i in range(30))
    path = checked(signed_in, CSV + rows)
    assert "These are the first 10 of 31." in signed_in.get(path).text
    with signed_in.get(f"{path}/rejected.csv") as answer:
        lines = answer.text.splitlines()
    assert lines[:2] == [
        "line,column,value,reason",
        "3,lat,95,is not a coordinate: expected degrees from -90 to 90",
    ]
    assert len(lines) == 32


def test_who_is_not_signed_in_sends_nothing(
    client: FlaskClient, signed_in: FlaskClient, app: Flask
):
    stranger = Client(app)
    for path in (PATH, f"{PATH}/1", f"{PATH}/1/rejected.csv"):
        assert stranger.get(path).location == f"/sign-in?next={path}"
    assert stranger.post(PATH, data={"file": (io.BytesIO(b""), "a.csv")}).status_code == 302
    path = checked(signed_in)
    fields = {"csrf_token": csrf(signed_in, path), "task": "load", **OPTIONS}
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    assert signed_in.post(path, data=fields).location == f"/sign-in?next={path}"
    assert codes() == []


def test_an_upload_is_its_senders_alone(signed_in: FlaskClient, app: Flask):
    path = checked(signed_in)
    other = Client(app)
    token = app.test_cli_runner().invoke(args=["tokens", "create", "bob"]).stdout.strip()
    submit(other, "/sign-in", token=token)
    assert other.get(path).location == PATH
    assert "no longer stored" in other.get(PATH).text
    assert other.get(f"{path}/rejected.csv").location == PATH


@pytest.mark.parametrize("upload_id", [0, 2**31, 2**32, 2**63])
def test_what_never_was_sent_is_asked_for(signed_in: FlaskClient, upload_id: int):
    assert signed_in.get(f"{PATH}/{upload_id}").location == PATH
    assert signed_in.get(f"{PATH}/{upload_id}/rejected.csv").location == PATH


def test_a_file_that_is_gone_is_asked_for_again(signed_in: FlaskClient):
    path = checked(signed_in)
    uploads.change(text("TRUNCATE upload_parts"))  # as after a crash of the server
    page = outcome(signed_in, submit(signed_in, path, task="load", **OPTIONS))
    assert "The file is no longer stored: choose it again. Nothing was changed." in message(page)
    uploads.change(update(Upload).values(updated_at=func.now() - uploads.KEPT * 2))
    checked(signed_in)
    assert signed_in.get(path).location == PATH


def test_what_runs_is_shown_and_not_begun_again(signed_in: FlaskClient):
    path = checked(signed_in)
    upload_id = int(path.rpartition("/")[2])
    load = {"csrf_token": csrf(signed_in, path), "task": "load", **OPTIONS}
    uploads.change(update(Upload).values(task="load", rows=1, percent=40, report=None))
    with db.engine.begin() as connection:
        assert locks.hold_upload(connection, upload_id)
        page = signed_in.post(path, data=load)
        assert '<meta http-equiv="refresh" content="2">' in page.text
        assert 'value="40"' in page.text
        assert "1</span> row read" in page.text
    assert "The import was interrupted, and nothing was changed." in message(signed_in.get(path))[0]
    assert codes() == []


def test_an_import_waits_for_another_of_its_source_and_says_so(signed_in: FlaskClient):
    path = checked(signed_in)
    with db.engine.begin() as connection:
        locks.wait_for_imports(connection, "metro")
        assert "Another import of <bdi>metro</bdi> is running" in signed_in.get(path).text
        sent = submit(signed_in, path, task="load", **OPTIONS)
        assert jobs.is_running(int(path.rpartition("/")[2]))
    outcome(signed_in, sent)
    assert codes() == ["A", "C"]


def test_a_worker_takes_only_so_many_imports(
    signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "AT_ONCE", threading.Semaphore(0))
    page = outcome(signed_in, send(signed_in, CSV))
    assert message(page) == [
        "Too many imports are running on this server. Wait a moment, then check the file.",
        "The file was received, but it hasn't been checked yet.",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("secret"), "Something went wrong on the server; its log says what."),
        (OperationalError("", None, LockNotAvailable()), "Another import of the source took too"),
        (OperationalError("", None, psycopg2.Error()), "Something went wrong on the server"),
    ],
)
def test_an_error_of_the_server_is_not_shown(
    signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(jobs, "import_records", fail)
    assert said in message(signed_in.get(checked(signed_in)))[0]


@in_browser
def test_import_in_a_browser(offline_page: Page, live_url: str, token: str, tmp_path: Path):
    offline_page.goto(f"{live_url}/sign-in?next={PATH}")
    offline_page.get_by_label("API token").fill(token)
    offline_page.get_by_role("button", name="Sign in").click()
    file = tmp_path / "metro.csv"
    file.write_text(CSV)
    offline_page.get_by_label("File", exact=True).set_input_files(file)
    expect(offline_page.locator("#upload-status")).to_have_text("metro.csv, 0.1 kB")
    offline_page.get_by_role("button", name="Check the file").click()
    expect(offline_page.get_by_text("This is a dry run")).to_be_visible()
    expect(offline_page.locator("#changes path.added")).to_have_count(2)
    offline_page.get_by_role("button", name="Load the stations").click()
    expect(offline_page.get_by_text("2 added, 0 updated")).to_be_visible()
    offline_page.get_by_role("link", name="See the stations").click()
    expect(offline_page.get_by_role("link", name="Alpha")).to_be_visible()
