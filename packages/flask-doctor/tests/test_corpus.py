"""Real errors, each with the entry that explains it, or none: what mends one may break another."""

from collections.abc import Iterator

import pytest
from corpus import rebuilt, recorded
from flask_doctor import machine, mapped
from flask_doctor.catalogue import ENTRIES, THEMES
from flask_doctor.recognise import diagnose

RECORDS = dict(recorded())


@pytest.fixture(autouse=True, scope="module")
def nothing_around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs on this machine, and lies in this folder, says nothing of these errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nothing"))
        patch.setattr(machine, "servers", dict)
        patch.setattr(machine, "takes_connections", lambda *_: False)
        patch.setattr(mapped, "mappers", list)  # nor do other tests' models
        yield


def test_a_recorded_error_gets_its_entry_or_none():
    found = {name: diagnose(rebuilt(record), probe=True) for name, record in RECORDS.items()}
    entries = {name: one.entry.id if one else "unknown" for name, one in found.items()}
    expected = {name: record["entry"] for name, record in RECORDS.items()}
    assert entries == expected


# A look at the name tells more than the server's own words; by those alone it is still true.
LESS = {("database-name-with-space", "database-missing")}


def test_in_production_an_error_gets_the_same_entry_or_none():
    """There nothing is asked, and what an error says of values is kept: less may be known."""
    known = ((record["entry"], diagnose(rebuilt(record))) for record in RECORDS.values())
    found = {(entry, diagnosis.entry.id) for entry, diagnosis in known if diagnosis}
    assert {pair for pair in found - LESS if pair[0] != pair[1]} == set()


def test_an_id_is_given_once():
    ids = [entry.id for entries in THEMES.values() for entry in entries]
    assert sorted(ids) == sorted(ENTRIES)


def test_the_corpus_names_entries_that_there_are():
    assert {record["entry"] for record in RECORDS.values()} <= {*ENTRIES, "unknown"}


def test_the_corpus_is_large_enough():
    unknown = sum(record["entry"] == "unknown" for record in RECORDS.values())
    assert len(RECORDS) - unknown >= 150
    assert unknown >= 40
