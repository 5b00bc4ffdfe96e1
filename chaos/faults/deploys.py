"""Deployments, and workers that exit."""

import shutil
import signal
import time

from ..load import Load
from ..service import ROOT, flask
from ..world import Fault, World

MIGRATION = '''
"""Add a column for the next version."""
from alembic import op

revision = "next"
down_revision = "{head}"

def upgrade():
    op.execute("ALTER TABLE stations ADD COLUMN next text")
'''


def migrated(world: World, load: Load) -> None:
    """Run the next version's migrations while this one serves."""
    folder = world.folder / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    ((head,),) = world.primary.execute("SELECT version_num FROM alembic_version")
    (folder / "versions" / "next.py").write_text(MIGRATION.format(head=head))
    flask(world.settings, "db", "upgrade", "--directory", str(folder))


def reloaded(world: World, load: Load) -> None:
    """Make gunicorn replace its workers."""
    world.services[0].process.send_signal(signal.SIGHUP)
    time.sleep(3)


def rolled(world: World, load: Load) -> None:
    """Restart one service after the other, while clients use the other one."""
    for service in list(world.services):
        service.stop()
        world.serve(service.port)


def worker_killed(world: World, load: Load) -> None:
    """Kill a worker while it serves requests."""
    world.services[0].workers()[0].kill()


FAULTS = [
    Fault("next version's migrations run", migrated, unnoticed=True),
    Fault("HUP", reloaded),
    Fault("rolling restart of two services (TERM)", rolled, services=2),
    Fault("worker killed (-9)", worker_killed, unanswered=True),
]
