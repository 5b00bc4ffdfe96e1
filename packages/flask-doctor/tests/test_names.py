"""Names that aren't there, SQL that can't be read, privileges: who is to blame, and the fix."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import Cluster, engine_of, last_step, lifted_app, run_fix
from flask import Flask
from flask_doctor import pointing
from flask_doctor.diagnosis import Diagnosis
from flask_doctor.examine import examine
from flask_doctor.notes import annotate
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, Result, insert, select, text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column, relationship

TABLES = (
    'CREATE TABLE birds (id serial PRIMARY KEY, name text, "wingSpan" int, ok bool, doc json)',
    "CREATE TABLE nests (id int, height int)",
    'CREATE TABLE "Trees" (id int)',
    "CREATE SCHEMA aside",
    "CREATE TABLE aside.eggs (id int)",
    "CREATE SCHEMA closed",
    "CREATE TABLE closed.hidden (id int)",
    "CREATE FUNCTION aside.chirp(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "GRANT USAGE ON SCHEMA aside TO trusted",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO trusted",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO trusted",
)


@pytest.fixture(scope="module")
def database(server: Cluster) -> Iterator[str]:
    server.execute("CREATE DATABASE names")
    server.execute(*TABLES, database="names")
    server.execute("ALTER ROLE trusted IN DATABASE names SET search_path = public, closed")
    yield server.url("trusted", "names")
    server.drop("names")


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def engine(database: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    app = lifted_app(database.replace("psycopg2", request.param))
    models_of(app)
    with engine_of(app) as engine:
        yield engine


def models_of(app: Flask) -> SQLAlchemy:
    db = app.extensions["sqlalchemy"]

    class Bird(db.Model):
        __tablename__ = "birds"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    class Song(db.Model):
        __tablename__ = "songs"
        id: Mapped[int] = mapped_column(primary_key=True)

    return db


def diagnosis_of(engine: Engine, statement: str) -> Diagnosis | None:
    with engine.connect() as connection, pytest.raises(SQLAlchemyError) as caught:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    return getattr(caught.value, "diagnosis", None)


def edit_of(diagnosis: Diagnosis) -> tuple[str, str]:
    before = next(line[2:] for line in diagnosis.fix if line.startswith("- "))
    return before, next(line[2:] for line in diagnosis.fix if line.startswith("+ "))


@pytest.mark.parametrize(
    ("statement", "entry", "edit"),
    [
        ("SELECT wingSpan FROM birds", "name-folded", ("wingSpan", '"wingSpan"')),
        ("SELECT b.wingSpan FROM birds AS b", "name-folded", ("wingSpan", '"wingSpan"')),
        ("SELECT * FROM Trees", "name-folded", ("Trees", '"Trees"')),
        ('SELECT "Name" FROM birds', "name-quoted", ('"Name"', "name")),
        ('SELECT * FROM "Birds"', "name-quoted", ('"Birds"', "birds")),
        ("SELECT nmae FROM birds", "column-misspelled", ("nmae", "name")),
        ("INSERT INTO birds (nmae) VALUES ('x')", "column-misspelled", ("nmae", "name")),
        ("UPDATE birds SET nmae = 'x'", "column-misspelled", ("nmae", "name")),
        ("SELECT * FROM nests n, birds b WHERE b.nmae = ''", "column-misspelled", ("nmae", "name")),
        (
            "SELECT b.height FROM birds b JOIN nests n ON true",
            "column-misspelled",
            ("b.height", "n.height"),
        ),
        ("SELECT * FROM bird", "table-misspelled", ("bird", "birds")),
        ("SELECT birds.id FROM birds b", "alias-hides-table", ("birds.id", "b.id")),
        ("SELECT id FROM user", "reserved-word", ("user", '"user"')),
        ("SELECT * FROM order", "reserved-word", ("order", '"order"')),
        ("SELECT user.id FROM user", "reserved-word", ("user", '"user"')),
        ("CREATE TABLE user (id int)", "reserved-word", ("user", '"user"')),
        ("SELECT order FROM birds", "reserved-word", ("order", '"order"')),
        ("SELECT * FORM birds", "keyword-misspelled", ("FORM", "FROM")),
        ("SELECT * FROM birds WHER id = 1", "keyword-misspelled", ("WHER", "WHERE")),
        ("SELECT id FROM birds WHERE id == 1", "operator-of-python", ("==", "=")),
        ("SELECT name + name FROM birds", "operator-of-python", ("+", "||")),
        ("SELECT lenght(name) FROM birds", "function-misspelled", ("lenght", "length")),
    ],
)
def test_what_was_meant_is_written_as_an_edit_that_works(engine: Engine, statement, entry, edit):
    diagnosis = diagnosis_of(engine, statement)
    assert diagnosis.entry.id == entry
    assert edit_of(diagnosis) == edit
    assert diagnosis.entry.action is None
    assert "test_names.py" in diagnosis.where
    mended = statement.replace(*edit)
    if "user" in mended or "order" in mended:
        mended = re.sub(r'(?<!")\b(user|order)\b(?!")', r'"\1"', mended)
        known = diagnosis_of(engine, mended)  # there is no such table, but it can be read
        assert known is None or known.entry.id not in ("reserved-word", "syntax-error")
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql(mended)


@pytest.mark.parametrize(
    ("statement", "entry", "said"),
    [
        ('SELECT * FROM birds WHERE name = "Gare"', "value-as-name", "+ 'Gare'"),
        ("SELECT * FROM birds WHERE name = Gare", "value-as-name", "+ 'Gare'"),
        ("SELECT id, wholly FROM birds", "column-unknown", "Their columns are: doc, id, name"),
        ("SELECT * FROM nothing_like_it", "table-unknown", "Trees, birds"),
        ("DROP TABLE nest", "table-misspelled", "+ nests"),
        ("SELECT x.id FROM birds b", "table-not-in-from", "This one names: b, birds"),
        ("SELECT * FROM eggs", "table-in-other-schema", "public, closed, aside"),
        ("SELECT * FROM hidden", "schema-usage", 'GRANT USAGE ON SCHEMA "closed" TO "trusted"'),
        ("SELECT * FROM gone.eggs", "schema-missing", "CREATE SCHEMA IF NOT EXISTS gone"),
        ("SELECT * FROM asides.eggs", "schema-misspelled", "+ aside"),
        ("SELECT nextval('birds_seq')", "sequence-missing", "birds_seq"),
        ("SELECT id FROM birds a JOIN birds b ON true", "column-ambiguous", "+ TABLE.id"),
        ("SELECT * FROM birds JOIN birds ON true", "table-named-twice", "birds AS other"),
        ("SELECT name, FROM birds", "comma-too-many", "before `FROM`"),
        ("SELECT * FROM birds WHERE", "statement-incomplete", "| SELECT * FROM birds WHERE\n"),
        ("SELECT * FROM birds WHERE id = ?", "placeholder-wrong", ":id"),
        ("SELECT * FROM birds WHERE id = %s", "placeholder-wrong", ":id"),
        ("SELECT * FROM birds WHERE name = 'it's'", "quote-unclosed", "parameter"),
        ("SELECT * FROM `birds`", "quotes-of-other-database", "MySQL"),
        ("SELECT * FROM birds LIMIT 5, 10", "limit-with-comma", "OFFSET"),
        ("CREATE TABLE x (id int AUTO_INCREMENT)", "autoincrement", "IDENTITY"),
        ("SHOW TABLES", "setting-unknown", "pg_tables"),
        ("SELECT TOP 5 * FROM birds", "name-of-other-database", "LIMIT"),
        ("SELECT * FROM birds ORDER name", "syntax-error", "from `name` on"),
        ("INSERT INTO birds (id, name) VALUES (1)", "columns-and-values", "as many values"),
        ("SELECT * FROM birds WHERE id IN (SELECT 1, 2)", "subquery-columns", "one column"),
        ("SELECT ifnull(name, '') FROM birds", "name-of-other-database", "coalesce(a, b)"),
        ("SELECT name::datetime FROM birds", "name-of-other-database", "timestamptz"),
        ("SELECT length(id) FROM birds", "function-other-arguments", "(text) or (character)"),
        ("SELECT twitter(1)", "function-unknown", "twitter(integer)"),
        ("SELECT chirp(1)", "function-in-other-schema", "+ aside.chirp"),
        ("SELECT uuid_generate_v4()", "extension-not-installed", '"uuid-ossp"'),
        ("SELECT 'a'::citext", "extension-not-installed", "citext"),
        ("SELECT 1::whatsoever", "type-unknown", "whatsoever"),
        ("DROP INDEX none_such", "object-missing", 'index "none_such" does not exist'),
        ("SELECT * FROM birds WHERE id = 'a'::text", "types-differ", "`int(value)`"),
        ("SELECT now() - 1", "types-differ", "`timedelta`"),
        ("SELECT * FROM birds WHERE ok = 1", "boolean-is-no-number", "+ = true"),
        ("SELECT DISTINCT doc FROM birds", "json-not-comparable", "JSONB"),
        ("UPDATE birds SET id = 'a'::text", "value-of-other-type", "is of type integer"),
        ("SELECT * FROM birds WHERE id", "not-true-or-false", "type integer"),
        ("SELECT CASE WHEN ok THEN 1 ELSE name END FROM birds", "types-mixed", "CASE"),
        ("SELECT height, count(*) FROM nests", "not-grouped", "GROUP BY"),
        ("SELECT id FROM birds WHERE count(*) > 1", "aggregate-misplaced", "HAVING"),
        ("SELECT DISTINCT name FROM birds ORDER BY id", "distinct-and-order", "DISTINCT"),
        (
            "INSERT INTO birds (id) VALUES (1) ON CONFLICT (name) DO NOTHING",
            "conflict-without-constraint",
            "UniqueConstraint",
        ),
        ("SELECT to_char('a', 'b')", "function-ambiguous", "to_char(unknown, unknown)"),
    ],
)
def test_a_mistake_in_the_users_own_sql_is_no_missing_migration(engine, statement, entry, said):
    diagnosis = diagnosis_of(engine, statement)
    assert diagnosis.entry.id == entry
    assert said in diagnosis.text()
    assert diagnosis.entry.action is None


def test_the_place_of_an_error_is_marked_in_the_line(engine: Engine):
    text = diagnosis_of(engine, "SELECT *\nFROM birds b\nWHERE b.nmae = 'x'").text()
    assert "    | WHERE b.nmae = 'x'\n    |       ^\n" in text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("nmae = 'hunter two'", "nmae = '**********'"),
        ("nmae = 'its own'", "nmae = 'its own'"),
        ("nmae = 'hunter tw...", "nmae = '************"),
        ("...nter two' AND nmae = 'x'", "***********' AND nmae = '*'"),
        ("...ere nmae = 'x' AND id = 1", "...ere nmae = '*' AND id = 1"),
    ],
)
def test_values_that_the_driver_filled_in_are_hidden(line: str, shown: str):
    error = ProgrammingError(
        "nmae = %s OR 'its own'", {}, Exception(f"no\nLINE 1: {line}\n        ^")
    )
    assert pointing.Pointed(error).shown()["marked"] == f"{shown}\n^"


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("Relation »birds« existiert nicht", ["birds"]),
        ("la relation « birds » n'existe pas", ["birds"]),
        ("no existe la relación «birds»", ["birds"]),
        ('отношение "birds" не существует', ["birds"]),
        ('リレーション"birds"は存在しません', ["birds"]),
        ("Spalte „name“ von Relation „birds“ existiert nicht", ["name", "birds"]),
    ],
)
def test_names_are_read_from_messages_in_any_language(message, names):
    assert pointing.Pointed(Exception(message)).said == names


def in_words_of_a_server(engine: Engine, statement: str, message: str) -> Diagnosis:
    """Provoke an error, and explain it as if its message had been another."""
    with engine.connect() as connection, pytest.raises(SQLAlchemyError) as caught:
        connection.exec_driver_sql(statement)
    state = str(getattr(caught.value.orig, "pgcode", None) or caught.value.orig.sqlstate)
    original = type("Original", (Exception,), {"pgcode": state})(message)
    error = ProgrammingError(statement, {}, original)
    annotate(error, engine)
    return error.diagnosis


@pytest.mark.parametrize(
    ("statement", "message", "entry", "title"),
    [
        (
            "SELECT * FROM bird",
            "Relation »bird« existiert nicht\nZEILE 1: SELECT * FROM bird\n"
            "                       ^",
            "table-misspelled",
            "There is no table bird; there is one called birds",
        ),
        (
            "SELECT wingSpan FROM birds",
            "la colonne « wingspan » n'existe pas\nLIGNE 1 : SELECT wingSpan FROM birds\n"
            "                 ^",
            "name-folded",
            "wingSpan needs double quotes, because its real name has capital letters",
        ),
        (
            "DROP TABLE nests",
            "Berechtigung nur für Eigentümer der Tabelle nests",
            "not-owner",
            "Role trusted may not change table nests, because another role owns it",
        ),
        (
            "SELECT * FROM closed.hidden",
            "スキーマclosedへのアクセスが拒否されました",
            "schema-usage",
            "Role trusted may not use schema closed",
        ),
        (
            "SELECT 1 = 'a'::text",
            "оператор не существует: integer = text",
            "types-differ",
            "The SQL uses `=` between integer and text, which don't go together",
        ),
    ],
)
def test_the_servers_language_is_all_one(engine: Engine, statement, message, entry, title):
    diagnosis = in_words_of_a_server(engine, statement, message)
    assert (diagnosis.entry.id, diagnosis.title) == (entry, title)


def test_in_production_the_models_alone_tell(database: str):
    app = lifted_app(database)
    db = models_of(app)
    found = {}

    def ask(statement: str):
        try:
            db.session.execute(text(statement))
        except SQLAlchemyError as error:
            found[statement] = error.diagnosis.entry.id
        return ""

    statements = ("SELECT * FROM bird", "SELECT nmae FROM birds", "SELECT * FROM songs")
    for number, statement in enumerate(statements):
        app.add_url_rule(f"/{number}", str(number), lambda s=statement: ask(s))
    for number in range(len(statements)):
        app.test_client().get(f"/{number}")
    assert list(found.values()) == ["table-misspelled", "column-misspelled", "table-missing"]


# What the models have and the database hasn't.


MIGRATION = """\
from alembic import op
import sqlalchemy as sa

