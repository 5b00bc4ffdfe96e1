"""Sessions: transactions after an error, objects without their session, the pool."""

from ..world import Unfit, World
from . import WELL, broken


# What caused it may be named in its stead.
@broken("detached-deferred", "detached-expired", "detached-lazy-load", doctor=WELL)
def detached(world: World) -> str:
    lazy = {"article": ("Station", "line"), "microblog": ("Post", "author"),
            "shop": ("Order", "customer"), "birds": ("Sighting", "bird"),
            "plain": ("Book", "author")}  # fmt: skip
    model, attribute = lazy[world.setup.name]
    end = "session.close()" if world.setup.name in ("birds", "plain") else "session.remove()"
    if world.random.random() < 0.5:
        return world.script(f"row = session.get({model}, 1)\n{end}\nprint(row.{attribute})")
    column = next(iter(world.setup.rows[model]))
    return world.script(
        f"row = session.get({model}, 1)\nsession.commit()\n{end}\nprint(row.{column})"
    )


@broken("session-needs-rollback", "transaction-aborted", "value-missing", doctor=WELL)
def used_after_an_error(world: World) -> str:
    model, column = world.required()
    values = world.values(model, 9, **{column: None})
    other = world.model()
    return world.script(
        f"try:\n    session.add({model}({values}))\n    session.flush()\n"
        f"except Exception as error:\n    print('not saved')\n"
        + world.random.choice(
            [f"print(session.scalars(select({other})).all())", "session.commit()"]
        )
    )


@broken(
    "column-unknown",
    "division-by-zero",
    "session-needs-rollback",
    "table-unknown",
    "transaction-aborted",
    doctor=WELL,
)
def transaction_aborted(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    bad = world.random.choice(
        [f"SELECT nothing FROM {table}", "SELECT * FROM nowhere", "SELECT 1/0"]
    )
    return world.script(
        f"try:\n    session.execute(text('{bad}'))\nexcept Exception:\n    pass\n"
        f"print(session.execute(text('SELECT count(*) FROM {table}')).scalar())"
    )


@broken("pool-exhausted", doctor=WELL)
def pool_used_up(world: World) -> str:
    options = '"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.5'
    if world.setup.name == "shop":
        world.edit(world.setup.config, '"pool_pre_ping": True', options)
    elif world.setup.name == "microblog":
        line = "    SHOWN_AT_ONCE = 25"
        world.edit("config.py", line, f"    SQLALCHEMY_ENGINE_OPTIONS = {{{options}}}")
    elif world.setup.plain:
        keywords = options.replace('"', "").replace(": ", "=")
        world.edit("database.py", '"])', f'"], {keywords})')
    else:
        raise Unfit("no options")
    engine = "session.get_bind()" if world.setup.plain else "db.engine"
    return world.script(
        f"connections = []\nfor number in range(3):\n    connections.append({engine}.connect())"
    )


@broken("two-sessions", doctor=WELL)
def object_of_another_session(world: World) -> str:
    model = world.model()
    bind = "session.get_bind()" if world.setup.plain else "db.engine"
    return world.script(
        f"from sqlalchemy.orm import Session as Other\nother = Other({bind})\n"
        f"row = other.get({model}, 1)\nsession.add(row)"
    )


@broken("result-closed", doctor=WELL)
def connection_closed(world: World) -> str:
    bind = "session.get_bind()" if world.setup.plain else "db.engine"
    return world.script(
        f"with {bind}.connect() as connection:\n    print('read')\n"
        "print(connection.execute(text('SELECT 1')).scalar())"
    )


@broken("row-deleted", "row-not-matched", doctor=WELL)
def row_deleted_by_another(world: World) -> str:
    childless = {"article": "Station", "microblog": "Post", "shop": "OrderItem",
                 "birds": "Sighting", "plain": "Book"}  # fmt: skip
    model = childless[world.setup.name]
    table = world.setup.tables[model]
    column = next(iter(world.setup.rows[model]))
    world.write("delete.sql", f"DELETE FROM {table} WHERE id = 2")
    delete = (
        f"psql -q -h 127.0.0.1 -p {world.cluster.port} -U postgres -d '{world.database}' "
        "-f delete.sql"
    )
    change = world.random.choice([f"print(row.{column})", "session.delete(row)"])
    return world.script(
        f"import os\nrow = session.get({model}, 2)\nsession.commit()\nrow.id\nsession.commit()\n"
        f'os.system("{delete}")\n{change}\nsession.commit()'
    )
