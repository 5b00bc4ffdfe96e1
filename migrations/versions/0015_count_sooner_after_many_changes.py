"""Count stations in cells sooner after many changes.

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-30 01:45:00
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# One in 256 statements added all changes to the cells, however many each had left. Readers add them
# until then: with 100,000, that would take seconds. Now one in 256 changes does.
ONE = "random() * 256 < 1"
EACH = "random() * 256 < (SELECT count(*) FROM {table})"
TABLES = {"insert": "new_stations", "update": "new_stations", "delete": "old_stations"}
REPLACE = """
DO $do$ BEGIN
    EXECUTE replace(pg_get_functiondef('count_{event}()'::regprocedure), '{old}', '{new}');
END $do$
"""


def upgrade():
    for event, table in TABLES.items():
        op.execute(REPLACE.format(event=event, old=ONE, new=EACH.format(table=table)))


def downgrade():
    for event, table in TABLES.items():
        op.execute(REPLACE.format(event=event, old=EACH.format(table=table), new=ONE))
