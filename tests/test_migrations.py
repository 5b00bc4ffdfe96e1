import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from copied import ProjectCopy
from flask import Flask
from flask_migrate import downgrade, upgrade
from postgres import ROOT, app_on
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stationsapp import limits
from stationsapp.extensions import db
from stationsapp.stations import search
from stationsapp.stations.recount import recount
from stationsapp.stations.search import Filters

COUNT = len(list((ROOT / "migrations" / "versions").glob("*.py")))
HEAD, NEXT = f"{COUNT:04}", f"{COUNT + 1:04}"


@pytest.fixture
def app(own_url: str) -> Iterator[Flask]:
    with app_on(own_url) as app, app.app_context():
        yield app
        db.session.remove()


def test_a_changed_model_becomes_the_next_migration(own_url: str, tmp_path: Path):
    project = ProjectCopy(tmp_path, own_url)
    line = "    properties: Mapped"
    project.replace("stationsapp/models.py", line, f"    elevation: Mapped[float | None]\n{line}")
    project.run("flask", "db", "migrate", "-m", "add elevation")
    made = project.folder / f"migrations/versions/{NEXT}_add_elevation.py"
    title, _, *numbers, date = made.read_text().splitlines()[:5]
    assert (title, numbers) == ('"""Add elevation.', [f"Revision ID: {NEXT}", f"Revises: {HEAD}"])
    assert re.fullmatch(r"Create Date: [-\d]{10} [:\d]{8}", date)
    project.run("ruff", "format", "--check", str(made))
    project.run("ruff", "check", str(made))
    project.run("flask", "db", "upgrade")
    project.run("flask", "db", "check")
    assert columns(own_url) == ["elevation"]
    project.run("flask", "db", "downgrade")
    assert columns(own_url) == []


def columns(url: str) -> list[str]:
    with closing(psycopg2.connect(url)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'stations' "
            "AND column_name = 'elevation'"
        )
        return [name for (name,) in cursor]


def test_an_empty_migration_is_numbered_and_clean_too(own_url: str, tmp_path: Path):
    project = ProjectCopy(tmp_path, own_url)
    project.run("flask", "db", "revision", "-m", "Rename what was")
    made = str(project.folder / f"migrations/versions/{NEXT}_rename_what_was.py")
    project.run("ruff", "format", "--check", made)
    project.run("ruff", "check", made)


def test_a_migration_can_be_made_where_ruff_is_not_installed(own_url: str, tmp_path: Path):
    project = ProjectCopy(tmp_path, own_url)
    # As find_spec says of a package that is not there.
    project.replace("migrations/env.py", 'find_spec("ruff")', 'find_spec("no_ruff")')
    project.run("flask", "db", "revision", "-m", "plain")
    assert (project.folder / f"migrations/versions/{NEXT}_plain.py").exists()


UP, DOWN = (upgrade, "head"), (downgrade, "0004")
INTERRUPTED = {
    "0004 up": ("0003", *UP, "stations", "ix_stations_plane"),
    "0005 up": ("0004", *UP, "api_tokens", "uq_api_tokens_valid_name"),
    "0010 up": ("0009", *UP, "stations", "ix_stations_terms"),
    "0005 down": ("0005", *DOWN, "api_tokens", "uq_api_tokens_name"),
}


@pytest.mark.parametrize(
    ("start", "migrate", "target", "table", "index"), INTERRUPTED.values(), ids=INTERRUPTED.keys()
)
def test_an_interrupted_migration_can_be_run_again(
    app: Flask, own_url: str, start: str, migrate, target: str, table: str, index: str
):
    downgrade(revision=start)
    failed: list[SQLAlchemyError] = []

    def run() -> None:
        with app.app_context(), pytest.raises(SQLAlchemyError) as caught:
            migrate(revision=target)
        failed.append(caught.value)

    valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')"
    with closing(psycopg2.connect(own_url)) as writer, closing(psycopg2.connect(own_url)) as other:
        # CREATE INDEX CONCURRENTLY makes an invalid index, then waits for who writes the table.
        writer.cursor().execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        other.autocommit = True
        cursor = other.cursor()
        thread = threading.Thread(target=run)
        thread.start()
        cursor.execute(valid)
        while not cursor.rowcount and thread.is_alive():
            cursor.execute(valid)
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'CREATE%CONCURRENTLY%'"
        )
        thread.join()
        cursor.execute(valid)
        assert cursor.fetchall() == [(False,)]
        assert len(failed) == 1
        writer.rollback()
        migrate(revision=target)
        cursor.execute(valid)
        assert cursor.fetchall() == [(True,)]


