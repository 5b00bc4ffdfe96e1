"""A small exam with a fixed seed; `make doctor-exam` holds a large one, with another each time."""

import pytest
from exam.__main__ import exam
from exam.breaks import BREAKS, load
from exam.score import Result, plan
from flask_doctor.catalogue import ENTRIES

SEED = "a"


@pytest.fixture(scope="module")
def results() -> list[Result]:
    load()
    names = plan(SEED, 7)
    # On the embedded server alone, as a second one costs as much as five breaks.
    return list(exam(SEED, dict(enumerate(names)), workers=1, distribution=False))


def test_the_doctor_is_right_or_says_that_it_does_not_know(results: list[Result]):
    wrong = [(r.name, a.mouth, a.id) for r in results for a in r.answers if a.verdict == "wrong"]
    assert wrong == []
    assert sum(answer.verdict == "right" for r in results for answer in r.answers) >= 8
    assert [result.trouble for result in results if result.trouble] == []


def test_no_healthy_application_is_called_ill(results: list[Result]):
    assert [result.name for result in results if result.alarm] == []


def test_a_fix_destroys_nothing_and_no_password_shows(results: list[Result]):
    assert [result.destroyed for result in results if result.destroyed] == []
    assert not any(result.leaked for result in results)


def test_there_are_many_kinds_of_breaks_and_the_catalogue_knows_them():
    load()
    assert sum(bool(b.right & ENTRIES.keys()) for b in BREAKS.values()) >= 100
