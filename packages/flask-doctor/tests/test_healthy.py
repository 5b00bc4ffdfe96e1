"""Set-ups in which nothing is wrong, however unusual they are: only ticks."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import psycopg2
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from clusters import PASSWORD, SYSTEM_USER, Cluster, dead_port, free_port, lifted_app
from dotenv import load_dotenv
from flask import Flask
from flask.cli import ScriptInfo
from flask_doctor import examine, machine, refusal, trying
from flask_doctor.cli import doctor
from flask_migrate import migrate, upgrade
from migrating import Migrations
from sqlalchemy.dialects import postgresql

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
needs_distribution = pytest.mark.skipif(not BINARIES, reason="needs a distribution's PostgreSQL")
POOLER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
both_drivers = pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, which is the current folder too."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_healthy(app: Flask, says: str = "") -> None:
    """Assert that `flask doctor` and the look before a request find nothing wrong."""
    run = CliRunner().invoke(doctor, obj=ScriptInfo(create_app=lambda: app))
    assert (run.exit_code, "FAIL" in run.output) == (0, False), run.output
    assert says in run.output
    found = examine.look(app, models=True)
    assert found is None, found.text()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


Way = Callable[[Cluster, Path, pytest.MonkeyPatch], str]


def pgpass(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_pgpass(home / ".pgpass")
    return server.url("secret", "app")


def pgpassfile(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_pgpass(home / "elsewhere")
    monkeypatch.setenv("PGPASSFILE", str(home / "elsewhere"))
    return server.url("secret", "app")


def pgpassword(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return server.url("secret", "app")


def write_pgpass(path: Path) -> None:
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    path.write_text(f"*:*:*:secret:{escaped}\n")
    path.chmod(0o600)


def pgservice(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_service(home / ".pg_service.conf", server)
    monkeypatch.setenv("PGSERVICE", "mine")
    return "postgresql+psycopg2://"


def service_in_the_url(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_service(home / "services", server)
    monkeypatch.setenv("PGSERVICEFILE", str(home / "services"))
    return "postgresql+psycopg2:///?service=mine"


def write_service(path: Path, server: Cluster) -> None:
    path.write_text(f"[mine]\nhost=127.0.0.1\nport={server.port}\ndbname=app\nuser=trusted\n")


def hostaddr(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return f"postgresql+psycopg2://trusted@db.invalid:{server.port}/app?hostaddr=127.0.0.1"


def one_of_several_hosts(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    hosts = ("db.invalid:5432", f"127.0.0.1:{dead_port()}", f"127.0.0.1:{server.port}")
    return f"postgresql+psycopg2://trusted@/app?host={'&host='.join(hosts)}"


def variables(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    settings = {"HOST": "127.0.0.1", "PORT": server.port, "USER": "trusted", "DATABASE": "app"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PG{name}", str(value))
    return "postgresql+psycopg2://"


def env_file_with_a_bom(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    line = f"# The database.\nDATABASE_URL={server.url('trusted', 'app')}\n"
    (home / ".env").write_text(line, encoding="utf-8-sig")
    monkeypatch.setenv("DATABASE_URL", "")  # so that it goes when the test ends
    load_dotenv(home / ".env", override=True)
    return os.environ["DATABASE_URL"]


def socket_folder(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return f"postgresql+psycopg2://postgres@/app?host={server.folder}&port={server.port}"


def more_parameters(server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return server.url("trusted", "app") + "?connect_timeout=60&keepalives_idle=5&sslmode=prefer"


@both_drivers
@pytest.mark.parametrize(
    "way",
    [
        *(pgpass, pgpassfile, pgpassword, pgservice, service_in_the_url, hostaddr, variables),
        *(one_of_several_hosts, env_file_with_a_bom, socket_folder, more_parameters),
    ],
)
def test_what_libpq_takes_is_taken(
    server: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch, way: Way, driver: str
):
    url = way(server, home, monkeypatch).replace("psycopg2", driver)
    assert_healthy(lifted_app(url), "app, PostgreSQL")


@both_drivers
@pytest.mark.parametrize("password", ["a#b", "a?b=c", "a:b", "a%41b", "ä ö", "a&b"])
def test_a_raw_password_that_sqlalchemy_understands(server: Cluster, password: str, driver: str):
    meant = password.replace("%41", "A")
    server.execute("DROP ROLE IF EXISTS hashed", f"CREATE ROLE hashed LOGIN PASSWORD '{meant}'")
    assert_healthy(lifted_app(server.url("hashed", "app", password).replace("psycopg2", driver)))
    server.execute("DROP ROLE hashed")


def test_a_connector_of_ones_own(server: Cluster):
    def connect() -> object:
        return psycopg2.connect(host="127.0.0.1", port=server.port, user="trusted", dbname="app")

    options = {"creator": connect}
    assert_healthy(lifted_app("postgresql+psycopg2://", SQLALCHEMY_ENGINE_OPTIONS=options))


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """Pass connections on to a port; each answer's first piece takes some time."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def pump(source: socket.socket, target: socket.socket, wait: float) -> None:
            try:
                while data := source.recv(65536):
                    time.sleep(wait)
                    wait = 0
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                onward = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                stack.enter_context(client)
                Thread(target=pump, args=(client, onward, 0), daemon=True).start()
                Thread(target=pump, args=(onward, client, seconds), daemon=True).start()

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@both_drivers
def test_a_server_that_answers_more_slowly_than_any_look_waits(
    server: Cluster, monkeypatch: pytest.MonkeyPatch, driver: str
):
    assert examine.CONNECT_TIMEOUT > 3.5
    monkeypatch.setattr(machine, "REACHING", 0.05)
    monkeypatch.setattr(refusal, "TIMEOUT", 0.05)
    monkeypatch.setattr(trying, "BUDGET", 0.05)
    with delayed(server.port, 0.2) as port:
        url = server.url("trusted", "app").replace(str(server.port), str(port))
        assert_healthy(lifted_app(url.replace("psycopg2", driver)))


