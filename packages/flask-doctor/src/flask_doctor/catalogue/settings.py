"""Errors in what the application is told: the `.env` file, the database URL, the driver."""

from .entry import Entry

ENTRIES = (
    Entry(
        "env-file-unreadable",
        "The file .env can't be read",
        why="Line {line} of {file} is no `NAME=value`. {detail}",
        fix=("Correct that line: values with spaces or `#` go in quotes. Save the file as UTF-8.",),
        messages=("python-dotenv could not parse statement starting at line …",),
    ),
    Entry(
        "url-missing",
        "No database URL is set",
        why="The application doesn't know which database is its own.",
        fix=(
            "Write into .env: `DATABASE_URL=postgresql://role:password@localhost:5432/database`.",
            "Without Flask-SQLAlchemy's `SQLALCHEMY_DATABASE_URI` in the application's settings "
            "nothing comes of it: set it from that variable.",
        ),
        messages=(
            "Either 'SQLALCHEMY_DATABASE_URI' or 'SQLALCHEMY_BINDS' must be set",
            "set DATABASE_URL in the environment or in .env …",
        ),
        exceptions=("RuntimeError", "SettingsError"),
    ),
    Entry(
        "url-scheme",
        "The database URL does not begin as SQLAlchemy wants it",
        why="SQLAlchemy knows `postgresql://` and `postgresql+psycopg2://`; it knows neither "
        "`postgres://`, which hosting platforms still hand out, nor a driver of this name.",
        fix=("Let the database URL begin with `postgresql+psycopg2://`.",),
        messages=(
            "Can't load plugin: sqlalchemy.dialects:…",
            "Could not parse SQLAlchemy URL from …",
            "… is no URL of a PostgreSQL database: …",
        ),
        exceptions=("NoSuchModuleError", "ArgumentError", "SettingsError"),
    ),
    Entry(
        "url-unescaped",
        "The password in the database URL has special characters that are not encoded",
        why="In a URL `@`, `:`, `/`, `#`, `?` and `%` have meanings of their own: a password that "
        "has them cuts the URL in the wrong place.",
        fix=(
            "Put the password into the URL as this prints it (it asks for the password):",
            "$ python -c 'import getpass, urllib.parse; "
            'print(urllib.parse.quote(getpass.getpass(), safe=""))\'',
        ),
        messages=(
            "Received non-integer port arguments: …",
            "invalid literal for int() with base 10: …",
            "Could not parse SQLAlchemy URL from …",
            "invalid percent-encoded token: …",
            "could not translate host name …",
        ),
        exceptions=("ArgumentError", "ValueError"),
    ),
    Entry(
        "driver-missing",
        "The PostgreSQL driver is not installed",
        why="The module that the database URL asks for can't be imported: it is not installed in "
        "this environment, or its compilation failed for want of PostgreSQL's headers (pg_config). "
        "{detail}",
        fix=(
            "$ {python} -m pip install psycopg2-binary",
            "It needs no compiler. Let the database URL begin with `postgresql+psycopg2://`.",
        ),
        messages=(
            "No module named …",
            "Error: pg_config executable not found.",
        ),
    ),
)
