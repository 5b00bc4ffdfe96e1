"""Each error on the way to a server, provoked for real."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread

import psycopg2
import pytest
from clusters import (
    ENCODED,
    PASSWORD,
    Cluster,
    assert_explained,
    dead_port,
    engine_of,
    last_step,
    lifted_app,
    run_fix,
)
from flask_doctor import machine
from flask_doctor.actions import create_database
from flask_doctor.notes import annotate
from flask_doctor.rules import databases
from sqlalchemy.exc import SQLAlchemyError

DISTRIBUTION = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
needs_distribution = pytest.mark.skipif(
    not DISTRIBUTION, reason="needs a server with encryption and translations (a distribution's)"
)


def connect_error(url: str) -> SQLAlchemyError:
    app = lifted_app(url)
    with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
        engine.connect()
    return caught.value


def assert_both_explain(url: str, entry: str) -> None:
    """Assert that the traceback and `flask doctor` both say so."""
    assert_explained(connect_error(url), entry)
    step = last_step(lifted_app(url))
    assert step.diagnosis.entry.id == entry
    assert PASSWORD not in step.diagnosis.text() + step.detail


@pytest.mark.parametrize(
    ("role", "password", "database", "entry"),
    [
        ("ghost", "", "app", "role-missing"),
        ("trusted", "", "nowhere", "database-missing"),
        ("secret", ENCODED, "nowhere", "database-missing"),
        ("plain", ENCODED, "nowhere", "database-left-to-administrator"),
        ("trusted", "", "stations", "database-name-differs"),
        ("trusted", "", "Statoins", "database-name-differs"),
        ("trusted", "", "app%20", "database-name-with-space"),
        ("trusted", "", "private", "no-connect-privilege"),
        ("trusted", "", "closed", "database-closed"),
        ("trusted", "", "template0", "database-closed"),
        ("trusted", "", "narrow", "too-many-connections-to-database"),
        ("members", "", "app", "role-no-login"),
        ("refused", "", "app", "no-hba-entry"),
        ("ident", "", "app", "ident-rejected"),
        ("secret", "", "app", "no-password"),
        ("secret", "wrong%40", "app", "password-rejected"),
        ("outside", "", "app", "no-hba-entry"),
        ("limited", "", "app", "too-many-connections-of-role"),
    ],
)
def test_a_refusal_of_the_server_is_explained(server: Cluster, role, password, database, entry):
    assert_both_explain(server.url(role, database, password), entry)


def test_a_role_with_the_right_password_is_let_in(server: Cluster):
    assert last_step(lifted_app(server.url("secret", "postgres", ENCODED))).stage != "connection"


def test_a_connection_of_the_applications_own_is_not_said_to_be_the_system_users(server: Cluster):
    app = lifted_app(server.url("secret", "app"))
    with app.app_context():
        with pytest.raises(psycopg2.OperationalError) as caught:
            psycopg2.connect(host="127.0.0.1", port=server.port, user="secret", dbname="app")
        annotate(caught.value)
    assert "password of role secret," in assert_explained(caught.value, "no-password")


def test_peer_rejected(server: Cluster):
    url = f"postgresql+psycopg2://nobody_here@/app?host={server.folder}&port={server.port}"
    assert_both_explain(url, "peer-rejected")


def test_connection_refused_over_tcp():
    assert_both_explain(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x", "connection-refused")


def test_connection_refused_at_a_socket(tmp_path: Path):
    url = f"postgresql+psycopg2://x@/x?host={tmp_path}&port={dead_port()}"
    assert_both_explain(url, "connection-refused")


def test_host_unknown():
    assert_both_explain("postgresql+psycopg2://x@nowhere.invalid/x", "host-unknown")


def test_host_silent():
    """A listener whose queue is full drops packets, as a firewall does."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"postgresql+psycopg2://x@127.0.0.1:{listener.getsockname()[1]}/x?connect_timeout=2"
        assert last_step(lifted_app(url)).diagnosis.entry.id == "host-silent"


