from collections.abc import Iterator

import pytest
from clusters import PASSWORD, Cluster

# Later lines count only where none before them does; what no line names is refused.
HBA = """
host all trusted,ghost,limited 127.0.0.1/32 trust
host all secret,hashed 127.0.0.1/32 scram-sha-256
host all plain 127.0.0.1/32 password
local all nobody_here peer
"""


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
        "CREATE ROLE nobody_here LOGIN",
        "CREATE ROLE outside LOGIN",
        "CREATE DATABASE app OWNER trusted",
    )
    yield cluster
    cluster.remove()
