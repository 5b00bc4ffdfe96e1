"""Errors of values, constraints, sessions and queries, each provoked for real with both drivers."""

import asyncio
import datetime
import decimal
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psycopg2
import pytest
from clusters import Cluster, run_fix
from flask import Flask, jsonify
from flask_doctor import Doctor, notes
from flask_doctor.recognise import diagnose
from flask_migrate import Migrate
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, defer, joinedload, raiseload
from sqlalchemy.util import await_only

MODELS = """\
import datetime, decimal, enum, uuid

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, CheckConstraint, DateTime, Enum, ForeignKey, Numeric, String
from sqlalchemy.dialects.postgresql import JSONB, TSRANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

db = SQLAlchemy()


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Station(db.Model):
    __tablename__ = "stations"

    id: Mapped[int] = mapped_column(primary_key=True)
    code = db.Column(db.String(5), unique=True)
    tag: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    size: Mapped[int | None]
    price: Mapped[decimal.Decimal | None] = mapped_column(Numeric(4, 2))
    key: Mapped[uuid.UUID | None]
    color: Mapped[Color | None]
    open: Mapped[bool | None]
    seen: Mapped[datetime.datetime | None]
    data = db.Column(JSONB)
    trips: Mapped[list["Trip"]] = relationship(back_populates="station")
    __table_args__ = (CheckConstraint("size > 0", name="size_positive"),)


class Trip(db.Model):
    __tablename__ = "trips"

    id: Mapped[int] = mapped_column(primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("stations.id"))
    station: Mapped[Station] = relationship(back_populates="trips")


class Stop(db.Model):
    __tablename__ = "stops"

    id: Mapped[int] = mapped_column(primary_key=True)
    station_id = db.Column(db.Integer, db.ForeignKey("stations.id"))


class Booking(db.Model):
    __tablename__ = "bookings"

    id: Mapped[int] = mapped_column(primary_key=True)
    during = db.Column(TSRANGE)
    __table_args__ = (ExcludeConstraint(("during", "&&"), name="no_overlap"),)


class Pair(db.Model):
    __tablename__ = "pairs"

    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int] = mapped_column(primary_key=True)
"""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