revision, down_revision = {revision!r}, {before!r}


def upgrade():
    {do}
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Callable[..., Path]:
    def write(*steps: str) -> Path:
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text("[alembic]\n")
        (folder / "env.py").write_text("")
        for number, do in enumerate(steps, 1):
            before = str(number - 1) if number > 1 else None
            migration = MIGRATION.format(revision=str(number), before=before, do=do)
            (folder / "versions" / f"{number}.py").write_text(migration)
        return folder

    return write


@contextmanager
def migrated(server: Cluster, folder: Path, *statements: str) -> Iterator[Engine]:
    """Make an application with two models, whose database the statements made."""
    server.execute("CREATE DATABASE halfway OWNER trusted")
    app = lifted_app(server.url("trusted", "halfway"))
    db = models_of(app)
    Migrate(app, db, directory=str(folder))
    try:
        with engine_of(app) as engine:
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")
                for statement in statements:
                    connection.exec_driver_sql(statement)
            yield engine
    finally:
        server.drop("halfway")


AT = "INSERT INTO alembic_version VALUES ('{}')"
BIRDS = "CREATE TABLE birds (id int)"
ADD_BIRDS, ADD_SONGS = "op.create_table('birds')", "op.create_table('songs')"
ADD_NAME = "op.add_column('birds', sa.Column('name'))"


