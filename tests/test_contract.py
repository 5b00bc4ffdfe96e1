"""The contract, by outsiders: a validator and a fuzzer."""

import json
import os
import subprocess
import sys

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from postgres import ROOT

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
CHOICE = "--generation-database=none" if EXAMPLES else "--generation-deterministic"


def test_the_description_is_valid_openapi(client: FlaskClient):
    validate(client.get("/openapi.json").get_json())


def test_the_description_can_be_written_to_a_file(app: Flask, client: FlaskClient, tmp_path):
    result = app.test_cli_runner().invoke(args=["openapi", "write", str(tmp_path / "api.json")])
    assert result.exit_code == 0
    written = json.loads((tmp_path / "api.json").read_text())
    assert written == client.get("/openapi.json").get_json()


@pytest.mark.hypothesis
@pytest.mark.usefixtures("sample_stations")
@pytest.mark.parametrize(("contract", "examples"), [("/openapi.json", "8"), ("/ogc/api", "2")])
def test_the_application_keeps_the_contract(
    app: Flask, live_url: str, contract: str, examples: str
):
    token = app.test_cli_runner().invoke(args=["tokens", "create", "fuzz"]).stdout.strip()
    result = subprocess.run(
        [
            *[sys.executable, "-m", "schemathesis.cli", "run", live_url + contract],
            *["--header", f"Authorization: Bearer {token}"],
            *["--checks", "all", "--mode", "all", "--suppress-health-check", "all"],
            *["--request-timeout", "300", "--max-examples", EXAMPLES or examples, CHOICE],
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
