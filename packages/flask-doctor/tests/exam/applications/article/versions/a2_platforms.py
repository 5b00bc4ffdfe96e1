"""How many platforms a station has."""

import sqlalchemy as sa
from alembic import op

revision = "a1c0ffee0002"
down_revision = "a1c0ffee0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("stations", sa.Column("platforms", sa.Integer()))


def downgrade():
    op.drop_column("stations", "platforms")
