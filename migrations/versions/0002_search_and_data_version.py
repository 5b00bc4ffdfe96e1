"""Search by words, and the data version.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 21:45:10
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The words of a search, each a prefix: taken apart as the words of names are, so that the two
# always agree. A lexeme is quoted as the tsquery type's input wants it: no text is an error.
STATION_QUERY = r"""
CREATE FUNCTION station_query(words text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')
        ::tsquery
    FROM unnest(station_words(words))
$$
"""

# Each statement that writes stations counts one up, in the row of its own connection's shard: so
# writers rarely wait for one another. The sum of the shards is the number of writes that a snapshot
# sees: a later snapshot sees the same writes and the same sum, or more writes and a larger sum.
BUMP = """
CREATE FUNCTION bump_station_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO station_versions AS mine (shard, version) VALUES (pg_backend_pid() % 32, 1)
    ON CONFLICT (shard) DO UPDATE SET version = mine.version + 1;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER bump_station_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON stations
FOR EACH STATEMENT EXECUTE FUNCTION bump_station_version()
"""


def upgrade():
    op.execute(STATION_QUERY)
    op.create_table(
        "station_versions",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_station_versions"),
    )
    # Where the count starts: never again at a number that it has been at, after a downgrade too.
    op.execute("INSERT INTO station_versions SELECT -1, 1e6 * extract(epoch FROM now())")
    op.execute(BUMP)
    op.execute(TRIGGER)


def downgrade():
    op.execute("DROP TRIGGER bump_station_version ON stations")
    op.execute("DROP FUNCTION bump_station_version")
    op.drop_table("station_versions")
    op.execute("DROP FUNCTION station_query")