@pytest.fixture(scope="module")
def distribution() -> Iterator[Cluster]:
    """A distribution's server: it encrypts, and speaks German."""
    cluster = Cluster(BINARIES[-1], LANGUAGE="de")
    cluster.make()
    certificate = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 "
        "-addext subjectAltName=DNS:localhost -keyout server.key -out server.crt"
    )
    for name in ("server.key", "server.crt"):
        (cluster.data / name).touch(0o600)
    subprocess.run(certificate, shell=True, cwd=cluster.data, check=True, capture_output=True)
    for name in ("server.key", "server.crt"):
        shutil.chown(cluster.data / name, cluster.data.owner())
    cluster.configure("ssl = on\nlc_messages = 'C.UTF-8'", "hostssl all all 127.0.0.1/32 trust\n")
    cluster.start()
    cluster.execute("CREATE ROLE owner LOGIN", "CREATE DATABASE app OWNER owner")
    yield cluster
    cluster.remove()


@needs_distribution
@both_drivers
def test_a_root_certificate_in_its_default_place(distribution: Cluster, home: Path, driver: str):
    (home / ".postgresql").mkdir()
    shutil.copy(distribution.data / "server.crt", home / ".postgresql/root.crt")
    url = f"postgresql+{driver}://owner@localhost:{distribution.port}/app?sslmode=verify-full"
    assert_healthy(lifted_app(url))


@needs_distribution
@both_drivers
def test_a_server_in_another_language(distribution: Cluster, driver: str):
    assert_healthy(lifted_app(distribution.url("owner", "app").replace("psycopg2", driver)))


@pytest.mark.skipif(POOLER is None, reason="needs PgBouncer")
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler(server: Cluster, home: Path, mode: str):
    port = free_port()
    (home / "users").write_text('"trusted" ""\n')
    (home / "pooler.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {home}/users\npool_mode = {mode}\n"
    )
    for path in (*home.parents, home):  # the pooler's user must come in
        if path.owner() == Path.home().owner() and str(path).startswith("/tmp/"):
            path.chmod(0o755)
    program = subprocess.Popen(
        [POOLER, "-q", home / "pooler.ini"], user=SYSTEM_USER, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        url = server.url("trusted", "app").replace(str(server.port), str(port))
        assert_healthy(lifted_app(url))
    finally:
        program.terminate()
        program.wait()


@pytest.fixture
def database(server: Cluster) -> Iterator[str]:
    """A database of its own, of the role `trusted`."""
    drop = "DROP DATABASE IF EXISTS healthy WITH (FORCE)"
    server.execute(drop, "CREATE DATABASE healthy OWNER trusted")
    yield server.url("trusted", "healthy")
    server.execute(drop)


def with_bird(app: Flask) -> Flask:
    db = app.extensions["sqlalchemy"]

    class Bird(db.Model):
        __tablename__ = "birds"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(80), nullable=False)

    return app


def migrations_of(server: Cluster, url: str) -> Migrations:
    """Make a folder of migrations for the role and the database of a URL."""
    migrations = Migrations(server, "healthy")
    migrations.execute("ALTER SCHEMA public OWNER TO pg_database_owner")
    migrations.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    migrations.app = lifted_app(url)
    return migrations


CREATE_BIRDS = """
op.create_table(
    "birds",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
)
"""


def test_tables_in_another_schema_by_the_search_path(server: Cluster, database: str):
    server.execute("CREATE SCHEMA nest AUTHORIZATION trusted", database="healthy")
    migrations = migrations_of(server, database + "?options=-c%20search_path%3Dnest")
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    assert_healthy(with_bird(migrations.app))


