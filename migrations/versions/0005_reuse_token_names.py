"""Reuse the names of revoked tokens.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-24 21:40:12
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A name that is used again stays with the token that is valid, or was last.
RENAME_REVOKED = """
UPDATE api_tokens SET name = name || ' (revoked ' || id || ')'
WHERE EXISTS (
    SELECT FROM api_tokens AS other WHERE other.name = api_tokens.name
    AND (other.revoked_at IS NULL, other.id) > (api_tokens.revoked_at IS NULL, api_tokens.id)
)
"""


def upgrade():
    create_unique_index("uq_api_tokens_valid_name", postgresql_where=sa.text("revoked_at IS NULL"))
    op.drop_constraint("uq_api_tokens_name", "api_tokens")


def downgrade():
    op.execute(RENAME_REVOKED)
    create_unique_index("uq_api_tokens_name")
    op.execute(
        "ALTER TABLE api_tokens ADD CONSTRAINT uq_api_tokens_name "
        "UNIQUE USING INDEX uq_api_tokens_name"
    )
    op.drop_index("uq_api_tokens_valid_name", "api_tokens")


def create_unique_index(name, **options):
    with op.get_context().autocommit_block():
        # An interrupted build leaves an invalid index behind.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.create_index(
            name, "api_tokens", ["name"], unique=True, postgresql_concurrently=True, **options
        )
