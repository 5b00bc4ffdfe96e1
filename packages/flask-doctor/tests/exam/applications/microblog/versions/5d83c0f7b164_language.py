"""language"""

import sqlalchemy as sa
from alembic import op

revision = "5d83c0f7b164"
down_revision = "3f6d7218ca95"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("language", sa.String(length=5), nullable=True))


def downgrade():
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_column("language")