def test_tables_made_without_migrations_and_a_view(server: Cluster, database: str):
    app = with_bird(lifted_app(database))
    db = app.extensions["sqlalchemy"]
    with app.app_context():
        db.create_all()
    server.execute("CREATE VIEW names AS SELECT id, name FROM birds", database="healthy")
    server.execute("GRANT SELECT ON names TO trusted", database="healthy")

    class Name(db.Model):
        __tablename__ = "names"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(80))

    assert_healthy(app)


def test_tables_of_others_in_the_database(server: Cluster, database: str):
    migrations = migrations_of(server, database)
    server.execute(
        "CREATE TABLE others (id int)",
        "CREATE TABLE spatial_ref_sys (id int)",
        "CREATE SCHEMA theirs",
        "CREATE TABLE theirs.birds (id int)",
        database="healthy",
    )
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    assert_healthy(with_bird(migrations.app))


def test_several_heads_that_are_all_applied(server: Cluster, database: str):
    migrations = migrations_of(server, database)
    migrations.write("a1", CREATE_BIRDS)
    migrations.write("b1", "pass", "a1")
    migrations.write("b2", "pass", "a1")
    with migrations.within():
        upgrade(revision="heads")
    assert_healthy(with_bird(migrations.app))


def test_an_application_with_a_single_connection(server: Cluster, database: str):
    migrations = migrations_of(server, database)
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
    server.execute("ALTER DATABASE healthy CONNECTION LIMIT 1")
    try:
        assert_healthy(with_bird(lifted_app(database, SQLALCHEMY_ENGINE_OPTIONS=options)))
    finally:
        server.execute("ALTER DATABASE healthy CONNECTION LIMIT -1")


def test_a_role_that_may_only_read_a_migrated_database(server: Cluster, database: str):
    migrations = migrations_of(server, database)
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    server.execute(
        "DROP ROLE IF EXISTS ghost",
        "CREATE ROLE ghost LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO ghost",
        database="healthy",
    )
    try:
        reader = lifted_app(server.url("ghost", "healthy"))
        assert_healthy(with_bird(reader))
    finally:
        server.execute("DROP OWNED BY ghost", "DROP ROLE ghost", database="healthy")


def test_a_database_of_somebody_else_with_grants(server: Cluster, database: str):
    server.execute("ALTER DATABASE healthy OWNER TO postgres")
    migrations = migrations_of(server, database)
    migrations.execute("GRANT CREATE, USAGE ON SCHEMA public TO trusted")
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    assert_healthy(with_bird(migrations.app))


def test_two_applications_in_one_folder(server: Cluster, home: Path, database: str):
    migrations = migrations_of(server, database)
    migrations.write("a1", CREATE_BIRDS)
    migrations.run()
    (home / "other.py").write_text(
        "from flask import Flask\nfrom flask_sqlalchemy import SQLAlchemy\n"
        "app = Flask(__name__)\ndb = SQLAlchemy(app)\n\n\n"
        "class Fish(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
    )
    migrations.app.root_path = str(home)
    assert_healthy(with_bird(migrations.app))


def test_all_kinds_of_columns_right_after_their_migration(server: Cluster, database: str):
    migrations = migrations_of(server, database)
    app = migrations.app
    db = app.extensions["sqlalchemy"]

    class Kind(db.Model):
        __tablename__ = "kinds"
        id = sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
        name = sa.Column(sa.String(80), server_default="bird", nullable=False, index=True)
        made = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())
        shout = sa.Column(sa.Text, sa.Computed("upper(name)", persisted=True))
        mood = sa.Column(sa.Enum("glad", "sad", name="kind_mood"), server_default="glad")
        tags = sa.Column(postgresql.ARRAY(sa.String), server_default="{}")
        data = sa.Column(postgresql.JSONB, server_default=sa.text("'{}'::jsonb"))
        key = sa.Column(sa.Uuid, server_default=sa.text("gen_random_uuid()"), unique=True)
        price = sa.Column(sa.Numeric(8, 2), sa.CheckConstraint("price > 0", name="positive"))
        active = sa.Column(sa.Boolean, server_default=sa.true())
        parent_id = sa.Column(sa.ForeignKey("kinds.id", ondelete="CASCADE"))
        __table_args__ = (
            sa.Index("kinds_lower_name", sa.func.lower(name)),
            sa.Index("kinds_data", data, postgresql_using="gin"),
            sa.Index("kinds_active", made, postgresql_where=sa.text("active")),
            sa.UniqueConstraint("name", "made", name="kinds_name_made"),
        )

    with migrations.within():
        migrate(message="kinds")
    migrations.run()
    assert_healthy(app)
