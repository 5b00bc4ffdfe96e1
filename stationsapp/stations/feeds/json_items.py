"""The elements of an array inside a JSON document (RFC 8259), one by one, in little memory.

The standard library decodes the elements; this module only parses the text around them. It knows
the line of an error, is as fast as decoding the whole document, and handles deep nesting:
streaming parsers keep the path of each level, which takes quadratic time.
"""

import codecs
import json
import re
from collections.abc import Generator, Iterator
from math import isfinite
from typing import Any, BinaryIO, NoReturn

from . import FeedError

CHUNK = 1 << 20  # bytes to a read
LARGEST = 1 << 24  # characters of one element
NOT_UTF_8 = "not UTF-8, as JSON must be; --encoding names another encoding"
SPACE = re.compile(r"[ \t\r\n]*")


def _finite(text: str) -> float:
    """Read a number, but not NaN or one that is too large for a double (RFC 8259, section 6)."""
    if not isfinite(number := float(text)):
        raise ValueError(f"{text[:40]} is not a number, or too large")
    return number


DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def is_json(text: str) -> bool:
    """Tell whether a text that starts like this is a JSON document of some size."""
    return text.startswith(("{", "["))


def items(stream: BinaryIO, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield the elements of the array at this path of names.

    Raises FeedError, with the line, if the text isn't JSON or has no such array.
    """
    text = _Text(stream)
    found = yield from _descend(text, path)
    if text.peek():
        text.fail("the document ends, and something follows")
    if not found:
        raise FeedError(f"no array {'.'.join(path)} in this JSON")


def _descend(text: "_Text", path: tuple[str, ...]) -> Generator[Any, None, bool]:
    """Parse one value, following `path` into it. Return whether the array was found."""
    if not path and text.peek() == "[":
        for _ in text.members("[", "]"):
            yield text.value()
        return True
    if not path or text.peek() != "{":
        text.value()
        return False
    found = False
    for _ in text.members("{", "}"):
        name = text.value()
        text.take(":")
        if name == path[0]:
            found = (yield from _descend(text, path[1:])) or found
        else:
            text.value()
    return found


class _Text:
    """A window on the document: the text that was read, but not yet parsed."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self.window = ""
        self.at = 0
        self.line = 1  # of the window's first character

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        line = self.line + self.window.count("\n", 0, self.at if at is None else at)
        raise FeedError(f"line {line}: {reason}")

    def more(self) -> bool:
        """Drop the parsed text and read more. Return whether there was more."""
        chunk = self.stream.read(CHUNK)
        self.line += self.window.count("\n", 0, self.at)
        self.window, self.at = self.window[self.at :], 0
        try:
            self.window += self.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            line = self.line + self.window.count("\n") + error.object.count(b"\n", 0, error.start)
            raise FeedError(f"line {line}: {NOT_UTF_8}") from error
        return bool(chunk)

    def peek(self) -> str:
        """Return the next character that isn't whitespace, or "" at the end."""
        while True:
            self.at = SPACE.match(self.window, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.window) or not self.more():
                return self.window[self.at : self.at + 1]

    def take(self, wanted: str) -> str:
        """Return the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in wanted:
            what = repr(found) if found else "the end of the file"
            self.fail(f"expected {' or '.join(wanted)}, found {what}")
        self.at += 1
        return found

    def members(self, start: str, end: str) -> Iterator[None]:
        """Stop at each member of an array or object, so that the caller can parse it."""
        self.take(start)
        if self.peek() == end:
            self.at += 1
            return
        while True:
            yield
            if self.take("," + end) == end:
                return

    def value(self) -> Any:
        """Decode the next value."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.window, self.at)
            except RecursionError:
                self.fail("nested too deeply")
            except ValueError as error:
                # The value may end beyond the window.
                if len(self.window) - self.at > LARGEST or not self.more():
                    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    self.fail(f"not JSON: {reason}", getattr(error, "pos", None))
            else:
                # A number goes on in what is still to be read.
                if end < len(self.window) or not self.more():
                    self.at = end
                    return value