@pytest.mark.parametrize(
    ("steps", "statements", "query", "entry"),
    [
        ([ADD_BIRDS, ADD_SONGS], [BIRDS, AT.format(1)], "songs", "table-missing"),
        ([ADD_BIRDS], [BIRDS, AT.format(1)], "songs", "table-not-migrated"),
        ([ADD_BIRDS, ADD_SONGS], [BIRDS, AT.format(2)], "songs", "migration-stamped"),
        ([ADD_SONGS, ADD_BIRDS], [BIRDS, AT.format(2)], "songs", "dropped-by-hand"),
        ([ADD_BIRDS, ADD_SONGS], [], "songs", "table-missing"),
        (
            [ADD_BIRDS, ADD_SONGS],
            [BIRDS, "CREATE SCHEMA old", "CREATE TABLE old.songs ()", AT.format(1)],
            "songs",
            "table-missing",
        ),
        (
            [ADD_BIRDS],
            [BIRDS, "CREATE TABLE song ()", AT.format(1)],
            "songs",
            "table-named-otherwise",
        ),
        ([ADD_BIRDS], [BIRDS, AT.format("gone")], "songs", "revision-unknown"),
        ([], [BIRDS], "songs", "no-migrations-yet"),
        ([ADD_BIRDS, ADD_NAME], [BIRDS, AT.format(1)], "birds", "column-missing"),
        ([ADD_BIRDS], [BIRDS, AT.format(1)], "birds", "column-not-migrated"),
        ([ADD_BIRDS, ADD_NAME], [BIRDS, AT.format(2)], "birds", "migration-stamped"),
        (
            [ADD_BIRDS],
            ["CREATE TABLE birds (id int, full_name text)", AT.format(1)],
            "birds",
            "column-named-otherwise",
        ),
    ],
)
def test_a_model_that_the_database_lacks(server, migrations, steps, statements, query, entry):
    with migrated(server, migrations(*steps), *statements) as engine:
        columns = "name" if query == "birds" else "*"
        assert diagnosis_of(engine, f"SELECT {columns} FROM {query}").entry.id == entry


