"""Add the time to the data version, so that a restored backup never repeats one.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-25 10:15:00
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BUMP = """
CREATE OR REPLACE FUNCTION bump_station_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO station_versions AS mine (shard, version) VALUES (pg_backend_pid() % 32, {first})
    ON CONFLICT (shard) DO UPDATE SET version = {next};
    RETURN NULL;
END
$$
"""
NOW = "1e6 * extract(epoch FROM clock_timestamp())"  # microseconds


def upgrade():
    op.execute(BUMP.format(first=NOW, next="greatest(mine.version + 1, excluded.version)"))


def downgrade():
    op.execute(BUMP.format(first=1, next="mine.version + 1"))
