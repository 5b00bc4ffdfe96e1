"""How a feed differs from the table, queried from the importer's staging table."""

from typing import Any

from sqlalchemy import Connection

from .report import Report
from .search.statements import distance

FAR = 1_000  # metres: a station that went farther has moved

OLD = "staging LEFT JOIN stations AS old ON old.source = %(source)s AND old.code = staging.code"
SAME = """
    (old.name, old.lat, old.lng, old.properties)
    IS NOT DISTINCT FROM (staging.name, staging.lat, staging.lng, staging.properties)
"""
COUNTS = f"""
SELECT count(*) FILTER (WHERE old.id IS NULL) AS added,
    count(*) FILTER (WHERE old.id IS NOT NULL AND NOT ({SAME})) AS updated,
    count(*) FILTER (WHERE {SAME}) AS unchanged,
    count(*) FILTER (WHERE old.name <> staging.name) AS renamed
FROM {OLD}
"""
MOVED = f"""
FROM (
    SELECT staging.*, old.lat AS old_lat, old.lng AS old_lng,
        {distance("old.lat", "old.lng", "staging.lat", "staging.lng")} AS distance
    FROM {OLD} WHERE (old.lat, old.lng) <> (staging.lat, staging.lng)
) AS distances WHERE distance > {FAR} ORDER BY distance DESC, code
"""
VANISHED = """
FROM stations WHERE source = %(source)s
    AND NOT EXISTS (SELECT FROM staging WHERE staging.code = stations.code)
    AND NOT EXISTS (SELECT FROM refused WHERE refused.code = stations.code)
"""
# Some of what changes, from all over the feed; of what moved the farthest.
CHANGES = {
    "added": f"""
        SELECT staging.name, staging.lat, staging.lng FROM {OLD}
        WHERE old.id IS NULL ORDER BY hashtext(staging.code)
    """,
    "moved": f"SELECT name, lat, lng, old_lat, old_lng {MOVED}",
    "vanished": f"SELECT name, lat, lng {VANISHED} ORDER BY hashtext(code)",
}


def compare(connection: Connection, source: str, report: Report) -> None:
    """Fill the report with the differences between the feed and the table."""
    parameters = {"source": source}
    counts = connection.exec_driver_sql(COUNTS, parameters).one()
    report.added, report.updated, report.unchanged, report.renamed = counts
    if report.updated:
        query = f"SELECT count(*) OVER () AS moved, code, distance {MOVED} LIMIT 1"
        if row := connection.exec_driver_sql(query, parameters).one_or_none():
            report.moved, report.farthest = row.moved, (row.code, row.distance)
    query = f"SELECT count(*) {VANISHED}"
    report.vanished = connection.exec_driver_sql(query, parameters).scalar_one()


def changes(connection: Connection, source: str, most: int) -> dict[str, list[list[Any]]]:
    """Return names and positions of some of the added, moved and vanished stations.

    For a moved station, the old position comes last.
    """
    parameters = {"source": source, "most": most}
    return {
        kind: [
            list(row) for row in connection.exec_driver_sql(f"{query} LIMIT %(most)s", parameters)
        ]
        for kind, query in CHANGES.items()
    }
