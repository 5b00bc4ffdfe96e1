"""Stations of any kind, for round trips."""

import re
from typing import Any, NamedTuple

from hypothesis import strategies as st

from stationsapp.stations.feeds import TYPES, Record, shown
from stationsapp.stations.feeds.cells import cell

# Any text that PostgreSQL can keep.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
filled = texts.filter(lambda text: text and not text.isspace())
latitudes = st.floats(-90, 90).map(lambda x: x if abs(x) > 1e-12 else 0.0)
longitudes = st.floats(-180, 180).map(lambda x: x if abs(x) > 1e-12 else 0.0)
keys = texts | st.sampled_from(["code", "Name", "lat", "properties.lat", "id", "y", "properties.a"])
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def records_with(values: st.SearchStrategy[Any], names: tuple[str, ...] = ()) -> Any:
    """Lists of records whose properties have these values, and now and then these names."""
    record = st.builds(
        Record,
        st.just(0),
        filled,
        filled,
        latitudes,
        longitudes,
        st.dictionaries(keys | st.sampled_from(["name", *names]), values, max_size=3),
    )
    return st.lists(record, min_size=1, max_size=5, unique_by=lambda record: record.code)


class Contents(NamedTuple):
    """What the table answers of these records, from the records themselves."""

    records: list[Record]

    def keys(self) -> list[str]:
        keys = sorted({key for record in self.records for key in record.properties})
        return [*keys, TYPES] if any(cell(r.properties, TYPES) for r in self.records) else keys

    def some(self, key: str, pattern: str) -> bool:
        values = (record.properties.get(key) for record in self.records)
        pattern = pattern.replace("$", r"\Z")  # PostgreSQL's $ is the very end
        return any(v is not None and re.search(pattern, shown(v)) for v in values)
