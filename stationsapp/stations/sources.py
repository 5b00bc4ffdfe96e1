"""The source of a feed: a file, standard input or a URL, compressed or not, and its format."""

import gzip
import io
import lzma
import os
import re
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import PurePath
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urljoin

from .feeds import SOURCE, FeedError, Format, gbfs, geojson
from .feeds.encodings import recoded
from .feeds.formats import FORMATS, by_start

CHUNK = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 10, 30
DOWNLOAD_SECONDS = 1_800  # for the whole download, however slow it is
LARGEST = 4 << 30  # bytes to download or to store
# Feeds are compressed to a tenth, very regular ones to a fiftieth, a bomb to a thousandth.
UNPACKED_FREELY = 16 << 20  # bytes
UNPACKED_TIMES = 200
STOPS = re.compile(r"(([^/.][^/]*)?/)?stops\.txt")
# A RuntimeError says that it is encrypted.
DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class Source(NamedTuple):
    """An open feed: its uncompressed bytes, and how many of `size` (or None) were read.

    `beside` reads another file of its ZIP, and raises KeyError if there is none.
    """

    stream: "io.BufferedReader[Any]"
    position: Callable[[], int]
    size: int | None
    beside: Callable[[str], bytes] = dict[str, bytes]().__getitem__

    def is_divided(self) -> bool:
        """Tell whether stations name their sources: in an export of several, and from the API."""
        start = self.stream.peek()
        return SOURCE.encode() in start or geojson.is_from_api(start)


def is_address(location: str) -> bool:
    """Tell whether this is an http(s) URL, and not the name of a file."""
    return location.lower().startswith(("http://", "https://"))


@contextmanager
def open_feed(
    location: str,
    name: str | None = None,
    language: str | None = None,
    encoding: str | None = None,
) -> Iterator[tuple[Source, Format]]:
    """Open a feed and detect its format. From the URL of a gbfs.json, go on to the stations."""
    with opened(location, encoding) as feed:
        start = feed.stream.peek()
        form = FORMATS[name] if name else by_start(start)
        if form is not gbfs.GBFS or not gbfs.is_index(start):
            yield feed, form
            return
        address = gbfs.discover(feed.stream, language)
    if not address or not is_address(location):
        raise FeedError(
            "this gbfs.json only lists feeds: "
            + (f"import {address}" if address else "station_information is not among them")
        )
    try:
        address = urljoin(location, address)
    except ValueError as error:
        raise FeedError(f"leads to {address}: {error}") from error
    if not is_address(address):
        raise FeedError(f"leads to {address}: expected http or https")
    with opened(address, encoding) as feed:
        yield feed, form


@contextmanager
def opened(location: str, encoding: str | None = None) -> Iterator[Source]:
    """Open a file, `-` for standard input, or an http(s) URL; decompress .gz and .zip.

    In a ZIP, read stops.txt, at the root or in one folder, or else the only file. Text in another
    encoding is read as UTF-8. Raises FeedError if a URL can't be fetched, or a file can't be
    decompressed or is too large; OSError for a file.
    """
    with _unpacked(location) as feed:
        yield feed._replace(stream=recoded(feed.stream, encoding)) if encoding else feed


@contextmanager
def _unpacked(location: str) -> Iterator[Source]:
    with _raw(location) as raw:
        size = None
        with suppress(OSError, AttributeError):
            size = os.fstat(raw.fileno()).st_size or None
        counted = _Counted(raw)
        stream: io.BufferedReader[Any] = io.BufferedReader(counted, CHUNK)
        magic = stream.peek(4)[:4]
        if magic.startswith(b"\x1f\x8b"):
            unpacked = _Counted(gzip.GzipFile(fileobj=stream), lambda: counted.count)
            yield Source(io.BufferedReader(unpacked, CHUNK), lambda: counted.count, size)
        elif magic == b"PK\x03\x04" or magic == b"PK\x05\x06":
            # A ZIP's end must be looked at first.
            with nullcontext(raw) if raw.seekable() else TemporaryFile() as file:
                if file is raw:
                    raw.seek(0)
                else:
                    copyfileobj(stream, file, CHUNK)
                member, info, packed = _member(file)
                unpacked = _Counted(member, lambda: packed)
                stream = io.BufferedReader(unpacked, CHUNK)
                folder = info.filename[: -len(PurePath(info.filename).name)]
                beside = partial(_beside, file, folder)
                yield Source(stream, lambda: unpacked.count, info.file_size, beside)
        else:
            yield Source(stream, lambda: counted.count, size)


