import logging
import os

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import ImportStringError, import_string


class SettingsError(Exception):
    """A setting that is missing or can't be used; the message says which and what to do."""


def load(app: Flask, config: str | type | None) -> None:
    """Load a class of `config.py` and apply the settings of the whole application.

    `config` is `development`, `testing`, `production` or a class. If it is None, APP_CONFIG is
    used. Raises SettingsError.
    """
    config = config or os.environ.get("APP_CONFIG") or "development"
    if isinstance(config, str):
        try:
            config = import_string(f"config.{config.capitalize()}Config")
        except ImportStringError as error:
            raise SettingsError(
                f"APP_CONFIG={config} is unknown: use development, testing or production"
            ) from error
    app.config.from_object(config)

    required = {
        "SECRET_KEY": 'create one: python -c "import secrets; print(secrets.token_hex(32))"',
        "DATABASE_URL": "such as postgresql://user:password@host:5432/database",
    }
    if app.config["EMBEDDED_POSTGRES"]:
        del required["DATABASE_URL"]
    for name, example in required.items():
        if not app.config[name]:
            raise SettingsError(f"set {name} in the environment or in .env ({example})")
    if len(app.config["SECRET_KEY"]) < app.config["SHORTEST_SECRET_KEY"]:
        raise SettingsError(
            f"SECRET_KEY is too short: it needs at least {app.config['SHORTEST_SECRET_KEY']} "
            "characters"
        )
    if app.config["LOG_LEVEL"].upper() not in logging.getLevelNamesMapping():
        raise SettingsError("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR")
    app.logger.setLevel(app.config["LOG_LEVEL"].upper())
    if not app.config["TRUSTED_PROXIES"].isdecimal():
        raise SettingsError(
            "TRUSTED_PROXIES must be the number of proxies in front of the application"
        )
    if app.config["SESSION_COOKIE_SECURE"] and not app.config["TRUSTED_HOSTS"]:
        app.logger.warning("TRUSTED_HOSTS is not set: requests with any host name are accepted")
    if proxies := int(app.config["TRUSTED_PROXIES"]):
        host = proxies if app.config["TRUSTED_PROXIES_HOST"] else 0
        # X-Forwarded-Prefix is never trusted, because the links of a page would begin with it.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=host, x_prefix=0
        )
