"""Index the names, to list stations by name.

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-29 21:55:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME_ORDER = sa.text('lower(normalize(left(name, 60), NFD) COLLATE "C")')
INDEXES = {
    "ix_stations_name": [NAME_ORDER, "id"],
    # All names of a source may come late in the order, so a scan of all names would find them
    # last.
    "ix_stations_source_name": ["source", NAME_ORDER, "id"],
}


def upgrade():
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            # An interrupted build leaves an invalid index behind.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(name, "stations", columns, postgresql_concurrently=True)


def downgrade():
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, "stations", postgresql_concurrently=True, if_exists=True)