class _Counted(io.RawIOBase):
    """Counts the bytes read. Reports damaged data, and too much data for `packed` bytes."""

    def __init__(self, stream: BinaryIO | io.IOBase, packed: Callable[[], int] | None = None):
        self.stream = stream
        self.packed = packed
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            count: int = self.stream.readinto(buffer)  # type: ignore[union-attr]
        except DAMAGED as error:
            reason = str(error) or type(error).__name__
            raise FeedError(f"damaged after {self.count:,} bytes unpacked: {reason}") from error
        self.count += count
        if self.packed:
            _refuse_bomb(self.count, self.packed())
        return count


def _refuse_bomb(unpacked: int, packed: int) -> None:
    if unpacked > UNPACKED_FREELY and unpacked > UNPACKED_TIMES * packed:
        raise FeedError(
            f"unpacks to more than {UNPACKED_TIMES} times its size, like a decompression bomb"
        )


@contextmanager
def _raw(location: str) -> Iterator[BinaryIO]:
    if location == "-":
        yield sys.stdin.buffer
    elif is_address(location):
        with TemporaryFile() as file:
            _download(location, file)
            file.seek(0)
            yield file
    else:
        with open(location, "rb") as file:
            yield file


def _download(address: str, file: BinaryIO) -> None:
    """Download a URL into a file. Only http and https are used, even after a redirect."""
    import urllib3  # here, for it takes 14 ms of every start, and only downloads need it

    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    retries = urllib3.Retry(2, redirect=5, backoff_factor=0.5)
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    try:
        with (
            urllib3.PoolManager(timeout=timeout, retries=retries) as pool,
            closing(pool.request("GET", address, preload_content=False)) as response,
        ):
            if response.status != 200:
                raise FeedError(f"the server answers {response.status} {response.reason or ''}")
            # Not decoded here: a gzip body is unpacked like any other, within limits.
            for chunk in response.stream(CHUNK, decode_content=False):
                file.write(chunk)
                if file.tell() > LARGEST:
                    raise FeedError(f"is larger than {LARGEST >> 30} GiB")
                if time.monotonic() > deadline:
                    raise FeedError(f"takes longer than {DOWNLOAD_SECONDS // 60} minutes")
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        reason = getattr(error, "reason", None) or error
        raise FeedError(f"can't be fetched: {reason}") from error


def _member(file: BinaryIO) -> tuple[BinaryIO, zipfile.ZipInfo, int]:
    """Open the feed in a ZIP without unpacking it to disk.

    Return it with its entry in the ZIP and its compressed size.
    """
    try:
        archive = zipfile.ZipFile(file)
        members = [info for info in archive.infolist() if not info.filename.endswith("/")]
        stops = [info for info in members if STOPS.fullmatch(info.filename)] or members
        found = [info for info in stops if info.filename == "stops.txt"][-1:] or stops
        if len(found) != 1:
            held = ", ".join(repr(info.filename) for info in members[:5]) or "nothing"
            raise FeedError(f"a ZIP without stops.txt at its root or in one folder, but {held}")
        [info] = found
        # The sizes in a ZIP may be wrong.
        packed = min(info.compress_size, file.seek(0, io.SEEK_END))
        _refuse_bomb(info.file_size, packed)
        return archive.open(info), info, packed  # type: ignore[return-value]
    except (*DAMAGED, OSError, ValueError, ArithmeticError, struct.error) as error:
        raise FeedError(f"a ZIP that can't be unpacked: {error}") from error


def _beside(file: BinaryIO, folder: str, name: str) -> bytes:
    """Read the start of another file in a ZIP."""
    with zipfile.ZipFile(file) as archive, archive.open(folder + name) as member:
        return member.read(CHUNK)
