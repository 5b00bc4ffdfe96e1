"""Count stations in cells.

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-29 22:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# The levels of cells are odd: see StationCell. Every cell of level BASE that has a station has a
# row. Below, the cells inside a cell have rows if it is split, because it has many stations.
BASE, MIDDLE, FINEST = 5, 11, 17
SPLIT_AT = 128
# A statement that changes this many stations adds them to the cells itself. Smaller ones leave them
# in station_changes, and one in OFTEN changes adds them all.
MANY, OFTEN = 1_000, 256
LOCK = 7_220_002  # the key of the advisory lock of who writes station_cells
PATIENCE = 50  # tenths of a second in which a statement with many tries to get it

STATIONS_IN_CELL = """
CREATE OR REPLACE FUNCTION stations_in_cell(level integer, x integer, y integer)
RETURNS TABLE (id bigint, lat float8, lng float8) LANGUAGE sql STABLE AS $$
    SELECT id, lat, lng FROM stations
    WHERE floor((lng + 180) / (90::float8 / (1 << level))) = x
        AND floor((lat + 90) / (90::float8 / (1 << level))) = y
        -- For the index, and a little larger, because the sums above are rounded.
        AND point(lng, lat) <@ box(
            point(x * (90::float8 / (1 << level)) - 180.000001,
                y * (90::float8 / (1 << level)) - 90.000001),
            point((x + 1) * (90::float8 / (1 << level)) - 179.999999,
                (y + 1) * (90::float8 / (1 << level)) - 89.999999))
