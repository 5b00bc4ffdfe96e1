import gc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clusters import PASSWORD, Cluster
from exam.nursery import Nursery

# Later lines count only where none before them does; what no line names is refused.
HBA = """
host all trusted,ghost,limited,members,humble 127.0.0.1/32 trust
host all refused 127.0.0.1/32 reject
host all ident 127.0.0.1/32 ident
host all secret,hashed 127.0.0.1/32 scram-sha-256
host all plain 127.0.0.1/32 password
local all nobody_here peer
"""


def pytest_collection_finish() -> None:
    """Exclude what is imported from garbage collection, which some tests run again and again.

    It also runs less often by itself: after each 700 new objects, it takes a sixth of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """A server with roles, and with as many ways to let them in."""
    cluster = Cluster()
    cluster.make()
    cluster.configure("max_connections = 40", HBA)
    cluster.start()
    quoted = PASSWORD.replace("'", "''")
    cluster.execute(
        "CREATE ROLE trusted LOGIN CREATEDB",
        f"CREATE ROLE secret LOGIN CREATEDB PASSWORD '{quoted}'",
        f"CREATE ROLE plain LOGIN PASSWORD '{quoted}'",
        "CREATE ROLE limited LOGIN CONNECTION LIMIT 0",
        "CREATE ROLE members NOLOGIN",
        "CREATE ROLE humble LOGIN",
        "CREATE ROLE nobody_here LOGIN",
        "CREATE ROLE outside LOGIN",
        "CREATE ROLE refused LOGIN",
        "CREATE ROLE ident LOGIN",
        "CREATE DATABASE app OWNER trusted",
        "CREATE DATABASE private",
        "REVOKE CONNECT ON DATABASE private FROM PUBLIC",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE narrow CONNECTION LIMIT 0",
        'CREATE DATABASE "Stations"',
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0",
    )
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """`flask`, `alembic` and `python` that have imported what takes long, in a folder for PATH."""
    with closing(Nursery()) as nursery:
        yield nursery.bin
