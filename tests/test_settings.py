import os
import subprocess
import sys

import pytest
from flask import request
from postgres import ROOT

from config import DevelopmentConfig, ProductionConfig, TestingConfig
from stationsapp import create_app
from stationsapp.settings import SettingsError


def config(base: type = TestingConfig, **settings) -> type:
    return type("Config", (base,), settings)


@pytest.mark.parametrize("name", ["development", "testing"])
def test_a_name_selects_a_class_of_config(name: str):
    assert create_app(name).testing == (name == "testing")


def test_app_config_selects_the_class(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("APP_CONFIG", "testing")
    assert create_app().testing


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("staging", "APP_CONFIG=staging is unknown: use development, testing or production"),
        (config(ProductionConfig, DATABASE_URL=None, SECRET_KEY="x"), "set DATABASE_URL"),
        (config(ProductionConfig, DATABASE_URL="postgresql:///x", SECRET_KEY=None), "SECRET_KEY"),
        (
            config(ProductionConfig, DATABASE_URL="postgresql:///x", SECRET_KEY="x" * 15),
            "SECRET_KEY is too short: it needs at least 16 characters",
        ),
        (config(LOG_LEVEL="LOUD"), "LOG_LEVEL must be"),
        (config(TRUSTED_PROXIES="many"), "TRUSTED_PROXIES must be the number"),
        (config(DATABASE_URL="mysql://u:hunter2@h/d"), "DATABASE_URL isn't the URL"),
        (config(DATABASE_URL="postgresql://u:hunter2@h"), "DATABASE_URL isn't the URL"),
        (config(DATABASE_READ_URL="postgresql://u:hunter2@h:port/d"), "DATABASE_READ_URL isn't"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(bad: str | type, message: str):
    with pytest.raises(SettingsError, match=message) as caught:
        create_app(bad)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("proxies", "address"), [("0", "127.0.0.1"), ("1", "192.0.2.7")])
def test_as_many_proxies_are_believed_as_are_trusted(proxies: str, address: str):
    app = create_app(config(DevelopmentConfig, TRUSTED_PROXIES=proxies))
    app.add_url_rule("/address", view_func=lambda: request.remote_addr)
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    assert app.test_client().get("/address", headers=headers).text == address


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"TRUSTED_PROXIES": "0"}, "http://localhost/"),
        ({"TRUSTED_PROXIES": "1"}, "https://localhost/"),
        ({"TRUSTED_PROXIES": "1", "TRUSTED_PROXIES_HOST": True}, "https://stations.example/"),
    ],
)
def test_what_a_proxy_may_say_of_the_address(settings: dict, url: str):
    app = create_app(config(DevelopmentConfig, **settings))
    app.add_url_rule("/root", view_func=lambda: request.root_url)
    said = {"Proto": "https", "Host": "stations.example", "Prefix": "//evil.example"}
    headers = {f"X-Forwarded-{name}": value for name, value in said.items()}
    assert app.test_client().get("/root", headers=headers).text == url


@pytest.mark.parametrize(
    ("hosts", "warnings"), [(None, 1), (["stations.example"], 0)], ids=["unset", "set"]
)
def test_production_that_believes_any_host_warns(
    caplog: pytest.LogCaptureFixture, hosts: list[str] | None, warnings: int
):
    settings = {"DATABASE_URL": "postgresql:///x", "SECRET_KEY": "x" * 16, "TRUSTED_HOSTS": hosts}
    create_app(config(ProductionConfig, **settings))
    assert [record.message.startswith("TRUSTED_HOSTS") for record in caplog.records] == [
        True
    ] * warnings


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["flask", "routes"], "DATABASE_URL"),
        (["gunicorn", "--bind=127.0.0.1:0", "wsgi:app"], "SECRET_KEY"),
    ],
)
def test_production_without_a_setting_ends_with_one_line(command: list[str], missing: str):
    settings = {"DATABASE_URL": "postgresql:///stationsapp", "SECRET_KEY": "s" * 16} | {missing: ""}
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "APP_CONFIG": "production", **settings},
        capture_output=True,
        text=True,
    )
    lines = [line for line in result.stderr.splitlines() if "[INFO]" not in line]
    assert (result.returncode, len(lines)) == (1, 1)
    assert lines[0].startswith(f"stationsapp: set {missing} ")