$$
"""
MAY_ADD = f"""
CREATE OR REPLACE FUNCTION may_add_to_station_cells(patience integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    -- At other isolation levels, rows that have changed since the snapshot cause an error.
    IF current_setting('transaction_isolation') = 'read committed' THEN
        -- Never wait for this lock, so that there is no deadlock.
        FOR try IN 0 .. patience LOOP
            IF pg_try_advisory_xact_lock({LOCK}) THEN
                RETURN true;
            END IF;
            IF try < patience THEN
                PERFORM pg_sleep(0.1);
            END IF;
        END LOOP;
    END IF;
    RETURN false;
END
$$
"""

# A change of one station, as if it were a cell of the level FINEST. Positions are summed as
# integers, so that rounding errors don't add up.
AS_CELL = """
    floor((lng + 180) / (90::float8 / (1 << {level})))::integer AS x,
    floor((lat + 90) / (90::float8 / (1 << {level})))::integer AS y,
    sign AS count, sign * (lat * 1e8)::bigint AS lat, sign * (lng * 1e8)::bigint AS lng, id AS ids,
    CASE WHEN sign > 0 THEN id END AS min_id, CASE WHEN sign > 0 THEN id END AS max_id,
    CASE WHEN sign > 0 THEN lng END AS west, CASE WHEN sign > 0 THEN lat END AS south,
    CASE WHEN sign > 0 THEN lng END AS east, CASE WHEN sign > 0 THEN lat END AS north
"""
TOTALS = """
    sum(count)::bigint AS count, sum(lat)::bigint AS lat, sum(lng)::bigint AS lng,
    bit_xor(ids) AS ids, min(min_id) AS min_id, max(max_id) AS max_id,
    coalesce(min(west), 'infinity') AS west,
    coalesce(min(south), 'infinity') AS south, coalesce(max(east), '-infinity') AS east,
    coalesce(max(north), '-infinity') AS north
"""
COLUMNS = "level, x, y, count, lat, lng, ids, min_id, max_id, west, south, east, north, split"
# The sums of a level: from those of the level below, or from the changes.
SUMS = """
sums_{level} AS MATERIALIZED (
    SELECT {level} AS level, x >> {shift} AS x, y >> {shift} AS y, {totals}
    FROM {below} GROUP BY x >> {shift}, y >> {shift}
),
"""
# The sums that are stored. A cell without a row has no stations, so all stations of a new cell are
# among the changes, and it can be split at once.
ROWS = """
rows_{level} AS MATERIALIZED (
    SELECT cell.*, coalesce(known.split, {split}) AS split
    FROM sums_{level} AS cell
    LEFT JOIN station_cells AS known ON (known.level, known.x, known.y) = ({level}, cell.x, cell.y)
    {parents}
),
"""
PARENTS = """
    JOIN rows_{level} AS parent ON parent.split
        AND (parent.x, parent.y) = (cell.x >> 2, cell.y >> 2)
"""


def sums(level):
    below, shift = f"sums_{level + 2}", 2
    if level >= MIDDLE:
        below, shift = "changes", FINEST - level
    if level > MIDDLE:
        split = f"SELECT x, y FROM rows_{level - 2} WHERE split"
        below += f" WHERE (x >> {shift + 2}, y >> {shift + 2}) IN ({split})"
    return SUMS.format(level=level, below=below, shift=shift, totals=TOTALS)


def rows(level, lowest):
    split = f"cell.count >= {SPLIT_AT}" if level < lowest else "false"
    parents = PARENTS.format(level=level - 2) if level > BASE else ""
    return ROWS.format(level=level, split=split, parents=parents)


def all_rows(levels):
    return " UNION ALL ".join(f"TABLE rows_{level}" for level in levels)


# Up to MIDDLE, levels are summed upwards. Below it, only split cells are looked at, downwards.
UP, DOWN = range(BASE, MIDDLE + 1, 2), range(MIDDLE + 2, FINEST + 1, 2)
# All visible rows of station_changes are added too, so that no deletion of a station is added
# before its insertion.
ADD = f"""
    WITH taken AS (DELETE FROM station_changes RETURNING sign, id, lat, lng),
    all_changes AS MATERIALIZED ({{changes}}),
    changes AS NOT MATERIALIZED (SELECT {AS_CELL.format(level=FINEST)} FROM all_changes),
    gone AS MATERIALIZED (SELECT lat, lng FROM all_changes WHERE sign < 0),
    {"".join(map(sums, reversed(UP)))}
    {"".join(rows(level, MIDDLE) for level in UP)}
    dense AS MATERIALIZED (
        SELECT * FROM changes WHERE EXISTS (
            SELECT FROM station_cells AS cell WHERE cell.split AND cell.level = {MIDDLE}
                AND cell.x = changes.x >> {FINEST - MIDDLE}
                AND cell.y = changes.y >> {FINEST - MIDDLE}
        )
    ),
    deep AS (
        SELECT below.level, x >> ({FINEST} - below.level) AS x, y >> ({FINEST} - below.level) AS y,
            {TOTALS}, false
        FROM dense CROSS JOIN unnest(ARRAY{[*DOWN]}) AS below (level)
        WHERE EXISTS (
            SELECT FROM station_cells AS parent
            WHERE parent.split AND parent.level = below.level - 2
                AND parent.x = dense.x >> ({FINEST + 2} - below.level)
                AND parent.y = dense.y >> ({FINEST + 2} - below.level)
        )
        GROUP BY 1, 2, 3
    ),
    rows AS MATERIALIZED (
        {all_rows(UP)} UNION ALL TABLE deep
    ),
    added AS (
        INSERT INTO station_cells AS cell
        SELECT {COLUMNS} FROM rows
        ON CONFLICT (level, x, y) DO UPDATE SET count = cell.count + excluded.count,
            lat = cell.lat + excluded.lat, lng = cell.lng + excluded.lng,
            ids = cell.ids # excluded.ids,
            min_id = least(cell.min_id, excluded.min_id),
            max_id = greatest(cell.max_id, excluded.max_id),
            west = least(cell.west, excluded.west), south = least(cell.south, excluded.south),
            east = greatest(cell.east, excluded.east), north = greatest(cell.north, excluded.north)
        RETURNING cell, cell.*
    )
    SELECT
        (SELECT array_agg(cell) FROM added
        WHERE count >= {SPLIT_AT} AND NOT split AND level < {FINEST}),
        -- Those that a station has left at the edge. If a statement deletes and moves stations, the
        -- first trigger renews these bounds, so an empty cell may no longer have such an edge.
        (SELECT array_agg(cell) FROM added
        WHERE count = 0 OR west IN (SELECT lng FROM gone) OR east IN (SELECT lng FROM gone)
            OR south IN (SELECT lat FROM gone) OR north IN (SELECT lat FROM gone))
    INTO crowded, lost;
    PERFORM renew_station_bounds(lost);
    PERFORM split_station_cells(crowded);
"""
CHILDREN = """
child.level = parent.level + 2 AND child.y BETWEEN 4 * parent.y AND 4 * parent.y + 3
    AND child.x = ANY (ARRAY[4 * parent.x, 4 * parent.x + 1, 4 * parent.x + 2, 4 * parent.x + 3])
"""
RENEW = f"""
CREATE OR REPLACE FUNCTION renew_station_bounds(lost station_cells[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF lost IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM station_cells AS cell USING unnest(lost) AS known
    WHERE (cell.level, cell.x, cell.y) = (known.level, known.x, known.y) AND cell.count = 0;
    FOR this IN REVERSE {FINEST} .. {BASE} BY 2 LOOP
        UPDATE station_cells AS parent SET (west, south, east, north) = (
            SELECT coalesce(min(west), 'infinity'), coalesce(min(south), 'infinity'),
                coalesce(max(east), '-infinity'), coalesce(max(north), '-infinity')
            FROM (
                SELECT west, south, east, north FROM station_cells AS child
                WHERE parent.split AND {CHILDREN}
                UNION ALL
                SELECT lng, lat, lng, lat FROM stations_in_cell(parent.level, parent.x, parent.y)
                WHERE NOT parent.split
            ) AS parts
        )
        FROM unnest(lost) AS known
        WHERE known.level = this
            AND (parent.level, parent.x, parent.y) = (known.level, known.x, known.y);
    END LOOP;
END
$$
"""
ADD_CHANGES = f"""
CREATE OR REPLACE FUNCTION add_station_changes() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    crowded station_cells[];
    lost station_cells[];
BEGIN
    {ADD.format(changes="TABLE taken")}
END
$$
"""
# While a statement is only partly counted, or another one's changes aren't added yet, a cell
# differs from the table. Then it is split later.
SPLIT = f"""
CREATE OR REPLACE FUNCTION split_station_cells(crowded station_cells[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WHILE crowded IS NOT NULL LOOP
        WITH parents AS MATERIALIZED (
            SELECT * FROM unnest(crowded) AS parent WHERE NOT EXISTS (
                SELECT FROM station_changes AS change
                WHERE floor((change.lng + 180) / (90::float8 / (1 << parent.level))) = parent.x
                    AND floor((change.lat + 90) / (90::float8 / (1 << parent.level))) = parent.y
            )
        ),
        children AS MATERIALIZED (
            SELECT child.* FROM parents AS parent CROSS JOIN LATERAL (
                SELECT parent.level + 2 AS level, x, y, {TOTALS}, false AS split,
                    sum(sum(count)) OVER () AS all_count, sum(sum(lat)) OVER () AS all_lat,
                    sum(sum(lng)) OVER () AS all_lng, bit_xor(bit_xor(ids)) OVER () AS all_ids
                FROM (
                    SELECT {AS_CELL.format(level="(parent.level + 2)")} FROM (
                        SELECT 1 AS sign, id, lat, lng
                        FROM stations_in_cell(parent.level, parent.x, parent.y)
                    ) AS change
                ) AS stations
                GROUP BY x, y
            ) AS child
            WHERE (all_count, all_lat, all_lng, all_ids)
                = (parent.count, parent.lat, parent.lng, parent.ids)
        ),
        divided AS (
            UPDATE station_cells AS cell SET split = true
            FROM (SELECT DISTINCT level - 2 AS level, x >> 2 AS x, y >> 2 AS y FROM children)
                AS whole
            WHERE (cell.level, cell.x, cell.y) = (whole.level, whole.x, whole.y)
        ),
        added AS (
            INSERT INTO station_cells AS cell
            SELECT {COLUMNS} FROM children
            RETURNING cell, count, level
        )
        SELECT array_agg(cell) INTO crowded FROM added
        WHERE count >= {SPLIT_AT} AND level < {FINEST};
    END LOOP;
END
$$
"""
# The caller holds the lock. This is one statement, so that the deleted changes are exactly those
# that the table contains. It starts without cells. So a nested loop, which PostgreSQL would plan
# for an empty table, would read all cells that have been found by then, for each new one.
RECOUNT = f"""
CREATE OR REPLACE FUNCTION recount_stations() RETURNS void LANGUAGE plpgsql
SET work_mem = '64MB' SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM station_cells;
    WITH taken AS (DELETE FROM station_changes),
    changes AS NOT MATERIALIZED (
        SELECT {AS_CELL.format(level=FINEST)}
        FROM (SELECT 1 AS sign, id, lat, lng FROM stations) AS additions
    ),
    {"".join(map(sums, reversed(UP)))}
    {"".join(rows(level, FINEST) for level in UP)}
    {"".join(sums(level) + rows(level, FINEST) for level in DOWN)}
    all_rows AS ({all_rows([*UP, *DOWN])})
    -- The cells in a cell are read together.
    INSERT INTO station_cells SELECT {COLUMNS} FROM all_rows ORDER BY level, x >> 2, y >> 2;
    ANALYZE station_cells;
END
$$
"""
COUNT = """
CREATE OR REPLACE FUNCTION count_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    crowded station_cells[];
    lost station_cells[];
    many CONSTANT integer := {many};
    written integer := (SELECT count(*) FROM (SELECT FROM {table} LIMIT many) AS first);
BEGIN
    IF written = many AND may_add_to_station_cells({patience}) THEN
        {add}
    ELSE
        INSERT INTO station_changes (sign, id, lat, lng) {changes};
        IF random() * {often} < written AND may_add_to_station_cells(0) THEN
            PERFORM add_station_changes();
        END IF;
    END IF;
    RETURN NULL;
END
$$
"""
# Its name sorts before bump_station_version, so that it runs first: that one makes others wait.
TRIGGER = """
CREATE OR REPLACE TRIGGER a_count_{event} AFTER {event} ON stations REFERENCING {tables}
FOR EACH STATEMENT EXECUTE FUNCTION count_{event}()
"""
# A station that stays where it is cancels out. For a single one, this is faster than a join.
MOVED = """
    SELECT sum(sign)::integer AS sign, id, lat, lng FROM (
        SELECT -1 AS sign, id, lat, lng FROM old_stations
        UNION ALL SELECT 1, id, lat, lng FROM new_stations
    ) AS sides GROUP BY id, lat, lng HAVING sum(sign) <> 0
"""
OLD, NEW = "OLD TABLE AS old_stations", "NEW TABLE AS new_stations"
EVENTS = {
    "insert": (NEW, "SELECT 1 AS sign, id, lat, lng FROM new_stations"),
    "update": (f"{OLD} {NEW}", MOVED),
    "delete": (OLD, "SELECT -1 AS sign, id, lat, lng FROM old_stations"),
}
# Not TRUNCATE, which readers would see before it is committed. But in a snapshot, what others have
# added since can't be deleted.
COUNT_TRUNCATE = """
CREATE OR REPLACE FUNCTION count_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM station_cells;
        DELETE FROM station_changes;
    ELSE
        TRUNCATE station_cells, station_changes;
    END IF;
    RETURN NULL;
END
$$
"""
TRUNCATE_TRIGGER = """
CREATE OR REPLACE TRIGGER a_count_truncate AFTER TRUNCATE ON stations
FOR EACH STATEMENT EXECUTE FUNCTION count_truncate()
"""


def upgrade():
    bounds = ("west", "south", "east", "north")
    op.create_table(
        "station_cells",
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("level", "x", "y")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("count", "lat", "lng")),
        sa.Column("ids", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in ("min_id", "max_id")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in bounds),
        sa.Column("split", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("level", "x", "y", name="pk_station_cells"),
        if_not_exists=True,
        postgresql_with={"fillfactor": 80},
    )
    # A few changes are added all the time, which must not read all cells.
    op.create_index(
        "ix_station_cells_split",
        "station_cells",
        ["level", "x", "y"],
        postgresql_where=sa.text("split"),
        if_not_exists=True,
    )
    # Without a primary key, each write is a fifth faster.
    op.create_table(
        "station_changes",
        sa.Column("sign", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        if_not_exists=True,
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1_000},
    )
    # Otherwise, nothing could be deleted if the table is published.
    op.execute("ALTER TABLE station_changes REPLICA IDENTITY FULL")
    for function in (STATIONS_IN_CELL, MAY_ADD, RENEW, ADD_CHANGES, SPLIT, RECOUNT, COUNT_TRUNCATE):
        op.execute(function)
    for event, (tables, changes) in EVENTS.items():
        function = COUNT.format(
            event=event,
            table=tables.split()[-1],
            many=MANY,
            patience=PATIENCE,
            often=OFTEN,
            add=ADD.format(changes=f"{changes} UNION ALL TABLE taken"),
            changes=changes,
        )
        op.execute(function)
        op.execute(TRIGGER.format(event=event, tables=tables))
    op.execute(TRUNCATE_TRIGGER)
    # Committed first, so that every change after the snapshot is recorded.
    with op.get_context().autocommit_block():
        op.execute(
            f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({LOCK}); PERFORM recount_stations(); END $$"
        )


def downgrade():
    for event in (*EVENTS, "truncate"):
        op.execute(f"DROP TRIGGER IF EXISTS a_count_{event} ON stations")
        op.execute(f"DROP FUNCTION IF EXISTS count_{event}")
    op.execute(
        "DROP FUNCTION IF EXISTS recount_stations, add_station_changes, split_station_cells, "
        "renew_station_bounds, may_add_to_station_cells, stations_in_cell"
    )
    op.drop_table("station_changes", if_exists=True)
    op.drop_table("station_cells", if_exists=True)