class Shop(SimpleNamespace):
    """An application with the models of a file, and what the cases write with."""

    def __init__(self, path: Path, url: str) -> None:
        models = load(path)
        super().__init__(**vars(models), path=path)
        self.app = Flask("shop")
        self.app.config["SQLALCHEMY_DATABASE_URI"] = url
        Doctor().init_app(self.app)
        self.db.init_app(self.app)
        Migrate(self.app, self.db)
        self.s = self.db.session

    def run(self, sql: str, **values: Any) -> Any:
        return self.s.execute(text(sql), values)

    def save(self, *rows: Any) -> Any:
        self.s.add_all(rows)
        self.s.commit()
        return rows[0]

    def station(self, **values: Any) -> Any:
        return self.Station(**{"name": "x"} | values)


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def shop(
    request: pytest.FixtureRequest, server: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    name = f"shop_{request.param}"
    server.execute(
        f"CREATE DATABASE {name} OWNER trusted",
        f"ALTER DATABASE {name} SET deadlock_timeout = '10ms'",
        "GRANT nobody_here TO trusted",
    )
    path = tmp_path_factory.mktemp(name) / f"{name}.py"
    path.write_text(MODELS)
    url = server.url("trusted", name).replace("psycopg2", request.param)
    shop = Shop(path, url)
    with shop.app.app_context():
        shop.db.create_all()
        yield shop
        shop.s.remove()
        shop.db.engine.dispose()
    server.drop(name)


def explained(shop: Shop, provoke: Callable[[Shop], object]) -> BaseException:
    """Run what fails, as in a script, and return the error with its note."""
    try:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            provoke(shop)
    finally:
        shop.s.rollback()
        shop.s.remove()
    notes.annotate(caught.value)
    return caught.value


def twice(make: Callable[[Shop], Any]) -> Callable[[Shop], Any]:
    return lambda m: (m.save(make(m)), m.s.expunge_all(), m.save(make(m)))


def delete_parent(m: Shop) -> None:
    station = m.save(m.station())
    m.save(m.Stop(station_id=station.id))
    m.s.delete(station)
    m.s.commit()


def empty_child(m: Shop) -> None:
    trip = m.save(m.Trip(station=m.station()))
    m.s.delete(trip.station)
    m.s.commit()


def aborted(m: Shop) -> None:
    with pytest.raises(SQLAlchemyError):
        m.run("SELECT 1/0")
    m.run("SELECT 1")


def pending(m: Shop) -> None:
    with pytest.raises(SQLAlchemyError):
        m.save(m.station(code="too long"))
    m.s.scalars(select(m.Station)).all()


def detached(m: Shop, attribute: str, *options: Any) -> None:
    m.save(m.Trip(station=m.station()))
    with Session(m.db.engine) as session:
        trip = session.scalars(select(m.Trip).options(*options)).first()
        if attribute == "id":
            session.commit()
    getattr(trip, attribute)


def gone(m: Shop, change: Callable[[Any], object]) -> None:
    station = m.save(m.station())
    m.run("DELETE FROM stations WHERE id = :id", id=station.id)
    change(station)
    m.s.flush()


def deadlock(m: Shop) -> None:
    m.run("DELETE FROM pairs")
    m.save(m.Pair(a=1, b=1), m.Pair(a=2, b=2))
    errors: list[BaseException] = []
    with m.db.engine.connect() as one, m.db.engine.connect() as other:
        statement = text("UPDATE pairs SET b = 5 WHERE a = :a")
        one.execute(statement, {"a": 1})
        other.execute(statement, {"a": 2})

        def wait() -> None:
            try:
                one.execute(statement, {"a": 2})
            except SQLAlchemyError as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            other.execute(statement, {"a": 1})
        except SQLAlchemyError as error:
            errors.append(error)
        other.rollback()
        thread.join()
    raise errors[0]


def changed_meanwhile(m: Shop) -> None:
    m.run("DELETE FROM pairs")
    m.save(m.Pair(a=1, b=1))
    options = {"isolation_level": "REPEATABLE READ"}
    with m.db.engine.connect().execution_options(**options) as one, m.db.engine.connect() as other:
        one.execute(text("TABLE pairs"))
        other.execute(text("UPDATE pairs SET b = 6"))
        other.commit()
        one.execute(text("UPDATE pairs SET b = 7"))


def changed_table(m: Shop) -> None:
    with m.db.engine.connect() as connection:
        connection.exec_driver_sql("PREPARE plan AS TABLE pairs")
        connection.exec_driver_sql("EXECUTE plan")
        connection.exec_driver_sql("ALTER TABLE pairs ADD extra int")
        connection.exec_driver_sql("EXECUTE plan")


def from_listener(m: Shop) -> None:
    def commit(session: Session, _: object) -> None:
        session.commit()

    event.listen(m.s, "after_flush", commit)
    try:
        m.save(m.station())
    finally:
        event.remove(m.s, "after_flush", commit)


def async_engine(m: Shop) -> None:
    waiting = asyncio.sleep(0)
    try:
        await_only(waiting)
    finally:
        waiting.close()


def in_request(m: Shop, answer: Any) -> None:
    with m.app.test_request_context():
        m.app.make_response(answer)


def percent(m: Shop) -> None:
    m.s.connection().exec_driver_sql("SELECT 1 WHERE 'A' LIKE 'A%'", {"x": 1})


IN = "SELECT 1 FROM stations WHERE id IN {}"
NOW = datetime.datetime.now
ZONE = datetime.UTC

# What fails, the entry, and words of its note.
CASES: dict[str, list[tuple[Callable[[Shop], object], str, list[str]]]] = {
    "constraints": [
        (
            twice(lambda m: m.station(code="A")),
            "unique-taken",
            ["Table stations already has a row with code = A", "stations_code_key", "Station)"],
        ),
        (
            lambda m: m.save(m.station(code="B"), m.station(code="C"), m.station(code="B")),
            "unique-taken",
            ["code = B"],
        ),
        (twice(lambda m: m.station(id=7000)), "id-given", ["id = 7000", "merge(station)"]),
        (
            lambda m: [m.run("INSERT INTO stops VALUES (7001, NULL)") for _ in "12"],
            "id-given",
            ["id = 7001"],
        ),
        (twice(lambda m: m.Pair(a=1, b=1)), "key-taken", ["a = 1 and b = 1"]),
        (
            lambda m: m.save(m.Trip(station_id=99999)),
            "parent-missing",
            ["station_id = 99999", "trip.station_id = station.id", "stations row"],
        ),
        (
            lambda m: (
                m.save(m.Trip(station=m.station())) and m.run("UPDATE trips SET station_id = 99998")
            ),
            "parent-missing",
            ["station_id = 99998"],
        ),
        (delete_parent, "children-left", ["rows of stops point to it", "Stop.station_id =="]),
        (
            lambda m: m.run(
                "DELETE FROM stations WHERE id = :id",
                id=m.save(m.Trip(station=m.station())).station_id,
            ),
            "children-left",
            ["rows of trips point to it"],
        ),
        (empty_child, "child-emptied", ["a Station, remove a Trip from", "delete-orphan"]),
        (lambda m: m.save(m.Station()), "value-missing", ["Station(name=VALUE)", "str | None"]),
        (
            lambda m: m.run("INSERT INTO stations (code) VALUES ('E')"),
            "value-missing",
            ["no value for name"],
        ),
        (lambda m: m.save(m.Pair(a=1)), "null-key", []),
        (
            lambda m: m.save(m.station(size=-1)),
            "check-failed",
            ["size_positive requires: size > 0.", "gives size = -1"],
        ),
        (
            lambda m: [
                m.run("INSERT INTO bookings (during) VALUES ('[2024-01-01,2024-01-02]')")
                for _ in "12"
            ],
            "exclusion-failed",
            ["no_overlap", "during = ["],
        ),
        (
            lambda m: (
                m.run("CREATE DOMAIN size AS int CHECK (VALUE > 0)") and m.run("SELECT (-1)::size")
            ),
            "constraint-failed",
            [],
        ),
    ],
    "values": [
        (
            lambda m: m.save(m.station(code="too long")),
            "text-too-long",
            ["Station.code has 8 characters, and 5 are allowed", "String(8), unique"],
        ),
        (
            lambda m: m.save(m.station(size=3_000_000_000)),
            "number-too-large",
            ["3000000000 doesn't fit", "mapped_column(BigInteger)"],
        ),
        (
            lambda m: m.save(m.station(price=decimal.Decimal("12345.6"))),
            "number-too-large",
            ["12345.6 doesn't fit", "Numeric(7, 2)"],
        ),
        (lambda m: m.run("SELECT CAST(3000000000 AS int)"), "number-not-found", []),
        (
            lambda m: m.s.get(m.Station, "abc"),
            "text-not-a-value",
            ['"abc" is not a whole number', "<int:id>"],
        ),
        (
            lambda m: m.save(m.station(size="")),
            "text-not-a-value",
            ['"" is not a whole number', "meant for Station.size", "`None`"],
        ),
        (
            lambda m: m.save(m.station(key="no")),
            "text-not-a-value",
            ['"no" is not a UUID', "Station.key"],
        ),
        *(
            (lambda m, cast=cast: m.run(f"SELECT CAST(:x AS {cast})", x="x"), entry, [words])
            for cast, entry, words in (
                ("boolean", "text-not-a-value", '"x" is not true or false'),
                ("date", "text-not-a-value", '"x" is not a date'),
                ("timestamp", "text-not-a-value", '"x" is not a date and time'),
                ("interval", "text-not-a-value", '"x" is not a length of time'),
                ("numeric", "text-not-a-value", '"x" is not a number'),
                ("jsonb", "text-not-a-value", "A text is not JSON"),
                ("int[]", "text-not-a-value", '"x" is not an array'),
                ("inet", "text-not-a-value", '"x" is not a value of the type'),
                ("color", "enum-value-unknown", "RED, BLUE"),
            )
        ),
        (
            lambda m: m.run("SELECT CAST(:x AS date)", x="31.12.2024"),
            "text-not-a-value",
            ['"31.12.2024" is not a date', "%d.%m.%Y"],
        ),
        (lambda m: m.run("SELECT 'infinity'::date - '-infinity'::date"), "value-refused", []),
        (
            lambda m: m.run("SELECT 1 FROM stations WHERE color = 'red'"),
            "enum-value-unknown",
            ['"red" is not one of the values of color', "RED, BLUE", "Did you mean RED?"],
        ),
        (
            lambda m: m.run("UPDATE stations SET color = 'blu'"),
            "enum-value-unknown",
            ["Color.BLUE"],
        ),
        (lambda m: m.run("SELECT 1/0"), "division-by-zero", ["NULLIF"]),
        (lambda m: m.save(m.station(code="a\0")), "nul-in-text", []),
        (lambda m: m.save(m.station(data={"a": "\0"})), "nul-in-text", []),
        (lambda m: m.run("SELECT convert_from('\\xe4', 'UTF8')"), "wrong-bytes", []),
        (lambda m: m.save(m.station(code="\ud800")), "half-a-character", []),
        (lambda m: m.save(m.station(data={1, 2})), "json-not-serializable", ["set"]),
        (lambda m: m.run("SELECT 'a' ~ '('"), "regex-invalid", ["parentheses () not balanced"]),
        (lambda m: m.run("SELECT 'a' LIKE 'a' ESCAPE 'xx'"), "like-escape", []),
        (lambda m: m.s.query(m.Station).offset(-10).all(), "negative-limit", []),
        (lambda m: m.run("SELECT now() AT TIME ZONE 'Mars'"), "time-zone-unknown", ["Mars"]),
        (
            lambda m: (
                m.run("CREATE SEQUENCE q MINVALUE 1 MAXVALUE 2")
                and [m.run("SELECT nextval('q')") for _ in "123"]
            ),
            "ids-used-up",
            [],
        ),
        (
            lambda m: m.run(
                "INSERT INTO pairs VALUES (5, 5), (5, 5) ON CONFLICT (a, b) DO UPDATE SET a = 6"
            ),
            "conflict-twice",
            [],
        ),
        (
            lambda m: (
                m.run("CREATE TEMP TABLE t (c int GENERATED ALWAYS AS IDENTITY)")
                and m.run("INSERT INTO t VALUES (1)")
            ),
            "generated-column",
            ["column c"],
        ),
        (
            lambda m: (
                m.run("CREATE TEMP TABLE t (c text STORAGE PLAIN PRIMARY KEY)")
                and m.run("INSERT INTO t VALUES (:c)", c="x" * 7000)
            ),
            "index-row-too-large",
            ["t_pkey"],
        ),
        (lambda m: m.run("SELECT np.float64(1.5)"), "numpy-number", ["value.item()"]),
        (
            lambda m: m.run("INSERT INTO stations (name) VALUES (:x)", x={"a": 1}),
            "type-not-sent",
            ["type dict", "JSON"],
        ),
        (
            lambda m: m.save(m.station(name={"a": 1})),
            "type-not-sent",
            ["for Station.name", "JSON"],
        ),
        (lambda m: m.run("SELECT :x", x=m.station()), "type-not-sent", ["`station.id`"]),
        (lambda m: m.run("SELECT :x", x=NOW), "type-not-sent", ["`()` is missing"]),
        (lambda m: m.run("SELECT :x", x=(i for i in "a")), "type-not-sent", ["list(value)"]),
        (
            lambda m: m.run("SELECT :x", x=type("StringField", (), {})()),
            "type-not-sent",
            [".data"],
        ),
        (
            lambda m: NOW() < NOW(ZONE),
            "times-mixed",
            ["stations.seen", "mapped_column(DateTime(timezone=True))"],
        ),
        (lambda m: m.run("SELECT :x"), "parameter-missing", ["parameter x", '{"x": VALUE}']),
        (lambda m: m.s.execute(text("SELECT :a"), (5,)), "parameters-not-a-dict", []),
        (lambda m: m.s.execute(text("SELECT :a"), a=5), "parameters-not-a-dict", []),
        (lambda m: m.save(m.station(open="yes")), "not-a-boolean", []),
    ],
    "sessions": [
        (
            aborted,
            "transaction-aborted",
            ["The first error was: division by zero. It happened at", "test_values.py, line"],
        ),
        (
            pending,
            "session-needs-rollback",
            ["value too long for type character varying(5). It happened at", "test_values.py"],
        ),
        (
            lambda m: detached(m, "station"),
            "detached-lazy-load",
            ["Trip.station was used", "options(selectinload(Trip.station))"],
        ),
        (lambda m: detached(m, "id"), "detached-expired", ["expire_on_commit=False"]),
        (
            lambda m: detached(m, "station_id", defer(m.Trip.station_id)),
            "detached-deferred",
            ["undefer(Trip.station_id)"],
        ),
        (
            lambda m: (
                m.save(m.Trip(station=m.station()))
                and m.s.scalars(select(m.Trip).options(raiseload("*"))).first().station
            ),
            "lazy-load-forbidden",
            ["selectinload(Trip.station)"],
        ),
        (lambda m: m.save(m.station(trips=[None])), "none-in-relationship", ["Station.trips"]),
        (lambda m: gone(m, lambda one: m.s.refresh(one)), "row-deleted", ["Station"]),
        (lambda m: gone(m, lambda one: (m.s.expire(one), one.name)), "row-deleted", ["Station"]),
        (
            lambda m: gone(m, lambda one: setattr(one, "name", "y")),
            "row-not-matched",
            ["table stations"],
        ),
        (
            lambda m: [
                (session, session.add(one))  # a session that nobody holds is gone, and lets go
                for one in [m.station()] * 2
                for session in [Session(m.db.engine)]
            ],
            "two-sessions",
            [],
        ),
        (lambda m: (m.run("SELECT 1"), m.s.begin()), "already-begun", []),
        (lambda m: m.s.delete(m.station()), "not-saved-yet", []),
        (lambda m: m.s.refresh(m.station()), "not-saved-yet", []),
        (lambda m: m.s.expunge(m.station()), "not-saved-yet", []),
        (from_listener, "transaction-over", []),
        (lambda m: m.run("SELECT generate_series(1, 2)").one(), "rows-several", []),
        (lambda m: m.run("SELECT generate_series(1, 2)").scalar_one_or_none(), "rows-several", []),
        (lambda m: m.run("SELECT 1 WHERE false").one(), "rows-none", ["abort(404)"]),
        (lambda m: (r := m.run("SELECT 1"), r.close(), r.all()), "result-closed", []),
        (lambda m: m.run("SET work_mem = '4MB'").all(), "no-rows-returned", []),
        (async_engine, "missing-greenlet", []),
        (changed_meanwhile, "serialization-failed", []),
        (deadlock, "deadlock", ["waits for ShareLock"]),
        (
            lambda m: m.run("SET LOCAL statement_timeout = 1") and m.run("SELECT pg_sleep(9)"),
            "statement-timeout",
            [],
        ),
        (
            lambda m: m.run("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9)"),
            "statement-cancelled",
            [],
        ),
        (lambda m: m.run("VACUUM"), "not-in-a-transaction", ["AUTOCOMMIT"]),
        (changed_table, "cached-plan", []),
        (
            lambda m: [m.run("PREPARE _pg3_0 AS SELECT 1") for _ in "12"],
            "prepared-behind-pooler",
            [],
        ),
    ],
    "queries": [
        (lambda m: m.s.add_all(m.station()), "object-not-a-list", ["One Station"]),
        (lambda m: m.station()["name"], "object-not-a-list", ["One Station"]),
        (lambda m: m.s.execute(select(m.Station)).name, "result-not-read", []),
        (lambda m: len(m.Station.query), "query-not-run", []),
        (lambda m: m.s.get(m.Station, (1, 2)), "key-of-other-length", ["stations.id"]),
        (lambda m: m.run(IN.format(":ids"), ids=[1]), "list-in-sql", ["ids"]),
        (lambda m: m.run(IN.format("(:ids)"), ids=(1, 2)), "list-in-sql", ["= ANY(:ids)"]),
        (percent, "percent-in-sql", ["A%%"]),
        (lambda m: m.s.execute("SELECT 1"), "text-needed", []),
        (lambda m: m.s.query(m.Station).filter("id = 1").all(), "text-needed", []),
        (lambda m: m.db.case([(m.Station.id == 1, "a")]), "case-list", []),
        (lambda m: m.db.engine.execute("SELECT 1"), "engine-execute", []),
        (lambda m: m.db.engine.table_names(), "engine-inspect", []),
        (lambda m: m.s.save(m.station()), "session-method-unknown", ["save"]),
        (lambda m: m.Station.query.find(1), "query-method-unknown", ["find"]),
        (lambda m: m.Station.trips == [5], "collection-compared", []),
        (lambda m: joinedload("trips"), "loader-text", []),
        (
            lambda m: m.Station.query.limit(1).update({"name": "a"}),
            "update-with-limit",
            [],
        ),
        (lambda m: jsonify(m.station()), "model-not-json", ["type Station"]),
        (lambda m: in_request(m, None), "view-returns-nothing", []),
        (lambda m: in_request(m, m.station()), "view-returns-object", ["send: Station"]),
    ],
}
LISTED = [
    pytest.param(*case, id=f"{theme}-{number}-{case[1]}")
    for theme, cases in CASES.items()
    for number, case in enumerate(cases)
]


@pytest.mark.filterwarnings("ignore:Column 'pairs.b' is marked as a member of the primary key")
@pytest.mark.parametrize(("provoke", "entry", "words"), LISTED)
def test_an_error_is_explained(
    shop: Shop, provoke: Callable[[Shop], object], entry: str, words: list[str]
):
    error = explained(shop, provoke)
    assert error.diagnosis.entry.id == entry, error
    (note,) = error.__notes__
    assert "test_values.py, line" in note
    for word in words:
        assert word in note


def test_an_autoflush_is_explained_by_what_it_saves(shop: Shop):
    def autoflush(m: Shop) -> None:
        m.save(m.station(code="F"))
        m.s.add(m.station(code="F"))
        m.s.scalars(select(m.Station)).all()

    assert explained(shop, autoflush).diagnosis.facts["pair"] == "code = F"


ODD = '"o\'\'d"."Birds\'"'


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("odd", "CREATE TABLE odd (id serial PRIMARY KEY)"),
        ("odd", "CREATE TABLE odd (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)"),
        ("odd", "CREATE SEQUENCE own; CREATE TABLE odd (id int DEFAULT nextval('own') UNIQUE)"),
        (ODD, f"CREATE SCHEMA \"o''d\"; CREATE TABLE {ODD} (id serial PRIMARY KEY)"),
    ],
)
def test_a_sequence_that_an_import_left_behind_is_moved_on(
    shop: Shop, server: Cluster, name: str, table: str
):
    shop.run(f"{table}; INSERT INTO {name} VALUES (1), (2), (3)")
    shop.s.commit()

    def add(m: Shop) -> None:
        m.run(f"INSERT INTO {name} DEFAULT VALUES")

    error = explained(shop, add)
    assert error.diagnosis.entry.id == "id-taken"
    assert "It is at 1, and the largest id is 3." in error.__notes__[0]
    run_fix(error.diagnosis, server.folder)
    add(shop)
    shop.s.rollback()
    shop.run(f"DROP TABLE {name}; DROP SEQUENCE IF EXISTS own")
    shop.s.commit()


