"""The contract, by outsiders: a validator, a fuzzer, and a browser without a network."""

import os
import subprocess
import sys

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "15")


def test_the_description_is_valid_openapi(client: FlaskClient):
    validate(client.get("/openapi.json").get_json())


def test_the_description_can_be_written_to_a_file(app: Flask, tmp_path):
    result = app.test_cli_runner().invoke(args=["openapi", "write", str(tmp_path / "api.json")])
    assert result.exit_code == 0
    assert (tmp_path / "api.json").stat().st_size > 10_000


@pytest.mark.usefixtures("sample_stations")
def test_the_application_keeps_the_contract(app: Flask, live_url: str):
    token = app.test_cli_runner().invoke(args=["tokens", "create", "fuzz"]).stdout.strip()
    result = subprocess.run(
        [
            *[sys.executable, "-m", "schemathesis.cli", "run", f"{live_url}/openapi.json"],
            *["--header", f"Authorization: Bearer {token}"],
            *["--checks", "all", "--mode", "all", "--max-examples", EXAMPLES],
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
