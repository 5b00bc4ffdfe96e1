"""`make chaos` in its shortest form: the primary is lost, and no write that was acknowledged."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chaos.faults import failover
from chaos.run import kept
from chaos.world import make_template, world_for
from stationsapp.keeper import found

FOREVER = 120  # seconds, on any machine


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + FOREVER
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' user can reach: pytest's own are closed to all others."""
    with TemporaryDirectory() as name:
        yield Path(name)


def test_no_acknowledged_write_is_lost_with_the_primary(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(failover, "NOTICED", 0)
    template = make_template(next(iter(found().values())), folder / "template", stations=100)
    with world_for(failover.KILLED, template, folder / "world") as world:
        load = world.load()
        load.start()
        wait_for(lambda: len(load.acknowledged) > 20)
        failover.killed(world, load)
        before = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > before)  # by the same processes
        load.stop()
        assert load.acknowledged <= kept(world)
        assert {answer.status for answer in load.answers} <= {200, 201, 503}
