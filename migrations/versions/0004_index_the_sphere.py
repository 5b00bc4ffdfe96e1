"""Index the sphere.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-24 12:40:51
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Each hemisphere in the plane, seen from the other one's pole: a unit disc, the southern one well
# beside the northern. This projection takes circles to circles (Snyder, Map Projections: A Working
# Manual, 1987, chapter 21, the stereographic), so that an index of the plane knows those on the
# sphere, at the poles and the antimeridian too.
STATION_PLANE = """
CREATE OR REPLACE FUNCTION station_plane(lat float8, lng float8) RETURNS point
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT point(
        tan(radians(90 - abs(lat)) / 2) * cos(radians(lng)) + 1000 * (lat < 0)::int,
        tan(radians(90 - abs(lat)) / 2) * sin(radians(lng)))
$$
"""

# The part of the plane with all that is within a radius, in radians, of a point: a disc for each
# hemisphere that it reaches. Its diameter lies on the meridian of the point, from the near to the
# far end: at most tan(179.7° / 2) = 382 away, so that it holds nothing of the other hemisphere. One
# that holds the pole of the projection, which is infinitely far away, is all of its hemisphere.
STATION_DISCS = """
CREATE OR REPLACE FUNCTION station_discs(lat float8, lng float8, radius float8) RETURNS SETOF circle
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN colatitude + radius < radians(179.7) THEN circle(
            point(x + (far + near) / 2 * cos(radians(lng)), (far + near) / 2 * sin(radians(lng))),
            (far - near) / 2)
        ELSE circle(point(x, 0), 1.001)
    END
    FROM (VALUES (radians(90 - lat), 0), (radians(90 + lat), 1000)) AS hemisphere (colatitude, x),
        tan((colatitude - radius) / 2) AS near, tan((colatitude + radius) / 2) AS far
    WHERE colatitude - radius < radians(90.001)
$$
"""


def upgrade():
    # Committed before the index is built: so all is as ready to be run again as the index is.
    op.execute(STATION_PLANE)
    op.execute(STATION_DISCS)
    with op.get_context().autocommit_block():
        # An interrupted build leaves an invalid index behind.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_stations_plane")
        op.create_index(
            "ix_stations_plane",
            "stations",
            [sa.text("station_plane(lat, lng)")],
            postgresql_using="gist",
            postgresql_concurrently=True,
        )


def downgrade():
    with op.get_context().autocommit_block():
        op.drop_index("ix_stations_plane", "stations", postgresql_concurrently=True, if_exists=True)
    op.execute("DROP FUNCTION IF EXISTS station_discs, station_plane")
