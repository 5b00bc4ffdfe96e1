"""Metrics of the stations: the number in each source, and the result of its last import."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from ..database import read

# An estimate from the planner's statistics, because counting would read the whole index.
SOURCES = """
SELECT source, greatest(reltuples, 0) * frequency AS count
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_stats ON schemaname = nspname AND tablename = relname AND attname = 'source',
    unnest(most_common_vals::text::text[], most_common_freqs) AS common (source, frequency)
WHERE pg_class.oid = 'stations'::regclass
"""
IMPORTS = """
SELECT source, key AS outcome, value::float AS count, extract(epoch FROM updated_at) AS at
FROM imports, jsonb_each_text(rows)
"""


def measure() -> Iterator[Metric]:
    """Query the database for the metrics."""
    stations = GaugeMetricFamily(
        "stations", "Stations by source, estimated by the last ANALYZE", labels=["source"]
    )
    for row in read(SOURCES):
        stations.add_metric([row["source"]], round(row["count"]))
    imported = GaugeMetricFamily(
        "import_last_rows", "Rows of the last import", labels=["source", "outcome"]
    )
    last = GaugeMetricFamily(
        "import_last_success_timestamp_seconds", "When the last import succeeded", labels=["source"]
    )
    times = {}
    for row in read(IMPORTS):
        imported.add_metric([row["source"], row["outcome"]], row["count"])
        times[row["source"]] = float(row["at"])
    for source, at in times.items():
        last.add_metric([source], at)
    yield from (stations, imported, last)
