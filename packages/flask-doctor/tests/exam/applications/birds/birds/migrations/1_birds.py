"""birds"""

import sqlalchemy as sa
from alembic import op

revision = "b1"
down_revision = None
branch_labels = ("default",)
depends_on = None


def upgrade():
    op.create_table(
        "birds",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, unique=True),
        sa.Column("latin", sa.String(80), nullable=False),
        sa.Column("wingspan", sa.Integer()),
    )


def downgrade():
    op.drop_table("birds")
