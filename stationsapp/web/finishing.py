"""What has to be done when an answer was sent."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Finishing:
    """A WSGI answer that calls a function when it is closed.

    Unlike werkzeug's ClosingIterator, it calls it even if closing the answer fails: the answer's
    connection to the database may be lost.
    """

    def __init__(self, answer: Iterable[bytes], finish: Callable[[], Any]) -> None:
        self.answer = answer
        self.finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.answer)

    def close(self) -> None:
        """Close the answer, and call the function."""
        try:
            if hasattr(self.answer, "close"):
                self.answer.close()
        finally:
            self.finish()
