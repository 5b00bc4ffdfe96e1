"""The server: stopped, hanging, full, restarting, read-only; and poolers before it."""

import os
import signal
import threading
import time

import psycopg2

from ..fakes import hanging_up, saying, silent
from ..world import World
from . import EITHER, WELL, broken


@broken("connection-refused")
def stopped(world: World) -> None:
    world.cluster.stop(world.random.choice(["fast", "immediate"]))
    world.say("the server is stopped")


@broken("host-silent", "no-answer")
def frozen(world: World) -> None:
    world.change_url(query="?connect_timeout=2")
    pid = int((world.cluster.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    world.closers.append(lambda: os.kill(pid, signal.SIGCONT))
    world.say("the server is frozen")


@broken("host-silent", "no-answer")
def silent_program(world: World) -> None:
    fake = silent()
    world.closers.append(fake.close)
    world.change_url(port=str(fake.port), query="?connect_timeout=2")


@broken("closed-at-log-in", "server-shutting-down")
def hangs_up(world: World) -> None:
    fake = hanging_up(world.random.choice([0.0, 0.3]))
    world.closers.append(fake.close)
    world.change_url(port=str(fake.port))


def refused_with(world: World, sqlstate: str, message: str) -> None:
    fake = saying(sqlstate, message)
    world.closers.append(fake.close)
    world.change_url(port=str(fake.port))
    world.say(f"refused: {message}")


@broken("server-starting")
def starting(world: World) -> None:
    texts = [
        "the database system is starting up",
        "the database system is in recovery mode",
        "the database system is not yet accepting connections",
        "the database system is not accepting connections",
    ]
    refused_with(world, "57P03", world.random.choice(texts))


@broken("server-shutting-down", "server-starting")
def shutting_down(world: World) -> None:
    refused_with(world, "57P03", "the database system is shutting down")


@broken("too-many-connections")
def connections_used_up(world: World) -> None:
    open_ = []
    with_role = world.random.random() < 0.5
    for _ in range(40):
        try:
            open_.append(
                psycopg2.connect(
                    host="127.0.0.1",
                    port=world.cluster.port,
                    user=world.role if with_role else "made",
                    password=world.password if with_role else "made",
                    dbname=world.database,
                )
            )
        except psycopg2.OperationalError:
            break
    world.closers.extend(connection.close for connection in open_)
    world.say(f"{len(open_)} connections are open")


@broken("too-many-connections", "too-many-connections-of-role")
def role_limit(world: World) -> None:
    world.admin(f'ALTER ROLE "{world.role}" CONNECTION LIMIT 0')
    world.say("CONNECTION LIMIT 0 of the role")


@broken("too-many-connections", "too-many-connections-to-database")
def database_limit(world: World) -> None:
    world.admin(f'ALTER DATABASE "{world.database}" CONNECTION LIMIT 0')
    world.say("CONNECTION LIMIT 0 of the database")


@broken("read-only-server", "read-only-setting")
def read_only(world: World) -> str:
    what = world.random.choice([f'DATABASE "{world.database}"', f'ROLE "{world.role}"'])
    world.admin(f"ALTER {what} SET default_transaction_read_only = on")
    world.say(f"{what} is read-only")
    model = world.model()
    return world.script(f"session.add({model}({world.values(model, 9)}))\nsession.commit()")


@broken("database-missing", "pooler-database-missing", "pooler-target-missing")
def pooler_without_database(world: World) -> None:
    refused_with(world, "3D000", f"no such database: {world.database}")


@broken("pooler-closed", "pooler-target-missing", "pooler-without-server")
def pooler_without_server(world: World) -> None:
    texts = [
        "pgbouncer cannot connect to server",
        "server login has been failing, try again later (server_login_retry)",
        "server conn crashed?",
    ]
    refused_with(world, "08P01", world.random.choice(texts))


@broken("pooler-full", "pooler-without-server", "too-many-connections")
def pooler_full(world: World) -> None:
    texts = ["no more connections allowed (max_client_conn)", "query_wait_timeout"]
    refused_with(world, "08P01", world.random.choice(texts))


@broken("pooler-parameter")
def pooler_refuses_parameter(world: World) -> None:
    refused_with(
        world,
        "08P01",
        f"unsupported startup parameter: {world.random.choice(['options', 'extra_float_digits'])}",
    )


@broken("statement-timeout", doctor=WELL)
def statement_takes_too_long(world: World) -> str:
    milliseconds = world.random.choice([200, 500])
    world.admin(f'ALTER ROLE "{world.role}" SET statement_timeout = {milliseconds}')
    return world.script('session.execute(text("SELECT pg_sleep(2)"))')


@broken("connection-lost", "idle-in-transaction", "server-shutting-down", doctor=WELL)
def idle_in_transaction(world: World) -> str:
    setting = "idle_in_transaction_session_timeout"
    world.admin(f'ALTER ROLE "{world.role}" SET {setting} = 1000')
    model = world.model()
    return world.script(
        f"import time\nsession.scalars(select({model})).all()\ntime.sleep(1.5)\n"
        f"session.scalars(select({model})).all()"
    )


@broken("connection-lost", "ended-from-outside", "server-shutting-down", doctor=WELL)
def terminated_under_the_application(world: World) -> str:
    model = world.model()
    world.write(
        "restart.sh",
        f"psql -q -h 127.0.0.1 -p {world.cluster.port} -U postgres -c "
        "'SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE usename <> current_user' >/dev/null\n",
    )
    return world.script(
        f"import os\nsession.scalars(select({model})).all()\nos.system('sh restart.sh')\n"
        f"session.scalars(select({model})).all()"
    )


@broken("lock-timeout", doctor=EITHER)
def locked_table(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    world.admin(f'ALTER ROLE "{world.role}" SET lock_timeout = 300')
    connection = psycopg2.connect(
        host="127.0.0.1", port=world.cluster.port, user="postgres", dbname=world.database
    )
    connection.cursor().execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
    world.closers.append(connection.close)
    world.say(f"{table} is locked")
    return world.script(f"session.scalars(select({model})).all()")


@broken("deadlock", doctor=WELL)
def deadlock(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    held = psycopg2.connect(
        host="127.0.0.1", port=world.cluster.port, user="postgres", dbname=world.database
    )
    held.cursor().execute(f'SELECT 1 FROM "{table}" WHERE id = 2 FOR UPDATE')

    def cross() -> None:
        time.sleep(0.3)
        try:
            for _ in range(100):
                waiting = world.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type='Lock'")
                if waiting:
                    break
                time.sleep(0.1)
            held.cursor().execute(f'SELECT 1 FROM "{table}" WHERE id = 1 FOR UPDATE')
        except psycopg2.Error:
            held.close()

    held.cursor().execute("SET deadlock_timeout = '60s'")
    thread = threading.Thread(target=cross, daemon=True)
    thread.start()
    world.closers.append(held.close)
    return world.script(
        f'session.execute(text("SELECT 1 FROM {table} WHERE id = 1 FOR UPDATE"))\n'
        f'session.execute(text("SELECT 1 FROM {table} WHERE id = 2 FOR UPDATE"))'
    )


@broken("database-encoding", "wrong-bytes", doctor=EITHER)
def database_in_latin1(world: World) -> str:
    world.admin(
        f'ALTER DATABASE "{world.database}" RENAME TO "{world.database}_old"',
        f'CREATE DATABASE "{world.database}" OWNER "{world.role}" TEMPLATE template0 '
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    world.do(world.setup.upgrade)
    model = world.random.choice(
        [m for m, row in world.setup.rows.items() if not any(c.endswith("_id") for c in row)]
    )
    column = {"User": "bio", "Line": "name", "Customer": "name", "Product": "title"}
    name = column.get(model, "name")
    letter = world.random.choice("中Жłα")
    return world.script(
        f"session.add({model}({world.values(model, 9, **{name: repr(letter)})}))\nsession.commit()"
    )
