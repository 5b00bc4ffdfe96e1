"""The next release, with a migration that changes a table in use."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree, ignore_patterns

from .gunicorn import ROOT

KILLED_AFTER = 4  # seconds; a large table's index is then half-built

MIGRATION = '''"""Add an elevation.

Revision ID: next
Revises: {head}
Create Date: 2026-01-01 00:00:00
"""

from alembic import op

revision = "next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE stations ADD COLUMN IF NOT EXISTS elevation float8")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_stations_elevation")
        op.create_index(
            "ix_stations_elevation",
            "stations",
            ["elevation", "name"],
            postgresql_concurrently=True,
        )
'''


def make(folder: Path) -> Path:
    """Create the release in a folder."""
    made = copytree(
        ROOT, folder / "release", ignore=ignore_patterns(".*", "instance", "build", "*.egg-info")
    )
    versions = made / "migrations" / "versions"
    head = max(path.name for path in versions.glob("[0-9]*.py"))[:4]
    (versions / "next.py").write_text(MIGRATION.format(head=head))
    return made


def migrate(release: Path, environment: Mapping[str, str], url: str) -> None:
    """Run its migration. If it takes long, kill it half-way and run it again."""
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    environment = {**environment, "DATABASE_URL": url}
    started = time.monotonic()
    first = subprocess.Popen(command, cwd=release, env=environment, stderr=subprocess.DEVNULL)
    try:
        first.wait(KILLED_AFTER)
    except subprocess.TimeoutExpired:
        first.kill()
        first.wait()
    subprocess.run(command, cwd=release, env=environment, check=True, stderr=subprocess.DEVNULL)
    print(f"The migration took {time.monotonic() - started:.0f} s.", file=sys.stderr)