def test_an_empty_database_names_the_other_one_that_has_the_table(server: Cluster, migrations):
    server.execute("CREATE DATABASE meant OWNER trusted")
    server.execute("CREATE TABLE songs ()", database="meant")
    with migrated(server, migrations(ADD_SONGS), "DROP TABLE alembic_version") as engine:
        diagnosis = diagnosis_of(engine, "SELECT * FROM songs")
    server.execute("DROP DATABASE meant")
    assert diagnosis.entry.id == "table-missing"
    assert "no tables at all. Database meant of this server has it" in diagnosis.why


def test_a_column_is_added_by_hand_where_there_are_no_migrations(server: Cluster, tmp_path: Path):
    server.execute("CREATE DATABASE unmigrated")
    server.execute("CREATE TABLE birds (id int)", database="unmigrated")
    app = lifted_app(server.url(database="unmigrated"))
    models_of(app)
    del app.extensions["migrate"]
    with engine_of(app) as engine:
        diagnosis = diagnosis_of(engine, "SELECT name FROM birds")
        assert diagnosis.entry.id == "column-not-created"
        run_fix(diagnosis, tmp_path)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT name FROM birds")
    server.drop("unmigrated")


# Privileges.


RIGHTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "CREATE TABLE birds (id serial PRIMARY KEY, name text)",
    "CREATE TABLE rows (id serial PRIMARY KEY, name text)",
    "GRANT SELECT, INSERT ON rows TO trusted",
    "CREATE TABLE readable (id int)",
    "GRANT SELECT ON readable TO trusted",
    "CREATE TABLE secured (id int)",
    "ALTER TABLE secured ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY five ON secured WITH CHECK (id = 5)",
    "GRANT ALL ON secured TO trusted",
    "CREATE SCHEMA closed",
    "CREATE TABLE closed.eggs (id int)",
    "GRANT ALL ON closed.eggs TO trusted",
    "CREATE VIEW seen AS SELECT * FROM birds",
    "CREATE SEQUENCE numbers",
    # A trigger has the rights of who writes; this function and the view have those of their owner.
    "CREATE TABLE watched (id int)",
    "GRANT ALL ON watched TO trusted",
    """CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO birds (name) SELECT 'x'; RETURN NULL; END $$""",
    "CREATE TRIGGER watch AFTER INSERT ON watched EXECUTE FUNCTION watch()",
    """CREATE FUNCTION lent() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN RETURN (SELECT count(*) FROM birds); END $$""",
    "ALTER FUNCTION lent OWNER TO pg_monitor",
    "CREATE VIEW lent_view AS SELECT * FROM birds",
    "ALTER VIEW lent_view OWNER TO pg_monitor",
    "GRANT SELECT ON lent_view TO trusted",
)