@pytest.fixture
def web_server() -> Iterator[int]:
    """Something that answers everything as a web server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with closing(client):
                    client.recv(100)
                    client.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_not_postgresql(web_server: int):
    assert_both_explain(f"postgresql+psycopg2://x@127.0.0.1:{web_server}/x", "not-postgresql")


def test_ssl_unsupported(server: Cluster):
    assert_both_explain(server.url("trusted", "app") + "?sslmode=require", "ssl-unsupported")


@pytest.fixture(scope="module")
def german_server() -> Iterator[Cluster]:
    """A distribution's server: it encrypts, and its messages are German."""
    cluster = Cluster(DISTRIBUTION[-1].parent, LANGUAGE="de")
    cluster.make()
    for name in ("server.key", "server.crt"):
        (cluster.data / name).touch(0o600)
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost "
        "-keyout server.key -out server.crt",
        shell=True,
        cwd=cluster.data,
        check=True,
        capture_output=True,
    )
    for name in ("server.key", "server.crt"):
        shutil.chown(cluster.data / name, cluster.data.owner())
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout other.key "
        "-out other.crt; cp server.key open.key; chmod 644 open.key",
        shell=True,
        cwd=cluster.data,
        check=True,
        capture_output=True,
    )
    cluster.configure(
        "ssl = on\nssl_ca_file = 'server.crt'\nlc_messages = 'C.UTF-8'",
        "hostssl all encrypted 127.0.0.1/32 trust\n"
        "host all trusted,ghost,members 127.0.0.1/32 trust\n"
        "hostssl all certified 127.0.0.1/32 trust clientcert=verify-ca\n"
        "host all secret 127.0.0.1/32 md5\n",
    )
    cluster.start()
    cluster.execute(
        "CREATE ROLE encrypted LOGIN",
        "CREATE ROLE trusted LOGIN",
        "CREATE ROLE members",
        "CREATE ROLE certified LOGIN",
        "CREATE DATABASE private",
        "REVOKE CONNECT ON DATABASE private FROM PUBLIC",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "SET password_encryption = md5",
        "CREATE ROLE secret LOGIN PASSWORD 'right'",
    )
    yield cluster
    cluster.remove()


@needs_distribution
@pytest.mark.parametrize(
    ("role", "password", "database", "entry", "message"),
    [
        ("ghost", "", "postgres", "role-missing", "existiert nicht"),
        ("trusted", "", "nowhere", "database-left-to-administrator", "existiert nicht"),
        ("members", "", "postgres", "role-no-login", "Berechtigung zum Einloggen"),
        ("certified", "", "postgres", "client-certificate", "Client-Zertifikat"),
        ("trusted", "", "private", "no-connect-privilege", "keine Berechtigung"),
        ("trusted", "", "closed", "database-closed", "keine Verbindungen"),
        ("secret", "wrong", "postgres", "password-rejected", "fehlgeschlagen"),
        ("secret", "right", "nowhere", "database-left-to-administrator", "existiert nicht"),
        ("outside", "", "postgres", "no-hba-entry", "pg_hba.conf-Eintrag"),
    ],
)
def test_a_server_in_another_language_gets_the_same_diagnosis(
    german_server: Cluster, role, password, database, entry, message
):
    error = connect_error(german_server.url(role, database, password))
    assert message in str(error.orig)
    assert error.diagnosis.entry.id == entry


@needs_distribution
def test_ssl_required(german_server: Cluster):
    url = german_server.url("encrypted")
    error = connect_error(url + "?sslmode=disable")
    assert "pg_hba.conf" in str(error)  # the rest is German
    assert error.diagnosis.entry.id == "ssl-required"
    with closing(psycopg2.connect(url.replace("+psycopg2", "") + "?sslmode=require")):
        pass


