"""The replica is down, hangs, or lags."""

import time

from ..load import Load
from ..world import Fault, World

GONE, LAG = 6, 4  # seconds


def gone(world: World, load: Load) -> None:
    """Stop the replica."""
    assert world.standby
    world.standby.stop()
    time.sleep(GONE)


def frozen(world: World, load: Load) -> None:
    """Freeze the replica."""
    assert world.standby
    world.cleanup.enter_context(world.standby.frozen())
    time.sleep(GONE)


def lags(world: World, load: Load) -> None:
    """Make the replica replay writes some seconds late."""
    assert world.standby
    world.standby.execute(f"ALTER SYSTEM SET recovery_min_apply_delay = '{LAG}s'")
    world.standby.execute("SELECT pg_reload_conf()")
    time.sleep(2 * LAG)


FAULTS = [
    Fault("replica gone", gone, standby=True, replica=True),
    Fault("replica frozen", frozen, standby=True, replica=True),
    Fault(f"replica lags {LAG} s", lags, standby=True, replica=True),
]
