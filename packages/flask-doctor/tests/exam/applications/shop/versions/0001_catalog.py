"""catalog"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "products",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("sku", sa.String(12), nullable=False, unique=True),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("price", sa.Numeric(8, 2), nullable=False),
        sa.CheckConstraint("price >= 0", name="price_not_negative"),
    )


def downgrade():
    op.drop_table("products")