@needs_distribution
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(
    ("parameters", "entry"),
    [
        ("sslmode=verify-full&sslrootcert=/nowhere/root.crt", "certificate-file-missing"),
        ("sslmode=verify-full&sslrootcert={data}/server.crt", "certificate-for-other-host"),
        ("sslmode=verify-ca&sslrootcert={data}/other.crt", "certificate-not-trusted"),
        ("sslmode=require&sslcert={data}/server.crt&sslkey={data}/open.key", "key-file-unusable"),
        ("sslmode=require&sslcert={data}/other.crt&sslkey={data}/other.key", "client-certificate"),
        ("channel_binding=require", "log-in-not-safe-enough"),
        ("require_auth=scram-sha-256", "log-in-not-safe-enough"),
        ("gssencmode=require", "kerberos"),
        ("target_session_attrs=standby", "no-suitable-server"),
        ("target_session_attrs=read-only", "no-suitable-server"),
        ("target_session_attrs=nothing", "option-invalid"),
        ("sslmode=nothing", "option-invalid"),
        ("connect_timeout=soon", "option-invalid"),
        ("service=nothing", "service-missing"),
    ],
)
def test_what_the_url_asks_for_at_login(
    german_server: Cluster, driver: str, parameters: str, entry: str
):
    url = german_server.url("trusted").replace("psycopg2", driver)
    error = connect_error(f"{url}?{parameters.format(data=german_server.data)}")
    assert_explained(error, entry)


@pytest.mark.parametrize(
    ("host", "port", "told"),
    [
        ("db", "5432", "write `@localhost:6000/`"),
        ("cache", "5432", "with the port that the service publishes"),
        ("unknown", "5432", "with the port that the service publishes"),
        ("127.0.0.1", "DEAD", "docker compose up -d store"),
    ],
)
def test_a_compose_file_is_read(tmp_path: Path, monkeypatch, host: str, port: str, told: str):
    dead = dead_port()
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices:\n  db:\n    image: postgres:17\n    ports:\n"
        '      - "127.0.0.1:6000:5432"\n  cache:\n    image: redis\n  store:\n    ports:\n'
        f"    - {dead}:5432\nvolumes:\n  data:\n"
    )
    monkeypatch.chdir(tmp_path)
    error = connect_error(f"postgresql+psycopg2://x@{host}:{port.replace('DEAD', str(dead))}/x")
    assert told in error.diagnosis.text()


