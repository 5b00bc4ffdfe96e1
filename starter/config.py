"""Settings, read from the environment and from `.env`; `.env.example` explains each."""

# No DATABASE_URL means the embedded server (Flask-Doctor's docs/errors.md#connection-refused).
# The password is a part of DATABASE_URL (Flask-Doctor's docs/errors.md#no-password).

import os
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent
load_dotenv(ROOT / ".env")


class Config:
    """What every configuration shares."""

    DATABASE_URL = os.environ.get("DATABASE_URL")
    # Where the embedded PostgreSQL keeps its data; None where DATABASE_URL must be set.
    EMBEDDED_POSTGRES: Path | None = ROOT / "instance" / "postgres"
    SQLALCHEMY_ENGINE_OPTIONS = {  # noqa: RUF012
        "pool_size": 8,  # connections that stay open: one for each of gunicorn's threads
        "pool_pre_ping": True,  # notice a lost connection before it is used
        "pool_recycle": 300,  # seconds, to find a server that has moved
    }
    SECRET_KEY = os.environ.get("SECRET_KEY")
    SHORTEST_SECRET_KEY = 1  # characters
    TRUSTED_HOSTS = [
        host.strip() for host in os.environ.get("TRUSTED_HOSTS", "").split(",") if host.strip()
    ] or None
    TRUSTED_PROXIES = os.environ.get("TRUSTED_PROXIES") or "0"
    TRUSTED_PROXIES_HOST = os.environ.get("TRUSTED_PROXIES_HOST") == "1"
    LOG_LEVEL = os.environ.get("LOG_LEVEL") or "INFO"

    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    SESSION_COOKIE_SECURE = False
    WTF_CSRF_TIME_LIMIT = None  # seconds; a form stays valid as long as its session
    MAX_CONTENT_LENGTH = 1_000_000  # bytes of a request's body

    API_TITLE = "Starterapp"
    API_VERSION = "1"


class DevelopmentConfig(Config):
    """One machine, one developer, nothing to set."""

    SECRET_KEY = Config.SECRET_KEY or "development only"


class TestingConfig(Config):
    """What the tests start from. Of this machine's settings, only DATABASE_URL is used."""

    TESTING = True
    SECRET_KEY = "testing only"  # noqa: S105
    TRUSTED_HOSTS = None
    TRUSTED_PROXIES = "0"
    LOG_LEVEL = "INFO"


class ProductionConfig(Config):
    """Nothing by default that should have been chosen."""

    EMBEDDED_POSTGRES = None
    SHORTEST_SECRET_KEY = 16
    SESSION_COOKIE_SECURE = True
