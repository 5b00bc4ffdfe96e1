"""Write the README's pictures, from an application of their own with the sample stations.

    python tools/screenshots.py

writes the map, the page of a station, the dry run of an import and the doctor's page to `docs/`. It
needs Chromium. `make screenshots` does it.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree, which
from tempfile import gettempdir

from flask import Flask
from playwright.sync_api import FilePayload, Page, sync_playwright
from sqlalchemy import update
from werkzeug.serving import make_server

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from config import DevelopmentConfig  # noqa: E402
from stationsapp import create_app  # noqa: E402
from stationsapp.extensions import db  # noqa: E402
from stationsapp.models import Import, Station  # noqa: E402
from stationsapp.stations import sample  # noqa: E402

DOCS = ROOT / "docs"
WIDTH, HEIGHT = 960, 600  # of the pictures, which have twice as many pixels
CHANGED = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)  # when all stations changed


def main() -> None:
    """Take all pictures: first the doctor's page, while the database is behind."""
    sys.argv = ["flask", "run"]  # so the doctor's page shows the usual command
    folder = Path(gettempdir(), "stationsapp-pictures")  # the doctor's page shows it
    rmtree(folder, ignore_errors=True)
    with served(folder) as (app, url), browser() as page:
        page.route("https://**", lambda route: route.abort())  # no tiles
        run = app.test_cli_runner().invoke
        take(page, url, "doctor")
        run(args=["db", "prepare"])
        date_stations(app)
        take(page, f"{url}/?near=44.2,8.7#6/43.6/10.5", "map")
        take(page, f"{url}/stations/69", "station")
        page.goto(f"{url}/sign-in?next=/stations/import")
        token = run(args=["tokens", "create", "ada"]).stdout.strip()
        page.get_by_label("API token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        file: FilePayload = {"name": "sample.csv", "mimeType": "text/csv", "buffer": feed()}
        page.get_by_label("File", exact=True).set_input_files(file)
        page.get_by_role("button", name="Check the file").click()
        page.get_by_text("This is a dry run").wait_for()
        take(page, f"{page.url}#changes-title", "import")


def date_stations(app: Flask) -> None:
    """Give the stations and their import a date that is the same in every picture."""
    with app.app_context():
        for model in (Station, Import):
            db.session.execute(update(model).values(updated_at=CHANGED))
        db.session.commit()


def feed() -> bytes:
    """Return the sample with stations that are new, moved, missing and wrong."""
    first, *rows = sample.SAMPLE.read_text().splitlines()
    rows = [row.replace(",45.", ",46.") if row.endswith("IT") else row for row in rows[20:]]
    new = [f"new-{n},New station {n},{48 - n},{16 + 2 * n},," for n in range(6)]
    wrong = "versailles,Versailles-Chantiers,488.7956,2.1356,Versailles,FR"
    return "\n".join([first, *rows, *new, wrong]).encode()


def take(page: Page, url: str, name: str) -> None:
    """Go to a page and take its picture, when all that it loads is there."""
    page.goto(url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # for what fades in
    page.screenshot(path=DOCS / f"{name}.png")


@contextmanager
def served(folder: Path) -> Iterator[tuple[Flask, str]]:
    """Serve an application in development; its database lacks the last migration."""
    settings = {"DEBUG": True, "DATABASE_URL": None, "EMBEDDED_POSTGRES": folder / "postgres"}
    config = type("Config", (DevelopmentConfig,), settings)
    # By an application of its own: the served one is to find out that a migration is missing.
    create_app(config).test_cli_runner().invoke(args=["db", "upgrade", "head-1"])
    app = create_app(config)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.port}"
    server.shutdown()


@contextmanager
def browser() -> Iterator[Page]:
    """Open a page in Chromium, as the README's readers see it."""
    chromium = which("chromium") or which("google-chrome")
    root = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=root)
        yield opened.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=2,
            color_scheme="light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        opened.close()


if __name__ == "__main__":
    main()
