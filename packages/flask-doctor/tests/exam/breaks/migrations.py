"""Migrations that fail: what contradicts them is in the data, the objects, or themselves."""

from ..world import Unfit, World
from . import EITHER, broken


def failing(world: World, code: str, **given: str) -> str:
    world.add_migration(code, **given)
    world.say(f"a migration: {code}")
    return world.setup.upgrade


@broken("null-in-new-column", ahead=True)
def column_not_null(world: World) -> str:
    table = world.setup.tables[world.model()]
    kind = world.random.choice(["sa.Integer()", "sa.String(20)", "sa.Boolean()"])
    return failing(world, f'op.add_column("{table}", sa.Column("rank", {kind}, nullable=False))')


@broken("null-in-old-column", ahead=True)
def nulls_in_a_column_made_not_null(world: World) -> str:
    columns = world.query(
        "SELECT table_name, column_name FROM information_schema.columns WHERE is_nullable = 'YES' "
        "AND table_schema = 'public'"
    )
    table, column = world.random.choice(columns)
    world.sql(f'UPDATE "{table}" SET {column} = NULL WHERE id = 2')
    return failing(world, f'op.alter_column("{table}", "{column}", nullable=False)')


@broken("duplicates-in-unique", ahead=True)
def unique_over_duplicates(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    for (name,) in world.query(
        f"SELECT conname FROM pg_constraint WHERE conrelid = '\"{table}\"'::regclass "
        "AND contype = 'u'"
    ):
        world.sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    for (name,) in world.query(f"SELECT indexname FROM pg_indexes WHERE tablename = '{table}'"):
        if not name.endswith("pkey"):
            world.sql(f'DROP INDEX "{name}"')
    world.sql(f"UPDATE \"{table}\" SET {column} = 'twin' WHERE id < 3")
    make = world.random.choice(
        [
            f'op.create_unique_constraint("uq_it", "{table}", ["{column}"])',
            f'op.create_index("ix_it", "{table}", ["{column}"], unique=True)',
        ]
    )
    return failing(world, make)


@broken("orphans-in-foreign-key", ahead=True)
def foreign_key_over_orphans(world: World) -> str:
    model, target = world.random.sample(list(world.setup.tables), 2)
    table, other = world.setup.tables[model], world.setup.tables[target]
    world.sql(f'ALTER TABLE "{table}" ADD COLUMN ref_id integer DEFAULT 77')
    return failing(
        world, f'op.create_foreign_key("fk_ref", "{table}", "{other}", ["ref_id"], ["id"])'
    )


@broken("cast-needed", "default-of-other-type", ahead=True)
def type_without_using(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    kind = world.random.choice(["sa.Integer()", "sa.Date()", "sa.JSON()", "sa.Numeric()"])
    return failing(world, f'op.alter_column("{table}", "{column}", type_={kind})')


@broken("values-of-other-type", ahead=True)
def cast_of_values_that_do_not_fit(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    kind, cast = world.random.choice([("Integer", "integer"), ("Date", "date"), ("Uuid", "uuid")])
    world.sql(f"UPDATE \"{table}\" SET {column} = 'n/a' WHERE id = 1")
    for (name,) in world.query(
        f"SELECT conname FROM pg_constraint WHERE conrelid = '\"{table}\"'::regclass AND "
        "contype = 'u'"
    ):
        world.sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    return failing(
        world,
        f'op.alter_column("{table}", "{column}", type_=sa.{kind}(), '
        f'postgresql_using="{column}::{cast}")',
    )


@broken("check-failed", "rows-break-rule", ahead=True)
def check_over_rows(world: World) -> str:
    table = world.setup.tables[world.model()]
    number = world.random.randint(2, 3)
    return failing(world, f'op.create_check_constraint("positive", "{table}", "id > {number}")')


EXISTS = ("table-exists", "object-exists", "type-exists", "column-exists", "index-exists",
          "already-exists", "enum-exists", "relation-exists")  # fmt: skip


@broken(
    "enum-exists",
    "enum-left-over",
    "object-exists",
    "table-exists",
    ahead=True,
)
def enum_exists(world: World) -> str:
    name = world.random.choice(["mood", "level", "kind"])
    world.sql(f"CREATE TYPE {name} AS ENUM ('a', 'b')")
    return failing(
        world,
        'op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True), '
        f'sa.Column("{name}", sa.Enum("a", "b", name="{name}")))',
    )


@broken("enum-exists", "object-exists", "table-exists", ahead=True)
def table_exists(world: World) -> str:
    name = world.random.choice(["notes", "tags", *world.setup.tables.values()])
    world.sql(f'CREATE TABLE IF NOT EXISTS "{name}" (id integer PRIMARY KEY)')
    return failing(
        world, f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'
    )


@broken("enum-exists", "object-exists", "table-exists", ahead=True)
def column_exists(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    return failing(world, f'op.add_column("{table}", sa.Column("{column}", sa.Text()))')


@broken("enum-exists", "object-exists", "table-exists", ahead=True)
def index_exists(world: World) -> str:
    table = world.setup.tables[world.model()]
    world.sql(f'CREATE INDEX ix_here ON "{table}" (id)')
    return failing(world, f'op.create_index("ix_here", "{table}", ["id"])')


@broken("needed-by-others", ahead=True)
def table_needed_by_a_foreign_key(world: World) -> str:
    parents = world.query(
        "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
    )
    return failing(world, f'op.drop_table("{world.random.choice(parents)[0]}")')


@broken("needed-by-others", ahead=True)
def column_needed_by_a_view(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    world.sql(f'CREATE VIEW report AS SELECT id, {column} FROM "{table}"')
    return failing(world, f'op.drop_column("{table}", "{column}")')


@broken("needed-by-others", ahead=True)
def type_of_a_column_of_a_view(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    world.sql(f'CREATE VIEW report AS SELECT id, {column} FROM "{table}"')
    return failing(world, f'op.alter_column("{table}", "{column}", type_=sa.String(300))')


@broken("missing-in-migration", "object-missing", ahead=True)
def drops_what_is_not_there(world: World) -> str:
    table = world.setup.tables[world.model()]
    return failing(
        world,
        world.random.choice(
            [
                'op.drop_table("nothing")',
                f'op.drop_column("{table}", "nothing")',
                f'op.drop_constraint("uq_nothing", "{table}")',
                f'op.drop_index("ix_nothing", "{table}")',
                f'op.alter_column("{table}", "nothing", nullable=True)',
                'op.add_column("nothing", sa.Column("x", sa.Integer()))',
            ]
        ),
    )


@broken("constraint-name-missing", "constraint-without-name", ahead=True)
def constraint_without_a_name(world: World) -> str:
    table = world.setup.tables[world.model()]
    kind = world.random.choice(["foreignkey", "unique"])
    return failing(world, f'op.drop_constraint(None, "{table}", type_="{kind}")')


@broken(
    "migration-broken",
    "migration-import-missing",
    "migration-name-missing",
    "migration-package-missing",
    ahead=True,
)
def name_not_imported(world: World) -> str:
    code = world.random.choice(
        [
            'op.add_column("x", sa.Column("y", sqlalchemy_utils.UUIDType()))',
            'op.add_column("x", sa.Column("y", postgresql.JSONB()))',
            'op.add_column("x", sa.Column("y", geoalchemy2.types.Geometry()))',
        ]
    )
    return failing(world, code)


@broken("migration-broken")
def revision_with_a_syntax_error(world: World) -> str:
    code = world.random.choice(['op.execute("SELECT 1"', "pass\n  pass", "<<<<<<< HEAD", "def"])
    return failing(world, code)


@broken("parent-revision-missing", "revision-unknown")
def earlier_revision_deleted(world: World) -> str:
    files = world.revisions()
    first = next(name for name, (_, down) in files.items() if down is None)
    (world.folder / world.setup.versions / first).unlink()
    world.say(f"{first} was deleted")
    return world.setup.upgrade


@broken("revisions-in-a-circle")
def revisions_in_a_circle(world: World) -> str:
    head = world.head()
    name, _ = next(item for item in world.revisions().items() if item[1][1] is None)
    world.edit(
        f"{world.setup.versions}/{name}", "down_revision = None", f'down_revision = "{head}"'
    )
    return world.setup.upgrade


@broken("migrations-file-missing", doctor=EITHER)
def file_of_alembic_deleted(world: World) -> str:
    if not world.setup.flask_migrate:
        raise Unfit("not Flask-Migrate")
    name = world.random.choice(["env.py", "script.py.mako", "alembic.ini"])
    (world.folder / "migrations" / name).unlink()
    world.say(f"migrations/{name} was deleted")
    if name == "script.py.mako":
        return 'flask db revision -m "more"'
    return world.setup.upgrade


@broken("lock-timeout", "migration-locked", ahead=True)
def migration_behind_a_lock(world: World) -> str:
    import psycopg2

    table = world.setup.tables[world.model()]
    world.admin(f'ALTER ROLE "{world.role}" SET lock_timeout = 300')
    connection = psycopg2.connect(
        host="127.0.0.1", port=world.cluster.port, user="postgres", dbname=world.database
    )
    connection.cursor().execute(f'SELECT * FROM "{table}"')
    world.closers.append(connection.close)
    return failing(world, f'op.add_column("{table}", sa.Column("extra", sa.Integer()))')


@broken("revision-too-long", ahead=True)
def revision_id_too_long(world: World) -> str:
    return failing(world, "pass", revision="a_very_long_name_for_a_small_change")


@broken("enum-value-too-new", ahead=True)
def enum_value_used_at_once(world: World) -> str:
    world.sql("CREATE TYPE mood AS ENUM ('a', 'b')", "CREATE TABLE moods (m mood)")
    world.sql(
        f'ALTER TYPE mood OWNER TO "{world.role}"', f'ALTER TABLE moods OWNER TO "{world.role}"'
    )
    return failing(
        world,
        "op.execute(\"ALTER TYPE mood ADD VALUE 'c'\"); "
        "op.execute(\"INSERT INTO moods VALUES ('c')\")",
    )


@broken("migration-in-transaction", ahead=True)
def index_concurrently(world: World) -> str:
    table = world.setup.tables[world.model()]
    code = world.random.choice(
        [
            f'op.create_index("ix_c", "{table}", ["id"], postgresql_concurrently=True)',
            'op.execute("VACUUM")',
        ]
    )
    return failing(world, code)