@pytest.fixture(scope="module")
def rights(server: Cluster) -> Iterator[str]:
    """A database in which role `trusted` owns nothing."""
    server.execute("CREATE DATABASE rights")
    server.execute(*RIGHTS, database="rights")
    yield server.url("trusted", "rights")
    server.drop("rights")


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(
    ("statement", "entry", "title"),
    [
        ("SELECT * FROM birds", "table-privilege", "may not read table birds"),
        ("INSERT INTO birds (name) VALUES ('x')", "table-privilege", "add rows to table birds"),
        ("UPDATE readable SET id = 1", "table-privilege", "change rows of table readable"),
        ("TRUNCATE readable", "table-privilege", "empty table readable"),
        ("SELECT * FROM seen", "table-privilege", "read table seen"),
        ("INSERT INTO rows (name) VALUES ('x')", "sequence-privilege", "rows_id_seq"),
        ("SELECT setval('numbers', 5)", "sequence-privilege", "numbers"),
        ("INSERT INTO watched VALUES (1)", "table-privilege", "add rows to table birds"),
        ("SELECT * FROM closed.eggs", "schema-usage", "schema closed"),
        ("CREATE TABLE x ()", "schema-privilege", "schema public of database rights"),
        ("CREATE SCHEMA x", "database-privilege", "create schemas in database rights"),
    ],
)
def test_the_printed_grants_are_what_was_missing(
    server: Cluster, rights: str, tmp_path: Path, driver, statement, entry, title
):
    server.execute("CREATE DATABASE once TEMPLATE rights")
    url = rights.replace("rights", "once").replace("psycopg2", driver)
    with engine_of(lifted_app(url)) as engine:
        diagnosis = diagnosis_of(engine, statement)
        assert diagnosis.entry.id == entry
        assert title.replace("rights", "once") in diagnosis.title
        run_fix(diagnosis, tmp_path)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    server.drop("once")


