"""The database and the migrations are at odds: behind, unknown, stamped, changed by hand."""

import re

from ..world import Unfit, World
from . import EITHER, broken
from .privileges import new_migration

COLUMN = ("column-missing", "model-drift", "schema-drift", "column-not-migrated",
          "migration-missing", "column-renamed")  # fmt: skip


def reading(world: World, model: str) -> str:
    return world.script(f"for row in session.scalars(select({model})):\n    print(row.id)")


def empty(world: World) -> None:
    """Let the database be as it was created."""
    world.admin(
        f'DROP DATABASE "{world.database}"',
        f'CREATE DATABASE "{world.database}" OWNER "{world.role}"',
    )


@broken("column-missing", "database-behind")
def migration_not_run(world: World) -> None:
    new_migration(world)


@broken("database-behind", "table-missing")
def never_migrated(world: World) -> None:
    empty(world)
    world.say("an empty database")


@broken("table-exists")
def made_by_create_all(world: World) -> str:
    world.sql("DROP TABLE alembic_version")
    world.say("the tables are there, alembic_version isn't")
    return world.setup.upgrade


@broken("revision-unknown")
def revision_file_deleted(world: World) -> str:
    world.add_migration("pass", revision="feedface0001")
    world.do(world.setup.upgrade)
    (world.folder / world.setup.versions / "feedface0001_change.py").unlink()
    world.say("the file of the database's revision was deleted")
    return world.random.choice([world.setup.upgrade, world.setup.migrate])


@broken("other-applications-database", "revision-unknown")
def revision_of_another_project(world: World) -> str:
    world.sql("UPDATE alembic_version SET version_num = '0815cafe'")
    world.say("the database is at the revision of another project")
    return world.setup.upgrade


@broken("several-heads")
def two_heads(world: World) -> str:
    head = world.head()
    world.add_migration("pass", revision="aaaa00000001", down=head)
    world.add_migration("pass", revision="bbbb00000001", down=head)
    world.say("two heads")
    return world.setup.upgrade


@broken("no-migrations-folder", doctor=EITHER)
def folder_of_migrations_deleted(world: World) -> str:
    import shutil

    if not world.setup.flask_migrate:
        raise Unfit("not Flask-Migrate")
    shutil.rmtree(world.folder / "migrations")
    world.say("no folder migrations")
    return world.random.choice(["flask db upgrade", "flask db migrate -m x"])


@broken(
    "database-behind",
    "no-migrations-folder",
    "no-migrations-yet",
    "table-missing",
    "table-not-migrated",
)
def nothing_made_yet(world: World) -> None:
    """Start the application before `flask db init`."""
    import shutil

    if not world.setup.flask_migrate:
        raise Unfit("not Flask-Migrate")
    empty(world)
    if world.random.random() < 0.5:
        shutil.rmtree(world.folder / "migrations")
        world.say("no migrations, empty database")
    else:
        for file in (world.folder / world.setup.versions).glob("*.py"):
            file.unlink()
        world.say("no revisions, empty database")


@broken("migration-stamped")
def stamped_without_running(world: World) -> None:
    empty(world)
    world.do(world.setup.stamp)
    world.say(f"an empty database, and {world.setup.stamp}")


@broken("dropped-by-hand", "migration-stamped")
def table_dropped_by_hand(world: World) -> str:
    model = world.model()
    world.sql(f'DROP TABLE "{world.setup.tables[model]}" CASCADE')
    world.say(f"{world.setup.tables[model]} was dropped")
    return reading(world, model)


