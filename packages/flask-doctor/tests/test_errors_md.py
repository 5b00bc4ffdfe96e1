import re
from pathlib import Path

from flask_doctor.actions import ACTIONS
from flask_doctor.catalogue import ENTRIES, THEMES
from flask_doctor.diagnosis import UNKNOWN, Diagnosis
from flask_doctor.document import document


def test_the_page_is_what_the_catalogue_says():
    assert (Path(__file__).parents[1] / "docs/errors.md").read_text() == document(), (
        "stale: run `make docs`"
    )


def test_no_two_entries_share_an_id():
    assert len(ENTRIES) == sum(map(len, THEMES.values()))


def test_an_entry_is_written_in_full():
    actions = {None, *(action.name for action in ACTIONS)}
    for entry in ENTRIES.values():
        diagnosis = Diagnosis(entry, UNKNOWN)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", entry.id)
        assert diagnosis.title, entry.id
        assert diagnosis.fix, entry.id
        assert not re.search(r"\{[a-z_]*\}", diagnosis.text()), entry.id
        assert entry.action in actions, entry.id


def test_a_grant_names_the_role_where_only_the_message_is_known():
    facts = {"table": "birds", "role": "o'neil"}
    text = "\n".join(Diagnosis(ENTRIES["table-privilege"], facts).fix)
    assert 'UPDATE, DELETE ON "birds" TO "o\'"\'"\'neil"' in text


def test_names_are_quoted_for_the_shell_and_for_sql():
    facts = {"role": 'o\'neil "x"; rm', "database": "my db", "host": "$(id)", "schema": "public"}
    text = "\n".join(Diagnosis(ENTRIES["schema-privilege"], facts).fix)
    grant = 'GRANT USAGE, CREATE ON SCHEMA "public" TO "o\'"\'"\'neil ""x""; rm"'
    assert f"-d 'my db' -c '{grant}" in text
    assert "'$(id)'" in "\n".join(Diagnosis(ENTRIES["socket-not-allowed"], facts).fix)
