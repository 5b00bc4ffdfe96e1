"""Files that aren't UTF-8: their encoding is guessed, and they are read as UTF-8."""

import codecs
import io
from typing import Any, BinaryIO

from . import FeedError

CHUNK = 1 << 16
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_encoding(name: str) -> bool:
    """Tell whether Python knows an encoding of this name."""
    try:
        codecs.getincrementaldecoder(name)
        return bool("a".encode(name))
    except (LookupError, ValueError):
        return False


def guess(line: bytes) -> str | None:
    """Guess the encoding of a line of text that isn't UTF-8. Return None if it may be UTF-8."""
    if line.startswith(UTF_16):
        return "utf-16"
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if line[start::2].count(0) > len(line) / 4:
            return name
    for name in ("utf-8", "cp1252"):
        try:
            line.decode(name)
        except UnicodeDecodeError:
            continue
        return name if name != "utf-8" else None
    return "latin-1"


def recoded(stream: BinaryIO, encoding: str) -> "io.BufferedReader[Any]":
    """Read a stream as UTF-8. Reading raises FeedError if it isn't in this encoding."""
    return io.BufferedReader(_Recoded(stream, encoding), CHUNK)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.stream = stream
        self.encoding = encoding
        self.decode = codecs.getincrementaldecoder(encoding)().decode
        self.content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = b"more"
        while chunk and not self.content:
            chunk = self.stream.read(CHUNK)
            try:
                self.content = self.decode(chunk, not chunk).encode()
            except UnicodeError as error:
                raise FeedError(f"not {self.encoding}: {error}") from error
        count = min(len(buffer), len(self.content))
        buffer[:count], self.content = self.content[:count], self.content[count:]
        return count
