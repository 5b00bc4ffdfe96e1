"""sightings"""

import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "b1"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("bird_id", sa.Integer(), sa.ForeignKey("birds.id"), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=False),
    )


def downgrade():
    op.drop_table("sightings")