def test_a_table_that_nothing_numbers_is_numbered(shop: Shop, server: Cluster):
    shop.run("ALTER TABLE stops ALTER id DROP DEFAULT; INSERT INTO stops VALUES (8, NULL)")
    shop.s.commit()
    error = explained(shop, lambda m: m.save(m.Stop()))
    assert error.diagnosis.entry.id == "id-not-made"
    run_fix(error.diagnosis, server.folder)
    assert shop.save(shop.Stop()).id == 9


def test_a_violation_without_a_detail_is_looked_up(shop: Shop):
    """A role that may not read the table isn't told which value it was."""
    shop.run("GRANT INSERT ON stations TO nobody_here")
    shop.save(shop.station(id=9000, code="G"))

    def insert_blindly(m: Shop) -> None:
        m.run("SET LOCAL ROLE nobody_here")
        m.run("INSERT INTO stations (id, name, code) VALUES (9001, 'x', :code)", code="G")

    error = explained(shop, insert_blindly)
    assert not error.orig.diag.message_detail
    assert error.diagnosis.title == "Table stations already has a row with code = G"


def test_a_column_that_differs_from_its_model_is_told(shop: Shop):
    for change, value in (("TYPE varchar(2)", {"code": "GHI"}), ("SET NOT NULL", {})):

        def narrow(m: Shop, change: str = change, value: Any = value) -> None:
            m.run(f"TRUNCATE stations CASCADE; ALTER TABLE stations ALTER code {change}")
            m.save(m.station(**value))

        error = explained(shop, narrow)
        assert error.diagnosis.entry.id == "model-drift"
        assert "stations.code" in error.diagnosis.why