def test_another_server_of_this_machine_is_mentioned(server: Cluster, monkeypatch):
    monkeypatch.setattr(machine, "servers", lambda: {str(server.port): str(server.folder)})
    known = connect_error(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x").diagnosis
    assert f"write `@localhost:{server.port}/`" in known.text()


def test_nothing_is_asked_or_looked_at_in_production(server: Cluster, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("looked")

    for name in ("servers", "takes_connections", "compose_services", "start_command"):
        monkeypatch.setattr(machine, name, never)
    monkeypatch.setattr(databases, "elsewhere", never)
    app = lifted_app(server.url("trusted", "stations"))
    with app.test_request_context(), pytest.raises(SQLAlchemyError) as caught:
        app.extensions["sqlalchemy"].engine.connect()
    assert_explained(caught.value, "database-missing")


def test_the_servers_of_the_other_engines_are_examined_too(server: Cluster):
    binds = {"read": server.url("ghost", "app")}
    step = last_step(lifted_app(server.url("trusted", "app"), SQLALCHEMY_BINDS=binds))
    assert (step.stage, step.diagnosis.entry.id) == ("connection", "role-missing")


def test_several_hosts_are_tried_in_turn(server: Cluster):
    dead, alive = dead_port(), server.port
    url = f"postgresql+psycopg2://trusted@/app?host=127.0.0.1:{dead}&host=127.0.0.1:{alive}"
    assert last_step(lifted_app(url)).stage != "connection"


@pytest.mark.parametrize(
    ("role", "database", "undo"),
    [
        ("trusted", "private", "REVOKE CONNECT ON DATABASE private FROM trusted"),
        ("trusted", "closed", "ALTER DATABASE closed ALLOW_CONNECTIONS false"),
        ("trusted", "narrow", "ALTER DATABASE narrow CONNECTION LIMIT 0"),
        ("members", "app", "ALTER ROLE members NOLOGIN"),
        ("limited", "app", "ALTER ROLE limited CONNECTION LIMIT 0"),
        ("humble", "made_by_command", "DROP DATABASE made_by_command"),
    ],
)
def test_the_printed_commands_let_the_role_in(server: Cluster, role, database, undo):
    url = server.url(role, database)
    run_fix(last_step(lifted_app(url)).diagnosis, server.folder)
    assert last_step(lifted_app(url)).stage != "connection"
    server.execute(undo)


def test_what_was_reached_is_ruled_out(server: Cluster):
    diagnosis = connect_error(server.url("trusted", "private")).diagnosis
    assert f"127.0.0.1:{server.port} is reached" in diagnosis.ruled_out
    assert "it lets role trusted in" in diagnosis.ruled_out
    assert (
        connect_error(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x").diagnosis.ruled_out
        == ""
    )


@pytest.mark.parametrize("database", ["stations", "Station%20s", "app%20"])
def test_no_database_is_created_beside_one_of_nearly_the_same_name(server: Cluster, database: str):
    app = lifted_app(server.url("trusted", database))
    with app.app_context(), pytest.raises(SQLAlchemyError):
        create_database(app)
    assert last_step(app).diagnosis.entry.action is None


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(
    "place",
    [
        "secret@127.0.0.1:{port}/app",  # its password is in the password file
        "trusted@nowhere.invalid:{port}/app?hostaddr=127.0.0.1",
        "trusted@/app?host=nowhere.invalid:{port}&host=127.0.0.1:{port}",
        "/?service=mine",
        "/app?service=mine",
    ],
)
def test_what_libpq_can_connect_with_is_never_overruled(
    server: Cluster, tmp_path: Path, monkeypatch, driver: str, place: str
):
    escaped = PASSWORD.replace("\\", r"\\").replace(":", r"\:")
    (tmp_path / "pgpass").write_text(f"*:*:*:secret:{escaped}\n")
    (tmp_path / "pgpass").chmod(0o600)
    service = f"[mine]\nhost=127.0.0.1\nport={server.port}\nuser=trusted\ndbname=app\n"
    (tmp_path / "services").write_text(service)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    url = f"postgresql+{driver}://" + place.format(port=server.port)
    step = last_step(lifted_app(url))
    assert step.stage not in ("URL", "driver", "connection"), step


def test_the_commands_for_a_missing_role_create_it(server: Cluster):
    server.execute("DROP ROLE IF EXISTS ghost")
    url = server.url("ghost", "app")
    run_fix(last_step(lifted_app(url)).diagnosis, server.folder)
    assert last_step(lifted_app(url)).stage != "connection"
    server.execute("DROP ROLE ghost")


def test_the_commands_for_a_rejected_password_set_it(server: Cluster):
    server.execute("CREATE ROLE hashed LOGIN PASSWORD 'other'")
    url = server.url("hashed", "app", ENCODED)
    step = last_step(lifted_app(url))
    assert step.diagnosis.entry.id == "password-rejected"
    # One of its steps is for a role that isn't there, and fails.
    run_fix(step.diagnosis, server.folder, f"{PASSWORD}\n{PASSWORD}\n", check=False)
    assert last_step(lifted_app(url)).stage != "connection"
    server.execute("DROP ROLE hashed")


@pytest.mark.parametrize("place", ["x@127.0.0.9:{port}/app", "x@/app?host=/nowhere&port={port}"])
def test_a_server_at_another_address_is_named(server: Cluster, place: str):
    url = f"postgresql+psycopg2://{place.format(port=server.port)}"
    known = last_step(lifted_app(url)).diagnosis
    assert known.entry.id == "server-elsewhere"
    after = known.fix[-1].partition("=")[2]
    assert last_step(lifted_app(after)).diagnosis.entry.id != "server-elsewhere"
