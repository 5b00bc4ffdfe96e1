"""The primary fails, and its standby is promoted."""

import time
from contextlib import ExitStack

from ..load import Load
from ..world import Fault, World

NOTICED = 3  # seconds until the standby is promoted


def _promote(world: World) -> None:
    assert world.standby
    time.sleep(NOTICED)
    world.standby.promote()
    world.primary = world.standby


def killed(world: World, load: Load) -> None:
    """Kill the primary."""
    world.primary.kill()
    _promote(world)


def frozen(world: World, load: Load) -> None:
    """Freeze the primary for good."""
    stays = world.cleanup.enter_context(ExitStack())
    stays.enter_context(world.primary.frozen())
    _promote(world)


def read_only(world: World, load: Load) -> None:
    """Make the primary read-only, like a former leader that is still running."""
    world.primary.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    world.primary.execute("SELECT pg_reload_conf()")
    _promote(world)


KILLED = Fault("primary killed, standby promoted", killed, standby=True)
FAULTS = [
    KILLED,
    Fault("primary frozen, standby promoted", frozen, standby=True),
    Fault("primary turned read-only, standby promoted", read_only, standby=True),
]