def test_a_migration_waits_for_a_table_in_use_without_holding_up_the_others(
    app: Flask, own_url: str, monkeypatch: pytest.MonkeyPatch
):
    downgrade(revision="0001")
    with closing(psycopg2.connect(own_url)) as writer:
        writer.cursor().execute("LOCK TABLE stations IN ROW EXCLUSIVE MODE")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if seconds == limits.MIGRATION_PAUSE:  # its transaction is over: the table is free
                with db.engine.connect() as other:
                    assert other.scalar(text("SELECT count(*) FROM stations")) == 0
                writer.rollback()

        monkeypatch.setitem(limits.MIGRATION_SESSION, "lock_timeout", "50ms")
        monkeypatch.setattr(time, "sleep", pause)
        upgrade(revision="0002")
    assert limits.MIGRATION_PAUSE in pauses


def test_what_came_before_a_migration_that_fails_is_done(app: Flask):
    downgrade(revision="0002")
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE uq_api_tokens_valid_name ()"))
    with pytest.raises(DBAPIError, match="uq_api_tokens_valid_name"):
        upgrade()
    assert db.session.scalar(text("SELECT version_num FROM alembic_version")) == "0004"


def test_who_waits_for_another_upgrade_says_so_and_gives_up(
    app: Flask, own_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "MIGRATION_QUEUE", 0)
    with closing(psycopg2.connect(own_url)) as other:
        other.cursor().execute("SELECT pg_advisory_xact_lock(7220000)")
        result = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert result.exit_code == 1
        assert f"pg_terminate_backend({other.info.backend_pid})" in result.output


def test_no_answer_from_before_a_migration_is_fresh_after_it(app: Flask):
    before = search.version()
    downgrade()
    upgrade()
    assert search.version() > before


def test_of_repeated_token_names_the_last_keeps_it_on_the_way_down(app: Flask):
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO api_tokens (name, digest, revoked_at) VALUES "
                "('a', '1', now()), ('a', '2', NULL), ('b', '3', now()), ('b', '4', now())"
            )
        )
    downgrade(revision="0004")
    names = text("SELECT name FROM api_tokens ORDER BY id")
    expected = ["a (revoked 1)", "a", "b (revoked 3)", "b"]
    assert list(db.session.scalars(names)) == expected


def test_stations_are_read_and_written_while_their_cells_are_made(app: Flask, own_url: str):
    downgrade(revision="0010")
    insert = "INSERT INTO stations (source, code, name, lat, lng) SELECT 's', {}, 'n', 48, 2"

    def run() -> None:
        with app.app_context():
            upgrade()

    with closing(psycopg2.connect(own_url)) as writer, closing(psycopg2.connect(own_url)) as reader:
        cursor = writer.cursor()
        cursor.execute(f"{insert.format('n')} FROM generate_series(1, 2000) AS n")
        writer.commit()
        reader.cursor().execute("SELECT count(*) FROM stations")  # its transaction goes on
        cursor.execute("SELECT pg_advisory_lock(7220002)")
        writer.commit()
        thread = threading.Thread(target=run)
        thread.start()
        waits = "SELECT FROM pg_locks WHERE objid = 7220002 AND NOT granted"
        cursor.execute(waits)
        while not cursor.rowcount and thread.is_alive():
            writer.commit()
            cursor.execute(waits)
        cursor.execute(insert.format("0"))
        writer.commit()
        cursor.execute("SELECT pg_advisory_unlock(7220002)")
        thread.join()
    assert [row["count"] for row in search.clusters(Filters(), 0).rows] == [2001]
    assert recount()[1] == 0
