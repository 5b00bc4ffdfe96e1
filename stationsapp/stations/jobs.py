"""The dry run and the import of an upload, each in a thread that outlives its request.

A thread holds a lock while it works. The lock ends with the thread's transaction, which also stores
the outcome. So if there is neither a lock nor an outcome, the worker was killed, and nothing was
changed. A worker that is asked to stop waits for its threads.
"""

from collections.abc import Callable
from dataclasses import asdict
from io import TextIOWrapper
from tempfile import NamedTemporaryFile, TemporaryFile
from threading import Event, Semaphore, Thread
from typing import Any

from flask import Flask, current_app
from psycopg2.errors import LockNotAvailable
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from .. import limits
from ..extensions import db
from ..models import Upload, UploadPart
from . import locks, naming, uploads
from .feeds import FeedError, Format, Rejected
from .importer import import_records
from .report import Report, printable
from .sources import Source, open_feed

AT_ONCE = Semaphore(2)  # threads of a process: each needs a core, and three connections
SEVERAL = "several"  # stands for the sources that the feed names itself
SAMPLE = 300  # changes of a kind that the map shows


def start(upload_id: int, task: str, options: dict[str, Any]) -> bool:
    """Start to `check` an upload in a dry run, or to `load` it.

    Return False if this process is too busy. Do nothing if the upload is already being checked or
    loaded.
    """
    if not AT_ONCE.acquire(blocking=False):
        return False
    begun = Event()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    Thread(target=_work, args=(app, upload_id, task, options, begun)).start()
    begun.wait()
    return True


def is_running(upload_id: int) -> bool:
    """Tell whether any process is checking or loading this upload."""
    with db.engine.connect() as connection:
        return locks.is_held(connection, upload_id)


def _work(app: Flask, upload_id: int, task: str, options: dict[str, Any], begun: Event) -> None:
    try:
        with app.app_context(), db.engine.connect() as keeper:
            limits.limit_command(keeper)
            # It is idle for as long as the import takes.
            keeper.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            if locks.hold_upload(keeper, upload_id):
                own = update(Upload).filter_by(id=upload_id)
                clean = {"rows": 0, "percent": 0, "report": None}
                uploads.change(own.values(task=task, options=options, **clean))
                uploads.change(delete(UploadPart).filter_by(upload_id=upload_id, kind="rejects"))
                begun.set()
                keeper.execute(own.values(report=_outcome(upload_id)))
                keeper.commit()
    except SQLAlchemyError:
        app.logger.exception("upload %s: can't %s it", upload_id, task)
    finally:
        begun.set()
        AT_ONCE.release()


def _outcome(upload_id: int) -> dict[str, Any]:
    """Run the task, and return its report or error."""
    found: dict[str, Any] = {}
    try:
        return asdict(_import(upload_id, found)) | found
    except FeedError as error:
        return found | {"error": printable(str(error))}
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            reason = "another import of the source took too long: try again later"
            return found | {"error": reason}
        current_app.logger.exception("upload %s", upload_id)
    except Exception:
        current_app.logger.exception("upload %s", upload_id)
    return found | {"error": "something went wrong on the server; its log says what"}


def _import(upload_id: int, found: dict[str, Any]) -> Report:
    with db.engine.connect() as connection:
        upload = connection.execute(select(Upload).filter_by(id=upload_id)).one()
    options = upload.options
    with (
        NamedTemporaryFile() as file,
        TemporaryFile() as rejects,
        TextIOWrapper(rejects, "utf-8", "backslashreplace", newline="") as text,
    ):
        uploads.fetch_feed(upload_id, upload.digest, file)
        encoding = options.get("encoding")
        with open_feed(file.name, options["format"], encoding=encoding) as (feed, form):
            found |= {"format": form.name, "unit": form.unit}
            divided = feed.is_divided()
            if not options["source"]:
                options = options | {"source": SEVERAL if divided else _proposed(form, feed)}
                uploads.change(update(Upload).filter_by(id=upload_id).values(options=options))
            given = {name: options[name] for name in form.options if options.get(name)}
            report = import_records(
                options["source"],
                form.read(feed.stream, **given),
                divided=divided,
                prune=options["prune"],
                force=options["force"],
                dry_run=upload.task == "check",
                changed_by=upload.token_id,
                rejects=text,
                progress=_progress(upload_id, feed),
                sample=SAMPLE if upload.task == "check" else 0,
            )
        text.flush()
        rejects.seek(0)
        if report.rejected:
            with db.engine.begin() as connection:
                uploads.write(connection, upload_id, "rejects", rejects)
    report.examples = [
        Rejected(example.line, *map(printable, example[1:])) for example in report.examples
    ]
    found |= {"suspects": report.suspects(), "counts": report.counts()}
    return report


def _proposed(form: Format, feed: Source) -> str:
    """Return the name of the feed. Raises FeedError if the feed doesn't contain it."""
    if name := naming.proposed(form, feed):
        return name
    raise FeedError("many files have this name: enter another one for the source, and check again")


def _progress(upload_id: int, feed: Source) -> Callable[[int], None]:
    """Return a function that stores the progress in the database, where all workers see it."""

    def step(rows: int) -> None:
        percent = 100 * feed.position() // feed.size if feed.size else 0
        uploads.change(update(Upload).filter_by(id=upload_id).values(rows=rows, percent=percent))

    return step
