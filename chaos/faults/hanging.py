"""The server, the network or a query hangs, without an error."""

import time
from contextlib import closing

from ..load import Load
from ..world import Fault, World

CHANGE = {"name": "changed"}
FROZEN, DROPPED, LOCKED, SLOW = 20, 12, 8, 6  # seconds


def frozen(world: World, load: Load) -> None:
    """Suspend the server's processes; the kernel still acknowledges packets."""
    with world.primary.frozen():
        time.sleep(FROZEN)


def dropped(world: World, load: Load) -> None:
    """Lose all packets between the service and its server."""
    with world.proxy.swallowing():
        time.sleep(DROPPED)


def table_locked(world: World, load: Load) -> None:
    """Hold the strongest lock on the table."""
    with closing(world.primary.connect()) as connection:
        connection.cursor().execute("LOCK stations IN ACCESS EXCLUSIVE MODE")
        time.sleep(LOCKED)


def row_locked(world: World, load: Load) -> None:
    """Lock a row that clients change."""
    with closing(world.primary.connect()) as connection:
        connection.cursor().execute("SELECT FROM stations WHERE id = 1 FOR UPDATE")
        for _ in range(4):
            load.add(lambda client: [client.ask("own", "PATCH", "/api/stations/1", CHANGE)])
        time.sleep(LOCKED)


def slow_query(world: World, load: Load) -> None:
    """Make each row that a query reads take a twentieth of a second."""
    world.primary.execute(
        "ALTER TABLE stations RENAME TO kept; "
        "CREATE VIEW stations AS SELECT * FROM kept WHERE pg_sleep(0.05) IS NOT NULL"
    )
    time.sleep(SLOW)
    world.primary.execute("DROP VIEW stations; ALTER TABLE kept RENAME TO stations")


def restart(world: World, load: Load) -> None:
    """Restart the server cleanly."""
    world.primary.stop("fast")
    world.primary.start()


def crash(world: World, load: Load) -> None:
    """Crash the server, and start it again."""
    world.primary.stop("immediate")
    time.sleep(2)
    world.primary.start()


FAULTS = [
    Fault(f"server frozen {FROZEN} s (SIGSTOP)", frozen),
    Fault(f"packets dropped {DROPPED} s", dropped),
    Fault(f"lock on `stations` {LOCKED} s", table_locked),
    Fault(f"row lock {LOCKED} s", row_locked, unnoticed=True),
    Fault("slow queries", slow_query),
    Fault("server restarted", restart),
    Fault("server killed, back after 2 s", crash),
]