def test_a_table_of_another_owner_becomes_the_roles_own(server, rights, tmp_path):
    server.execute("CREATE DATABASE once TEMPLATE rights")
    with engine_of(lifted_app(rights.replace("rights", "once"))) as engine:
        diagnosis = diagnosis_of(engine, "ALTER TABLE readable ADD x int")
        assert diagnosis.entry.id == "not-owner"
        assert "postgres" in diagnosis.why
        run_fix(diagnosis, tmp_path)
        with engine.connect() as connection:
            connection.exec_driver_sql("ALTER TABLE readable ADD x int")
    server.drop("once")


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("INSERT INTO secured VALUES (1)", "row-security"),
        ("CREATE ROLE x", "administrator-needed"),
        ("CREATE ROLE x PASSWORD 'hush'", "administrator-needed"),
        ("SET ROLE postgres", "privilege-missing"),
        ("SELECT lent()", "privilege-missing"),
        ("SELECT * FROM lent_view", "privilege-missing"),
    ],
)
def test_a_right_that_no_grant_gives(rights: str, statement: str, entry: str):
    with engine_of(lifted_app(rights)) as engine:
        diagnosis = diagnosis_of(engine, statement)
    assert diagnosis.entry.id == entry
    assert "hush" not in diagnosis.text()


def test_later_tables_of_another_owner_are_thought_of(rights: str):
    with engine_of(lifted_app(rights)) as engine:
        fix = "\n".join(diagnosis_of(engine, "SELECT * FROM birds").fix)
    assert 'ALTER DEFAULT PRIVILEGES FOR ROLE "postgres" IN SCHEMA "public" GRANT' in fix
    assert 'GRANT USAGE ON SEQUENCE "public"."birds_id_seq" TO "trusted"' in fix


def app_with_table(url: str, name: str, schema: str | None = None) -> Flask:
    app = lifted_app(url)
    db = app.extensions["sqlalchemy"]
    db.Table(name, db.Column("id", db.Integer, primary_key=True), schema=schema)
    del app.extensions["migrate"]
    return app


@pytest.mark.parametrize(
    ("table", "schema", "entry"),
    [
        ("birds", None, "table-privilege"),
        ("rows", None, "sequence-privilege"),
        ("eggs", "closed", "schema-usage"),
        ("readable", None, None),
        ("secured", None, None),
        ("nowhere_yet", None, None),
    ],
)
def test_the_doctor_looks_at_the_rights_on_the_models_tables(rights, table, schema, entry):
    last = last_step(app_with_table(rights, table, schema))
    assert (last.diagnosis.entry.id if last.diagnosis else None) == entry
    assert last.stage == ("privileges" if entry else "connections")


