"""Privileges: tables, columns, sequences, schemas, owners, the search path."""

from ..world import World
from . import EITHER, WELL, broken


def give_away(world: World, table: str) -> None:
    world.sql(f'ALTER TABLE "{table}" OWNER TO postgres')
    world.say(f"{table} belongs to postgres")


def adding(world: World, model: str) -> str:
    return world.script(f"session.add({model}({world.values(model, 9)}))\nsession.commit()")


@broken("not-owner", "privilege-missing", "table-privilege", doctor=EITHER)
def table_of_another_role(world: World) -> str:
    model = world.model()
    give_away(world, world.setup.tables[model])
    return world.script(f"print(session.scalars(select({model})).all())")


@broken("not-owner", "privilege-missing", "table-privilege", doctor=EITHER)
def all_tables_of_another_role(world: World) -> None:
    """Restore a dump as the administrator."""
    world.sql(f'REASSIGN OWNED BY "{world.role}" TO postgres')
    world.admin(f'ALTER DATABASE "{world.database}" OWNER TO "{world.role}"')
    world.say("all tables belong to postgres")


@broken("not-owner", "privilege-missing", "table-privilege", doctor=EITHER)
def only_reading_granted(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    give_away(world, table)
    world.sql(f'GRANT SELECT ON "{table}" TO "{world.role}"')
    world.say(f"only SELECT on {table} is granted")
    return world.random.choice(
        [
            adding(world, model),
            world.script(f"session.delete(session.get({model}, 3))\nsession.commit()"),
        ]
    )


@broken("not-owner", "privilege-missing", "sequence-privilege", "table-privilege", doctor=EITHER)
def sequence_not_granted(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    give_away(world, table)
    world.sql(f'GRANT ALL ON "{table}" TO "{world.role}"')
    world.say(f"no privilege on the sequence of {table}")
    return adding(world, model)


@broken("not-owner", "privilege-missing", "table-privilege", doctor=EITHER)
def some_columns_granted(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    give_away(world, table)
    world.sql(f'GRANT SELECT (id) ON "{table}" TO "{world.role}"')
    world.say(f"only column id of {table} is granted")
    return world.script(f"print(session.scalars(select({model})).all())")


@broken("not-owner", "privilege-missing", "table-privilege")
def revision_table_of_another_role(world: World) -> str:
    give_away(world, "alembic_version")
    return world.setup.upgrade


def new_migration(world: World) -> None:
    table = world.random.choice(list(world.setup.tables.values()))
    name = world.random.choice(["rating", "comment", "extra"])
    world.add_migration(f'op.add_column("{table}", sa.Column("{name}", sa.Integer()))')
    model = next(m for m, t in world.setup.tables.items() if t == table)
    world.add_attribute(model, name, "Integer")
    world.say(f"a migration adds {table}.{name}")


SCHEMA = ("schema-privilege", "schema-create-privilege", "schema-permission", "permission-denied")


@broken("schema-privilege")
def schema_not_for_creating(world: World) -> str:
    world.sql(
        f'ALTER DATABASE "{world.database}" OWNER TO postgres',
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    world.add_migration('op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))')
    world.say("CREATE on schema public is not granted; a migration creates a table")
    return world.setup.upgrade


@broken("migration-fails", "not-owner", ahead=True)
def migration_of_a_table_not_owned(world: World) -> str:
    new_migration(world)
    for table in world.setup.tables.values():
        give_away(world, table)
        world.sql(f'GRANT ALL ON "{table}" TO "{world.role}"')
    world.sql(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{world.role}"')
    return world.setup.upgrade


@broken("no-schema-selected", "schema-missing", "schema-misspelled", "table-in-other-schema")
def search_path_to_nowhere(world: World) -> None:
    schema = world.random.choice(["app", "api", "pubilc", "private"])
    what = world.random.choice([f'ROLE "{world.role}"', f'DATABASE "{world.database}"'])
    world.admin(f"ALTER {what} SET search_path = {schema}")
    world.say(f"search_path of {what} is {schema}, which isn't there")


@broken("schema-missing", "table-in-other-schema")
def search_path_to_an_empty_schema(world: World) -> None:
    schema = world.random.choice(["app", "api", "private"])
    world.sql(f'CREATE SCHEMA {schema} AUTHORIZATION "{world.role}"')
    world.admin(f'ALTER ROLE "{world.role}" SET search_path = {schema}')
    world.say(f"search_path is {schema}, which is empty")


@broken("no-schema-selected", "schema-missing", "schema-misspelled", "table-in-other-schema")
def search_path_in_the_url(world: World) -> None:
    schema = world.random.choice(["app", "api", "pubilc"])
    world.change_url(query=f"?options=-csearch_path%3D{schema}")


@broken("model-drift", "schema-missing", "table-in-other-schema", doctor=EITHER)
def table_moved_to_another_schema(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    world.sql(
        f'CREATE SCHEMA backup AUTHORIZATION "{world.role}"',
        f'ALTER TABLE "{table}" SET SCHEMA backup',
    )
    world.say(f"{table} is in schema backup")
    return world.script(f"print(session.scalars(select({model})).all())")


@broken("row-security", doctor=WELL)
def row_security(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    world.sql(
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY reading ON "{table}" FOR SELECT USING (true)',
    )
    world.say(f"{table} has row security and no policy for INSERT")
    return adding(world, model)


@broken("administrator-needed", "migration-extension-missing", ahead=True)
def extension_in_a_migration(world: World) -> str:
    name = world.random.choice(["postgis", "vector", "plpython3u", "timescaledb", "file_fdw"])
    world.add_migration(f"op.execute('CREATE EXTENSION {name}')")
    world.say(f"a migration creates extension {name}")
    return world.setup.upgrade


@broken(
    "administrator-needed",
    "function-privilege",
    "not-owner",
    "privilege-missing",
    "table-privilege",
    doctor=WELL,
)
def a_function_of_the_administrator(world: World) -> str:
    call = world.random.choice(
        ["pg_read_file('/etc/hosts')", "pg_ls_dir('.')", "pg_reload_conf()", "pg_switch_wal()"]
    )
    return world.script(f'session.execute(text("SELECT {call}"))')
