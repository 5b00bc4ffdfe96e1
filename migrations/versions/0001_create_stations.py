"""Create stations.

Revision ID: 0001
Revises: none
Create Date: 2026-11-22 21:04:06
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The words of a name, without regard to case and accents. Compatibility forms are taken apart
# (NFKD) and combining accents dropped; letters that don't come apart are replaced by the ASCII
# ones that people type; punctuation separates, so that no two words are taken for an address.
STATION_WORDS = r"""
CREATE FUNCTION station_words(name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_tsvector('pg_catalog.simple',
        replace(replace(replace(replace(
            translate(
                regexp_replace(regexp_replace(lower(normalize(name, NFKD)),
                    '[\u0300-\u036f]+', '', 'g'),
                    '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+',
                    ' ', 'g'),
                'øłđðı', 'olddi'),
            'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'))
$$
"""


def upgrade():
    op.create_table(
        "stations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column(
            "properties",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "char_length(source) BETWEEN 1 AND 100", op.f("ck_stations_source_length")
        ),
        sa.CheckConstraint("char_length(code) BETWEEN 1 AND 255", op.f("ck_stations_code_length")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 500", op.f("ck_stations_name_length")),
        sa.CheckConstraint("lat BETWEEN -90 AND 90", op.f("ck_stations_lat_range")),
        sa.CheckConstraint("lng BETWEEN -180 AND 180", op.f("ck_stations_lng_range")),
        sa.CheckConstraint(
            "jsonb_typeof(properties) = 'object'", op.f("ck_stations_properties_object")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stations"),
        sa.UniqueConstraint("source", "code", name="uq_stations_source_code"),
    )
    op.execute(STATION_WORDS)
    # The table is empty: its indexes need not be built concurrently.
    op.create_index(
        "ix_stations_position", "stations", [sa.text("point(lng, lat)")], postgresql_using="gist"
    )
    op.create_index(
        "ix_stations_words", "stations", [sa.text("station_words(name)")], postgresql_using="gin"
    )


def downgrade():
    op.drop_table("stations")
    op.execute("DROP FUNCTION station_words")