# What breaks, and what must work after the edits that were printed.
EDITS: list[Callable[[Shop], object]] = [
    lambda m: m.save(m.station(tag="H"), m.station(tag="H")),
    lambda m: m.save(m.station(code="too long")),
    lambda m: m.save(m.station(size=3_000_000_000)),
    lambda m: m.save(m.station(price=decimal.Decimal("12345.6"))),
    lambda m: m.save(m.Station()),
    empty_child,
    delete_parent,
    lambda m: m.save(m.station(seen=NOW(ZONE))).seen < NOW(ZONE),
]


def test_the_edits_as_printed_let_it_work(shop: Shop, server: Cluster, tmp_path: Path):
    code = MODELS
    for provoke in EDITS:
        facts = explained(shop, provoke).diagnosis.facts
        assert facts["before"] in code
        code = code.replace(facts["before"], facts["after"])
    path = tmp_path / f"edited_{shop.path.stem}.py"
    path.write_text(code)
    server.execute(f"CREATE DATABASE {path.stem} OWNER trusted")
    url = shop.db.engine.url.set(database=path.stem).render_as_string(hide_password=False)
    edited = Shop(path, url)
    with edited.app.app_context():
        edited.db.create_all()
        for provoke in EDITS:
            provoke(edited)
        edited.s.remove()
        edited.db.engine.dispose()


