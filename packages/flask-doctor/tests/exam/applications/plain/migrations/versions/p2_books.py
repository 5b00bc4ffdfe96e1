"""books"""

import sqlalchemy as sa
from alembic import op

revision = "p2"
down_revision = "p1"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "books",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("title", sa.String(90), nullable=False),
        sa.Column("isbn", sa.String(13), nullable=False, unique=True),
        sa.Column("pages", sa.Integer()),
        sa.Column("author_id", sa.Integer(), sa.ForeignKey("authors.id"), nullable=False),
    )


def downgrade():
    op.drop_table("books")
