"""Explains what ends a script or a thread, also before the application has made a `Doctor`."""

import sys
import threading
from contextlib import suppress
from typing import Any


def watch() -> None:
    """Explain each error that ends this process or one of its threads, before it is printed."""
    of_process, of_threads = sys.excepthook, threading.excepthook

    def on_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        _explain(error)
        of_process(kind, error, trace)

    def on_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        _explain(arguments.exc_value)
        of_threads(arguments)

    sys.excepthook, threading.excepthook = on_uncaught, on_uncaught_in_thread


def _explain(error: BaseException | None) -> None:
    if isinstance(error, Exception):
        with suppress(Exception):  # SQLAlchemy may be what can't be imported
            from .notes import annotate_uncaught

            annotate_uncaught(error)