def test_what_libpq_says_of_a_connection_that_two_processes_share():
    for message in (
        'lost synchronization with server: got message type "x", length 2021161080',
        'server sent data ("D" message) without prior row description ("T" message)',
        "SSL error: decryption failed or bad record mac",
        "error with status PGRES_TUPLES_OK and no message from the libpq",
        "received 2 results from command 'BEGIN'",
    ):
        error = DBAPIError("SELECT 1", {}, psycopg2.OperationalError(message), True)
        error.connection_invalidated = True
        assert diagnose(error).entry.id == "shared-over-fork"


def test_an_entry_of_a_class_claims_no_cause(shop: Shop):
    for sqlstate, entry in {
        "22ZZZ": "value-refused",
        "23ZZZ": "constraint-failed",
        "25ZZZ": "transaction-state",
        "40ZZZ": "transaction-rolled-back",
        "53ZZZ": "out-of-resources",
        "54ZZZ": "too-complex",
        "55ZZZ": "not-in-this-state",
        "57ZZZ": "ended-from-outside",
        "58ZZZ": "server-system-error",
        "XXZZZ": "server-internal-error",
    }.items():
        statement = (
            f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{sqlstate}', DETAIL = 'so', HINT = 'as'; "
            "END $$"
        )
        error = explained(shop, lambda m, statement=statement: m.run(statement))
        assert error.diagnosis.entry.id == entry
        assert error.diagnosis.why.endswith("so as")


@pytest.mark.parametrize(
    "provoke",
    [
        lambda: "%s" % (1, 2),  # noqa: UP031, F507
        lambda: type("Session", (), {})().query,
        lambda: type("Engine", (), {})().execute,
        lambda: len(type("Query", (), {})),
        lambda: iter(type("Unmapped", (), {})()),
        lambda: {"a": 1}["b"],
        lambda: int("x"),
        lambda: None + 1,
    ],
)
def test_what_only_reads_like_an_error_of_the_database_is_left_alone(provoke: Callable[[], object]):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        provoke()
    assert diagnose(caught.value) is None
