"""The doctor in this application, on the tests' own database and without one."""

import logging

import flask_migrate
import pytest
from clusters import dead_port
from flask import Flask
from flask_doctor.examine import examine
from postgres import config_for

from stationsapp import create_app


def test_a_healthy_application_gets_only_ticks(app: Flask):
    steps = list(examine(lambda: app))
    assert [step for step in steps if not step.ok] == []
    assert len(steps) == 10


@pytest.mark.parametrize("path", ["/health/ready", "/api/stations", "/"])
def test_a_dead_server_is_a_503_without_details(path: str):
    port = dead_port()
    url = f"postgresql://role:pass@127.0.0.1:{port}/stations"
    answer = create_app(config_for(url)).test_client().get(path)
    assert answer.status_code == 503 or path == "/"  # the map's page itself asks no database
    assert "role" not in answer.text.replace('role="', "")
    assert str(port) not in answer.text


def test_readiness_names_the_diagnosis():
    url = f"postgresql://role:pass@127.0.0.1:{dead_port()}/stations"
    answer = create_app(config_for(url)).test_client().get("/health/ready")
    assert answer.get_json() == {"status": "unavailable", "reason": "connection-refused"}


def test_the_migrations_silence_no_logger_of_the_application(app: Flask):
    logger = logging.getLogger("somebody.elses")
    flask_migrate.current()
    assert not logger.disabled
    assert not app.logger.disabled
