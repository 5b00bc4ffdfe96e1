"""Create the tables.

Revision ID: 0001
Revises:
Create Date: 2026-11-29 22:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def common_columns():
    return (
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
    )


def upgrade():
    op.create_table(
        "api_tokens",
        *common_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("digest", name="uq_api_tokens_digest"),
    )
    op.create_index(
        "uq_api_tokens_valid_name",
        "api_tokens",
        ["name"],
        unique=True,
        postgresql_where="revoked_at IS NULL",
    )
    op.create_table(
        "sign_in_tries",
        *common_columns(),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_tries"),
    )
    op.create_table(
        "widgets",
        *common_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("rating", sa.Double(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="ck_widgets_name_length"),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'archived')", name="ck_widgets_status_known"
        ),
        sa.CheckConstraint("rating BETWEEN 0 AND 5.0", name="ck_widgets_rating_range"),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["api_tokens.id"], name="fk_widgets_changed_by_id_api_tokens"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_widgets"),
    )


def downgrade():
    op.drop_table("widgets")
    op.drop_table("sign_in_tries")
    op.drop_table("api_tokens")