def test_a_role_that_only_serves_is_no_alarm(server: Cluster, migrations):
    """Another role runs the migrations, and this one may not even see how far they are."""
    folder = migrations(ADD_BIRDS, ADD_SONGS)
    with migrated(server, folder, BIRDS, AT.format(1)) as engine:
        url = engine.url.render_as_string()
        server.execute(
            "ALTER TABLE alembic_version OWNER TO postgres",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "ALTER DATABASE halfway OWNER TO postgres",
            database="halfway",
        )
        app = lifted_app(url)
        Migrate(app, app.extensions["sqlalchemy"], directory=str(folder))
        steps = {step.stage: step for step in examine(lambda: app)}
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
    assert all(step.ok for step in steps.values())
    assert steps["migrations"].detail == "not known: the role may not read table alembic_version"


def test_no_schema_to_work_in(server: Cluster, tmp_path: Path):
    server.execute("CREATE DATABASE schemaless OWNER trusted")
    server.execute("DROP SCHEMA public", database="schemaless")
    app = app_with_table(server.url("trusted", "schemaless"), "birds")
    with engine_of(app) as engine:
        diagnosis = diagnosis_of(engine, "CREATE TABLE birds (id int)")
    assert diagnosis.entry.id == last_step(app).diagnosis.entry.id == "no-schema-selected"
    run_fix(diagnosis, tmp_path)
    server.execute("GRANT ALL ON SCHEMA public TO trusted", database="schemaless")
    assert last_step(app).ok
    server.drop("schemaless")


# Names that are wrong in Python.


@pytest.mark.parametrize(
    ("mistake", "entry", "said"),
    [
        (
            lambda db, bird: bird.nmae,
            "attribute-unknown",
            "Model Bird has no attribute `nmae`, but it has `name`",
        ),
        (lambda db, bird: bird(nmae=1), "attribute-unknown", "+ name"),
        (lambda db, bird: bird().nmae, "attribute-unknown", "+ name"),
        (lambda db, bird: bird().wholly, "attribute-unknown", "id, name, nest"),
        (lambda db, bird: select(bird).filter_by(nmae=1), "attribute-unknown", "+ name"),
        (
            lambda db, bird: insert(bird).values(nmae=1).compile(),
            "attribute-unknown",
            "values(name=1)",
        ),
        (lambda db, bird: select(Brid), "name-misspelt", "+ (lambda db, bird: select(Bird)"),  # noqa: F821
        (lambda db, bird: select(aliased(bird)), "name-not-imported", "from sqlalchemy.orm"),  # noqa: F821
        (lambda db, bird: bird.name.startwith("a"), "column-method-misspelled", "+ startswith"),
        (lambda db, bird: bird(name="x").nest.name, "nothing-found", "abort(404)"),
        (lambda db, bird: first_row(db, bird).name, "row-holds-model", "session.scalars"),
        (lambda db, bird: (row := one(db).first()) and row["id"], "row-by-text", "row.id"),
        (lambda db, bird: one(db).mappings().first()["x"], "row-without-column", "no column x"),
        (lambda db, bird: select(bird).join("nest"), "join-text", ".join(MODEL.nest)"),
        (lambda db, bird: first_row(db, bird.id).nmae, "row-without-column", "in the query: id"),
    ],
)
def test_a_name_that_is_wrong_in_python(database: str, mistake, entry: str, said: str):
    app = lifted_app(database)
    db = app.extensions["sqlalchemy"]

    class Nest(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Bird(db.Model):
        __tablename__ = "birds"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        nest_id: Mapped[int] = mapped_column(db.ForeignKey("nest.id"))
        nest: Mapped[Nest] = relationship()

    with app.app_context(), pytest.raises(Exception) as caught:  # noqa: PT011 - of several kinds
        mistake(db, Bird)
    annotate(caught.value)
    assert caught.value.diagnosis.entry.id == entry
    assert said in caught.value.diagnosis.text()


def first_row(db: SQLAlchemy, selected: object) -> object:
    found = text("SELECT 1 AS id, 'wren' AS name, NULL::int AS nest_id")
    return db.session.execute(select(selected).from_statement(found)).first()


def one(db: SQLAlchemy) -> Result[tuple[int]]:
    return db.session.execute(text("SELECT 1 AS id"))
