"""${message[:1].upper() + message[1:]}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date.replace(microsecond=0)}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
