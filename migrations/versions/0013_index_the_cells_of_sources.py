"""Index the cells of each source.

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-30 01:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The number of the cell of a grid with 4,096 rows and 8,192 columns. Its bits are those of the row
# and of the column, three of each in turn, so that the numbers of the 64 cells inside a larger one
# follow one another. The first rows and columns are 22.5 degrees wide, the last ones 5 km.
ROW = "least(floor((lat + 90) * (4096 / 180.0::float8))::integer, 4095)"
COLUMN = "least(floor((lng + 180) * (8192 / 360.0::float8))::integer, 8191)"
CELL = " | ".join(
    [f"(({ROW} >> 9) << 22)", f"(({COLUMN} >> 9) << 18)"]
    + [f"(({ROW} >> {bit} & 7) << {2 * bit + 3})" for bit in (6, 3, 0)]
    + [f"(({COLUMN} >> {bit} & 7) << {2 * bit})" for bit in (6, 3, 0)]
)
STATION_CELL = f"""
CREATE OR REPLACE FUNCTION station_cell(lat float8, lng float8) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT {CELL} $$
"""
INDEX = "ix_stations_source_cell"


def upgrade():
    op.execute(STATION_CELL)
    with op.get_context().autocommit_block():
        # An interrupted build leaves an invalid index behind.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.create_index(
            INDEX,
            "stations",
            ["source", sa.text("station_cell(lat, lng)")],
            postgresql_concurrently=True,
        )


def downgrade():
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "stations", postgresql_concurrently=True, if_exists=True)
    op.execute("DROP FUNCTION IF EXISTS station_cell")
