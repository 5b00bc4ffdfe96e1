from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from starterapp.extensions import db
from starterapp.models import Widget


@pytest.mark.parametrize(("names", "said"), [(["One"], "1 widget"), (["One", "Two"], "2 widgets")])
def test_archive_takes_what_has_long_been_as_it_is(app: Flask, names: list[str], said: str):
    long_ago = func.now() - timedelta(days=400)
    db.session.add_all([Widget(name=name, updated_at=long_ago) for name in names])
    db.session.add(Widget(name="New"))
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["widgets", "archive"])
    assert result.output == f"{said} archived.\n"
    query = select(Widget.name).filter_by(status="archived").order_by(Widget.id)
    assert db.session.scalars(query).all() == names
