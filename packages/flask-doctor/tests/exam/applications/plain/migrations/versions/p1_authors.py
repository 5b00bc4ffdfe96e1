"""authors"""

import sqlalchemy as sa
from alembic import op

revision = "p1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "authors",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(70), nullable=False, unique=True),
        sa.Column("born", sa.Integer()),
    )


def downgrade():
    op.drop_table("authors")
