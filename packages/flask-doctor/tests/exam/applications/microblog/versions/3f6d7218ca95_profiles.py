"""profiles, and who follows whom"""

import sqlalchemy as sa
from alembic import op

revision = "3f6d7218ca95"
down_revision = "27c9e15f03ab"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "followers",
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("writer_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["writer_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["reader_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("reader_id", "writer_id"),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bio", sa.String(length=140), nullable=True))
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(), nullable=True))


def downgrade():
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("seen_at")
        batch_op.drop_column("bio")
    op.drop_table("followers")
