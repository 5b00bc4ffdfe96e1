"""Migrations that fail: why, what stands in their way, and an edit after which they run."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from textwrap import indent

import psycopg2
import pytest
import sqlalchemy as sa
from clusters import BIN, Cluster, engine_of
from flask_doctor.actions import upgrade
from flask_doctor.losing import losses
from flask_doctor.pending import untriable
from migrating import HEAD, Migrations, edit

TABLES = (
    "CREATE TABLE nests (id serial PRIMARY KEY)",
    "CREATE TABLE birds"
    " (id serial PRIMARY KEY, name varchar(50), nest_id int, age text DEFAULT 'x')",
)


@pytest.fixture(scope="module")
def database(server: Cluster) -> Iterator[str]:
    server.execute("CREATE DATABASE migrating OWNER trusted")
    yield "migrating"
    server.drop("migrating")


Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a migration without a database."""

    def write(body: str) -> Path:
        path = tmp_path / "0002.py"
        path.write_text(HEAD.format("0002", "0001", indent(body, "    ")))
        return path

    return write


@pytest.fixture
def migrations(
    server: Cluster, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Migrations:
    """Migrations of which the first was run; its tables are there."""
    monkeypatch.chdir(tmp_path)
    migrations = Migrations(server, database)
    migrations.execute(*TABLES)
    migrations.at("0001")
    migrations.write("0001", "pass")
    return migrations


BATCH = "with op.batch_alter_table('birds', schema=None) as batch_op:\n    batch_op."
ENUM = "sa.Enum('calm', 'wild', name='mood')"
# What is in the database, what a migration does, the entry, and words of the diagnosis.
FAILING = {
    "a new column": (
        ["INSERT INTO birds DEFAULT VALUES"],
        BATCH + "add_column(sa.Column('song', sa.Integer(), nullable=False))",
        "null-in-new-column",
        "server_default='0'",
    ),
    "a new foreign key": (
        ["INSERT INTO birds DEFAULT VALUES"],
        "op.add_column('birds', sa.Column('x_id', sa.Integer(), nullable=False))\n"
        "op.create_foreign_key('fk', 'birds', 'nests', ['x_id'], ['id'])",
        "null-in-new-column",
        "nullable=True",
    ),
    "NOT NULL": (
        ["INSERT INTO birds DEFAULT VALUES"],
        BATCH
        + "alter_column('name',\n        existing_type=sa.String(50),\n        nullable=False)",
        "null-in-old-column",
        "1 row has no value there.",
    ),
    "a unique constraint": (
        ["INSERT INTO birds (name) VALUES ('wren'), ('wren'), ('tit'), ('tit'), (NULL), (NULL)"],
        "op.create_unique_constraint('uq', 'birds', ['name'])",
        "duplicates-in-unique",
        "and 1 other value is too",
    ),
    "a unique index": (
        ["INSERT INTO birds (name, nest_id) VALUES ('wren', 1), ('wren', 1)"],
        "op.create_index('ix', 'birds', ['name', 'nest_id'], unique=True)",
        "duplicates-in-unique",
        "wren, 1 occurs more than once.",
    ),
    "a foreign key": (
        ["INSERT INTO birds (nest_id) VALUES (98), (99)"],
        "op.create_foreign_key('fk', 'birds', 'nests', ['nest_id'], ['id'])",
        "orphans-in-foreign-key",
        "2 rows have a value that isn't in table nests.",
    ),
    "a cast": (
        ["INSERT INTO birds (name) VALUES ('12')"],
        "op.alter_column('birds', 'name', existing_type=sa.String(50), type_=sa.Integer())",
        "cast-needed",
        "postgresql_using='name::integer'",
    ),
    "a default": (
        [],
        "op.alter_column('birds', 'age', type_=sa.Integer(), postgresql_using='1')",
        "default-of-other-type",
        "server_default=None",
    ),
    "values": (
        ["INSERT INTO birds (name) VALUES ('12a')"],
        "op.alter_column('birds', 'name', type_=sa.Integer(), postgresql_using='name::integer')",
        "values-of-other-type",
        '"12a"',
    ),
    "values too long": (
        ["INSERT INTO birds (name) VALUES ('123456')"],
        "op.alter_column('birds', 'name', type_=sa.String(5))",
        "values-of-other-type",
        "WHERE length(name) > 5",
    ),
    "an enum in use": (
        ["CREATE TYPE mood AS ENUM ('calm')", "ALTER TABLE nests ADD mood mood"],
        f"op.create_table('eggs', sa.Column('mood', {ENUM}))",
        "enum-exists",
        "Used by: nests.mood.",
    ),
    "an enum left over": (
        ["CREATE TYPE mood AS ENUM ('calm')"],
        f"op.create_table('eggs', sa.Column('mood', {ENUM}))",
        "enum-left-over",
        'DROP TYPE "mood"',
    ),
    "an enum in a new column": (
        [],
        f"op.add_column('birds', sa.Column('mood', {ENUM}))",
        "enum-not-created",
        ".create(op.get_bind(), checkfirst=True)",
    ),
    "a column that exists": (
        [],
        BATCH + "add_column(sa.Column('age', sa.Text()))",
        "object-exists",
        "column age",
    ),
    "a table that exists": (
        ["CREATE TABLE eggs (id int)"],
        "op.create_table(\n    'eggs',\n    sa.Column('id', sa.Integer()),\n)",
        "object-exists",
        "table eggs",
    ),
    "an index that exists": (
        ["CREATE INDEX ix ON birds (name)"],
        "op.create_index('ix', 'birds', ['name'])",
        "object-exists",
        "index ix",
    ),
    "a constraint that exists": (
        ["ALTER TABLE birds ADD CONSTRAINT uq UNIQUE (name)"],
        "op.create_unique_constraint('uq', 'birds', ['name'])",
        "object-exists",
        "op.drop_constraint('uq', 'birds')",
    ),
    "a table that a foreign key needs": (
        ["ALTER TABLE birds ADD CONSTRAINT fk FOREIGN KEY (nest_id) REFERENCES nests"],
        "op.drop_table('nests')",
        "needed-by-others",
        "deletes table nests with its data",
    ),
    "a column that a view needs": (
        ["CREATE VIEW v AS SELECT name FROM birds"],
        BATCH + "drop_column('name')",
        "needed-by-others",
        "deletes column name of table birds with its data",
    ),
    "a type that a view needs": (
        ["CREATE VIEW v AS SELECT name FROM birds"],
        "op.alter_column('birds', 'name', type_=sa.Text())",
        "needed-by-others",
        "DROP VIEW v",
    ),
    "a constraint by another name": (
        ["ALTER TABLE birds ADD CONSTRAINT birds_name_key UNIQUE (name)"],
        "op.drop_constraint('uq_birds_name', 'birds', type_='unique')",
        "missing-in-migration",
        "birds_name_key",
    ),
    "a column that is gone": (
        [],
        "op.drop_column('birds', 'gone')",
        "missing-in-migration",
        "Table birds has: id, name, nest_id, age.",
    ),
    "a constraint without a name": (
        ["ALTER TABLE birds ADD CONSTRAINT birds_name_key UNIQUE (name)"],
        "op.drop_constraint(None, 'birds', type_='unique')",
        "constraint-without-name",
        "op.drop_constraint('birds_name_key', 'birds', type_='unique')",
    ),
    "an import": (
        [],
        "op.add_column('birds', sa.Column('more', postgresql.JSONB()))",
        "migration-import-missing",
        "+ from sqlalchemy.dialects import postgresql",
    ),
}


@pytest.mark.parametrize(("there", "body", "entry", "words"), FAILING.values(), ids=FAILING)
def test_what_stands_in_the_way_is_named_and_the_edit_helps(
    migrations: Migrations, there, body, entry, words
):
    migrations.execute(*there)
    path = migrations.write("0002", body, "0001")
    # `flask doctor` tries the migration, and leaves nothing of it.
    step = migrations.examined()
    assert (step.stage, step.diagnosis.entry.id) == ("migrations", entry)
    assert "tried and rolled back: nothing is changed" in step.diagnosis.why
    assert words in step.diagnosis.text()
    assert "migrations/versions/0002.py, line " in step.diagnosis.text()
    run_fix_in_psql(step.diagnosis)
    if entry != "enum-left-over":  # of which the edit is for the next time
        edit(path, step.diagnosis)
    path.write_text(path.read_text().replace("VALUE'", "0'"))
    migrations.run()


def run_fix_in_psql(diagnosis) -> None:
    """Run the lines of a fix that are for psql."""
    for line in diagnosis.fix:
        if line.startswith("$ psql"):
            subprocess.run(
                line.removeprefix("$ ").replace("psql", str(BIN / "psql"), 1),
                shell=True,
                check=True,
                capture_output=True,
            )


# These can't be mended by an edit that is known.
BROKEN = {
    "a name": ("op.execute(nothing)", "migration-name-missing", "uses nothing"),
    "a package": ("geoalchemy2.Geometry()", "migration-package-missing", "install GeoAlchemy2"),
    "Python": ("op.add_colum()", "migration-broken", "line 9"),
    "Python's syntax": ("op.execute('SELECT 1'", "migration-broken", "line 9"),
    "SQL": ("op.execute('SELEC 1')", "keyword-misspelled", "SELECT"),
    "an enum": (
        "op.create_table('eggs', sa.Column('mood', sa.Enum('calm')))",
        "enum-without-name",
        "line 9",
    ),
    "an extension": (
        "op.execute('ALTER TABLE birds ADD place geometry')",
        "extension-missing",
        "CREATE EXTENSION IF NOT EXISTS postgis",
    ),
    "an extension's files": (
        "op.execute('CREATE EXTENSION postgis')",
        "migration-extension-missing",
        "sudo apt install postgresql-18-postgis-3",
    ),
}


@pytest.mark.parametrize(("body", "entry", "words"), BROKEN.values(), ids=BROKEN)
def test_a_migration_that_is_wrong_in_itself(migrations: Migrations, body, entry, words):
    migrations.write("0002", body, "0001")
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == entry
    assert words in diagnosis.text()


def test_a_migration_that_somebody_has_interrupted_is_not_called_wrong(migrations: Migrations):
    body = "exec('try: raise KeyboardInterrupt\\nfinally: raise KeyError')"
    migrations.write("0002", body, "0001")
    assert migrations.examined().diagnosis.entry.id == "database-behind"


def test_who_holds_a_lock_is_named(migrations: Migrations, server: Cluster):
    migrations.write("0002", "op.add_column('birds', sa.Column('song', sa.Text()))", "0001")
    other = psycopg2.connect(
        host="127.0.0.1",
        port=server.port,
        user="postgres",
        dbname=migrations.database,
        application_name="my shell",
    )
    with closing(other):
        other.cursor().execute("SELECT * FROM birds")
        diagnosis = migrations.examined().diagnosis
        assert diagnosis.entry.id == "migration-locked"
        assert f"session {other.info.backend_pid} (idle in transaction, for " in diagnosis.why
        assert "my shell" in diagnosis.why
        run_fix_in_psql(diagnosis)
    migrations.run()


def test_a_try_leaves_nothing_and_says_what_it_has_shown(migrations: Migrations):
    migrations.model("birds", sa.Column("song", sa.Text))
    migrations.write("0002", "op.add_column('birds', sa.Column('song', sa.Text()))", "0001")
    for _ in range(2):
        diagnosis = migrations.examined().diagnosis
        assert diagnosis.entry.id == "database-behind"
        assert "They were tried and rolled back: they run without an error." in diagnosis.why
        assert diagnosis.entry.action == "upgrade"


OUTLASTING = {
    "op.get_bind().commit()": "contains `commit`",
    "with op.get_context().autocommit_block():\n    pass": "contains `commit`",
    "op.execute('CREATE INDEX CONCURRENTLY ix ON birds (name)')": "contains `CONCURRENTLY`",
    "import os\nos.rmdir('.')": "imports os",
    "from app import db\ndb.session.execute('')": "imports app",
    "open('made', 'w')": "contains `open(`",
}


@pytest.mark.parametrize(("body", "reason"), OUTLASTING.items(), ids=OUTLASTING.values())
def test_what_would_outlast_a_try_is_not_tried(written: Written, body: str, reason: str):
    assert untriable(written(body)).endswith(f"0002.py {reason}")


def test_what_is_not_tried_is_said(migrations: Migrations):
    migrations.write("0002", "open('made', 'w')", "0001")
    diagnosis = migrations.examined().diagnosis
    assert "They were not tried: migrations/versions/0002.py contains `open(`." in diagnosis.why
    assert not Path("made").exists()


LOSSES = {
    "op.drop_table('nests')": "deletes table nests with its data",
    BATCH + "drop_column('name')": "deletes column name of table birds with its data",
    "op.execute('DELETE FROM nests')": "deletes rows of table nests",
    "op.execute(sa.text('TRUNCATE birds'))": "deletes all rows of table birds",
    "op.execute('UPDATE birds SET name = 1')": "changes rows of table birds",
    "op.get_bind().execute(sa.text('drop schema x cascade'))": "deletes schema x",
    "op.alter_column('birds', 'name', existing_type=sa.Numeric(), type_=sa.Integer())": "changes "
    "the type of column name of table birds",
    "for name in ('a', 'b'):\n    op.execute(f'DROP TABLE {name}')": "SQL that can't be read ahead",
}


@pytest.mark.parametrize(("body", "loss"), LOSSES.items(), ids=LOSSES.values())
def test_what_a_migration_loses_is_known(written: Written, body: str, loss: str):
    assert loss in "".join(losses([written(body)]))


HARMLESS = [
    "op.alter_column('birds', 'name', existing_type=sa.String(50), type_=sa.Text())",
    "op.alter_column('birds', 'name', existing_type=sa.String(50), type_=sa.String(60))",
    "op.drop_index('ix', if_exists=True)",
    "op.execute('CREATE TABLE x (id int REFERENCES nests ON DELETE CASCADE)')",
    "op.execute('CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM nests $$')",
    "op.execute('CREATE TRIGGER t AFTER UPDATE OR TRUNCATE ON nests EXECUTE FUNCTION f()')",
    "op.bulk_insert(sa.table('nests', sa.column('id')), [{'id': 1}])",
]


@pytest.mark.parametrize("body", HARMLESS)
def test_what_loses_nothing_is_known(written: Written, body: str):
    assert losses([written(body)]) == []


def test_what_is_lost_is_said_and_not_done_by_itself(migrations: Migrations):
    migrations.write("0002", BATCH + "drop_column('name')", "0001")
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.action is None
    warning = next(step[0] for step in diagnosis.steps if step[-1].endswith("db upgrade"))
    assert "deletes column name of table birds with its data" in warning
    with migrations.within(), pytest.raises(RuntimeError, match="may lose data"):
        upgrade(migrations.app)


def test_in_an_empty_database_nothing_can_be_lost(migrations: Migrations):
    migrations.execute("DROP TABLE birds, nests, alembic_version")
    migrations.write("0001", "op.execute('DROP TABLE IF EXISTS birds')")
    assert migrations.examined().diagnosis.entry.action == "upgrade"


def test_a_column_that_a_migration_replaces_may_have_been_renamed(migrations: Migrations):
    body = BATCH + "add_column(sa.Column('title', sa.String(50)))\n    batch_op.drop_column('name')"
    path = migrations.write("0002", body, "0001")
    migrations.execute("INSERT INTO birds (name) VALUES ('wren')")
    diagnosis = migrations.examined().diagnosis
    assert "If you renamed name to title" in diagnosis.text()
    edit(path, diagnosis)
    migrations.run()
    migrations.execute("DO 'BEGIN ASSERT (SELECT title FROM birds) = ''wren''; END'")


def test_a_renamed_column_is_told_from_a_new_one(migrations: Migrations):
    migrations.model("nests")
    migrations.model("birds", sa.Column("title", sa.String(50)), sa.Column("nest_id", sa.Integer))
    migrations.execute("ALTER TABLE birds DROP age")
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == "column-renamed"
    edit(migrations.write("0002", "pass", "0001"), diagnosis)
    migrations.run()
    assert migrations.examined().ok


def test_an_enum_that_lacks_a_value(migrations: Migrations):
    kind = sa.Enum("calm", "o'clock", name="mood")
    migrations.execute("CREATE TYPE mood AS ENUM ('calm')", "ALTER TABLE birds ADD mood mood")
    migrations.model("birds", sa.Column("mood", kind))
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == "enum-value-missing"
    table = migrations.app.extensions["sqlalchemy"].metadata.tables["birds"]
    with engine_of(migrations.app) as engine, pytest.raises(sa.exc.DataError) as raised:
        engine.connect().execute(table.insert().values(mood="o'clock"))
    assert raised.value.diagnosis.entry.id == "enum-value-missing"
    edit(migrations.write("0002", "pass", "0001"), diagnosis)
    migrations.run()
    assert migrations.examined().ok


CREATED = {
    "Table eggs": "op.create_table('eggs', sa.Column('id', sa.Integer(), primary_key=True))",
    "Column song of table birds": BATCH + "add_column(sa.Column('song', sa.Text()))",
    "Function f": "op.execute('CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$')",
}


@pytest.mark.parametrize(("thing", "body"), CREATED.items(), ids=CREATED)
def test_what_a_stamped_migration_would_have_made_is_missing(migrations: Migrations, thing, body):
    migrations.model("birds", sa.Column("song", sa.Text))
    migrations.model("eggs")
    migrations.execute("ALTER TABLE birds ADD song text", "CREATE TABLE eggs (id int)")
    if thing.startswith("Column"):
        migrations.execute("ALTER TABLE birds DROP song")
    if thing.startswith("Table"):
        migrations.execute("DROP TABLE eggs")
    migrations.write("0002", body, "0001")
    migrations.execute("UPDATE alembic_version SET version_num = '0002'")
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == "migration-stamped"
    assert thing in diagnosis.title
    assert "flask db stamp 0001" in diagnosis.text()


def test_what_harms_no_query_is_mentioned_and_no_alarm(migrations: Migrations):
    migrations.execute(
        "CREATE TABLE spatial_ref_sys (id int)",
        "CREATE INDEX ix ON birds (lower(name))",
        "CREATE VIEW v AS SELECT 1 AS id",
        "CREATE SCHEMA IF NOT EXISTS geo",
        "CREATE TABLE IF NOT EXISTS geo.places (id int PRIMARY KEY)",
    )
    migrations.model("birds", sa.Column("name", sa.Text, unique=True, server_default="x"))
    migrations.model("v")
    migrations.model("places", schema="geo")
    *_, drift, last = migrations.stages()
    assert last.ok
    assert "drop table spatial_ref_sys" in drift.detail
    assert "it would delete data" in drift.detail


def test_the_options_of_env_py_count(migrations: Migrations):
    env = migrations.folder / "env.py"
    options = "version_table='mine', include_object=lambda o, name, *_: name == 'birds', "
    env.write_text(env.read_text().replace("**conf_args", options + "**conf_args"))
    migrations.execute("ALTER TABLE alembic_version RENAME TO mine", "ALTER TABLE birds DROP age")
    migrations.model("birds", sa.Column("name", sa.String(50)), sa.Column("nest_id", sa.Integer))
    *_, drift, last = migrations.stages()
    assert last.ok
    assert drift.detail == "models and database agree"


def test_tables_of_create_all_are_marked_as_far_as_they_fit(migrations: Migrations):
    migrations.execute("DROP TABLE alembic_version")
    migrations.write("0001", "op.create_table('birds', sa.Column('id', sa.Integer()))")
    migrations.write("0002", "op.add_column('birds', sa.Column('song', sa.Text()))", "0001")
    migrations.model("birds")
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == "table-exists"
    assert "flask db stamp 0001" in diagnosis.text()


def test_a_database_without_the_models_tables_is_another_applications(migrations: Migrations):
    migrations.model("cats")
    migrations.execute("UPDATE alembic_version SET version_num = 'theirs'")
    assert migrations.examined().diagnosis.entry.id == "other-applications-database"


def write_twice(migrations: Migrations) -> None:
    migrations.write("0002", "pass", "0001").rename(migrations.folder / "versions/other.py")
    migrations.write("0002", "pass", "0001")


DISORDER = {
    "parent-revision-missing": lambda m: m.write("0003", "pass", "0002"),
    "revisions-in-a-circle": lambda m: m.write("0001", "pass", "0001"),
    "revision-twice": write_twice,
    "several-heads": lambda m: (m.write("0002", "pass", "0001"), m.write("0003", "pass", "0001")),
    "revision-rows": lambda m: (m.at("0002"), m.write("0002", "pass", "0001")),
    "revision-too-long": lambda m: m.write("0" * 40, "pass", "0001"),
    "migration-file-without-revision": lambda m: (m.folder / "versions/x.py").write_text("x = 1"),
    "env-broken": lambda m: (m.folder / "env.py").write_text("1 / 0"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Revision")
@pytest.mark.parametrize(("entry", "disorder"), DISORDER.items(), ids=DISORDER)
def test_migrations_in_disorder(migrations: Migrations, entry, disorder):
    disorder(migrations)
    diagnosis = migrations.examined().diagnosis
    assert diagnosis.entry.id == entry
    if entry == "parent-revision-missing":
        edit(migrations.folder / "versions/0003.py", diagnosis)
    elif entry == "revision-rows":
        run_fix_in_psql(diagnosis)
    else:
        return
    migrations.run()
