"""add language to posts"""

import sqlalchemy as sa
from alembic import op

revision = "2b017edaa91f"
down_revision = "ae346256b650"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("language", sa.String(length=5), nullable=True))


def downgrade():
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_column("language")
