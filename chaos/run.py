"""Causes a fault under load, and judges it."""

import time
from pathlib import Path

from .report import Row, Times, judge, table
from .world import Fault, Template, World, world_for

BEFORE = 1.5  # seconds of load before the fault
AFTER = 3.0  # and after it


def run(fault: Fault, template: Template, folder: Path) -> Row:
    """Cause a fault in a new world, with its logs in a folder."""
    with world_for(fault, template, folder) as world:
        load = world.load()
        load.start()
        time.sleep(BEFORE)
        begun = time.monotonic()
        fault.happen(world, load)
        times = Times(begun, time.monotonic())
        time.sleep(AFTER)
        load.stop()
        (folder / "requests").write_text(table(times, load.answers))
        return judge(fault, times, load.answers, len(load.acknowledged - kept(world)))


def kept(world: World) -> set[str]:
    """Return the codes of the written stations on the current primary."""
    rows = world.primary.execute("SELECT code FROM stations WHERE source = 'chaos'")
    return {code for (code,) in rows}
