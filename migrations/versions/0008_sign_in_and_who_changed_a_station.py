"""Store who changed a station last, and failed attempts to sign in.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-29 21:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    now = sa.func.now()
    op.create_table(
        "sign_in_tries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_tries"),
    )
    op.add_column("stations", sa.Column("changed_by_id", sa.BigInteger()))
    op.create_foreign_key(
        "fk_stations_changed_by_id_api_tokens",
        "stations",
        "api_tokens",
        ["changed_by_id"],
        ["id"],
        postgresql_not_valid=True,  # the column is new and empty: nothing to check
    )


def downgrade():
    op.drop_column("stations", "changed_by_id")
    op.drop_table("sign_in_tries")
