"""Settings, read from the environment and from `.env`; `.env.example` explains each."""

# No DATABASE_URL means the embedded server (Flask-Doctor's docs/errors.md#connection-refused).
# The password is a part of DATABASE_URL (Flask-Doctor's docs/errors.md#no-password).

import os
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent
load_dotenv(ROOT / ".env")


class Config:
    """The settings of all configurations."""

    DATABASE_URL = os.environ.get("DATABASE_URL")
    DATABASE_READ_URL = os.environ.get("DATABASE_READ_URL")
    # How many seconds a request may use the database. After that, the response is 503.
    DATABASE_TIMEOUT = float(os.environ.get("DATABASE_TIMEOUT") or 4)
    # How many seconds a statement of an import, an export or a migration may take.
    DATABASE_COMMAND_TIMEOUT = float(os.environ.get("DATABASE_COMMAND_TIMEOUT") or 3600)
    # The folder of the embedded PostgreSQL's data, or None if DATABASE_URL must be set.
    EMBEDDED_POSTGRES: Path | None = ROOT / "instance" / "postgres"
    SECRET_KEY = os.environ.get("SECRET_KEY")
    SHORTEST_SECRET_KEY = 1  # characters
    TRUSTED_HOSTS = [
        host.strip() for host in os.environ.get("TRUSTED_HOSTS", "").split(",") if host.strip()
    ] or None
    TRUSTED_PROXIES = os.environ.get("TRUSTED_PROXIES") or "0"
    TRUSTED_PROXIES_HOST = os.environ.get("TRUSTED_PROXIES_HOST") == "1"
    LOG_LEVEL = os.environ.get("LOG_LEVEL") or "INFO"
    # The development server logs each request itself.
    LOG_REQUESTS = False
    METRICS = os.environ.get("METRICS") == "1"
    MAP_TILES_URL = (
        os.environ.get("MAP_TILES_URL") or "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
    )
    MAP_ATTRIBUTION = os.environ.get("MAP_ATTRIBUTION") or (
        '&copy; <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors'
    )
    # Whether `flask db prepare` fills an empty database with the sample stations.
    SAMPLE_STATIONS = False

    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    WTF_CSRF_TIME_LIMIT = None  # seconds; a form stays valid as long as its session
    MAX_CONTENT_LENGTH = 1_000_000  # bytes of a request's body

    API_TITLE = "stationsapp"
    API_VERSION = "1"


class DevelopmentConfig(Config):
    """The default, which needs no settings."""

    SECRET_KEY = Config.SECRET_KEY or "development only"
    SAMPLE_STATIONS = True


class TestingConfig(Config):
    """For tests, which set DATABASE_URL to a database of their own."""

    TESTING = True
    DATABASE_TIMEOUT = 60.0  # on a busy machine
    SECRET_KEY = "testing only"  # noqa: S105


class ProductionConfig(Config):
    """Without defaults for settings that you have to choose."""

    EMBEDDED_POSTGRES = None
    SHORTEST_SECRET_KEY = 16
    LOG_REQUESTS = True
    SESSION_COOKIE_SECURE = True
