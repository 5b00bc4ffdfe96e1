"""Suspicious stations of a feed, queried from the importer's staging table."""

from sqlalchemy import Connection

SHOWN = 10  # codes of a suspicion

# For each the codes, and the lines that give them their order.
SUSPICIONS = {
    "at exactly 0,0": "SELECT code, line FROM staging WHERE lat = 0 AND lng = 0",
    # Not where the rest of the feed lies (the middle half of its latitudes and longitudes, with a
    # margin), but there when turned round. A feed all over the world has no such place.
    "whose latitude and longitude seem to be swapped": """
        WITH middle AS (
            SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY lat) AS lats,
                percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY lng) AS lngs
            FROM (SELECT lat, lng FROM staging ORDER BY hashint4(line) LIMIT 10000) AS sample
        ),
        place AS (
            SELECT box(point(lngs[1] - 1.5 * (lngs[2] - lngs[1]) - 1,
                    lats[1] - 1.5 * (lats[2] - lats[1]) - 1),
                point(lngs[2] + 1.5 * (lngs[2] - lngs[1]) + 1,
                    lats[2] + 1.5 * (lats[2] - lats[1]) + 1)) AS box
            FROM middle WHERE lats[2] - lats[1] < 20 AND lngs[2] - lngs[1] < 60
        )
        SELECT code, line FROM staging CROSS JOIN place
        WHERE point(lat, lng) <@ box AND NOT point(lng, lat) <@ box
    """,
    "with the same name and place under several codes": """
        SELECT min(code) AS code, min(line) AS line FROM staging
        GROUP BY name, lat, lng HAVING count(*) > 1
    """,
}


def suspicions(connection: Connection) -> list[tuple[str, int, list[str]]]:
    """Return the reason of each suspicion, the number of stations, and the first codes."""
    found = []
    for reason, suspects in SUSPICIONS.items():
        query = f"SELECT count(*) OVER (), code FROM ({suspects}) AS s ORDER BY line LIMIT {SHOWN}"
        if rows := connection.exec_driver_sql(query).all():
            found.append((reason, rows[0][0], [code for _, code in rows]))
    return found