@broken("dropped-by-hand", "table-named-otherwise")
def table_renamed_by_hand(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    new = world.random.choice([f"{table}_old", table[:-1], table.title(), f"tbl_{table}"])
    world.sql(f'ALTER TABLE "{table}" RENAME TO "{new}"')
    world.say(f"{table} is called {new}")
    return reading(world, model)


@broken("column-not-migrated", "column-renamed", "model-drift")
def column_not_migrated(world: World) -> str:
    model = world.model()
    name = world.random.choice(["rating", "website", "is_active"])
    world.add_attribute(model, name, world.random.choice(["Integer", "String"]))
    world.say(f"{model}.{name} has no migration")
    return reading(world, model)


@broken("model-drift", "table-not-migrated")
def model_not_migrated(world: World) -> str:
    setup, name = world.setup, world.random.choice(["Tag", "Review", "Invoice"])
    column = f"{setup.columns}Integer, " if setup.columns == "db." else ""
    make = "db.Column" if setup.columns == "db." else "mapped_column"
    world.write(
        setup.models,
        f"{world.read(setup.models)}\n\nclass {name}({setup.base}):\n"
        f'    __tablename__ = "{name.lower()}s"\n\n'
        f"    id{': Mapped[int]' if make != 'db.Column' else ''} = "
        f"{make}({column}primary_key=True)\n",
    )
    module = setup.models.removesuffix(".py").replace("/", ".")
    world.say(f"{name} has no migration")
    return world.script(
        f"from {module} import {name}\nprint(session.scalars(select({name})).all())"
    )


@broken("dropped-by-hand", "migration-stamped")
def column_dropped_by_hand(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    world.sql(f'ALTER TABLE "{table}" DROP COLUMN {column} CASCADE')
    world.say(f"{table}.{column} was dropped")
    return reading(world, model)


@broken("column-named-otherwise", "dropped-by-hand")
def column_renamed_by_hand(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    new = world.random.choice([f"{column}_", column.upper(), column[:-1], f"{column}2"])
    world.sql(f'ALTER TABLE "{table}" RENAME COLUMN {column} TO "{new}"')
    world.say(f"{table}.{column} is called {new}")
    return reading(world, model)


@broken("column-named-otherwise", "column-not-migrated", "column-renamed", "model-drift")
def attribute_renamed_without_migration(world: World) -> str:
    model, column = world.column()
    if column.endswith("_id"):
        raise Unfit("a foreign key")
    content = world.read(world.setup.models)
    start = content.index(f"class {model}(")
    new = f"{column}_{world.random.choice(['text', 'new', 'value'])}"
    changed = re.sub(rf"^    {column}\b", f"    {new}", content[start:], count=1, flags=re.M)
    world.write(world.setup.models, content[:start] + changed)
    world.say(f"{model}.{column} is called {new}")
    return reading(world, model)


@broken("column-of-other-type", "types-differ")
def type_changed_by_hand(world: World) -> str:
    numbers = [(m, c) for m, row in world.setup.rows.items() for c, v in row.items() if v == "{n}"]
    if not numbers:
        raise Unfit("no numbers")
    model, column = world.random.choice(numbers)
    world.sql(f'ALTER TABLE "{world.setup.tables[model]}" ALTER {column} TYPE text')
    world.say(f"{model}.{column} is text in the database")
    return world.script(
        f"print(session.scalars(select({model}).where({model}.{column} > 1)).all())"
    )


@broken("database-behind")
def migrating_while_behind(world: World) -> str:
    new_migration(world)
    return world.setup.migrate


@broken("nothing-to-migrate")
def model_module_not_imported(world: World) -> str:
    setup = world.setup
    folder = setup.models.rpartition("/")[0]
    if setup.name not in ("article", "microblog", "shop"):
        raise Unfit("its models aren't found in modules")
    name = world.random.choice(["Tag", "Review", "Invoice"])
    start = "from app import db" if setup.name != "shop" else "from .extensions import db"
    world.write(
        f"{folder}/more_models.py" if folder else "more_models.py",
        f'{start}\n\n\nclass {name}(db.Model):\n    __tablename__ = "{name.lower()}s"\n\n'
        "    id = db.Column(db.Integer, primary_key=True)\n",
    )
    world.say(f"{name} is in a module that nothing imports")
    return "flask db migrate -m more"


@broken("conflict-without-constraint", "model-drift", doctor=EITHER)
def constraint_dropped_by_hand(world: World) -> str:
    rows = world.query(
        "SELECT conrelid::regclass::text, conname, (SELECT attname FROM pg_attribute "
        "WHERE attrelid = conrelid AND attnum = conkey[1]) FROM pg_constraint "
        "WHERE contype = 'u' AND connamespace = 'public'::regnamespace"
    )
    if not rows:
        raise Unfit("no unique constraint")
    table, name, column = world.random.choice(rows)
    world.sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    world.say(f"{name} was dropped")
    return world.script(
        f"from sqlalchemy.dialects.postgresql import insert\n"
        f"session.execute(text('INSERT INTO {table} (id, {column}) VALUES (1, 1) "
        f"ON CONFLICT ({column}) DO NOTHING'))"
    )
