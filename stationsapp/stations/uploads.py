"""Uploaded files, stored in the database for an hour.

All workers on all machines share the database, so no shared folder has to be set up or cleaned up.
A file is stored in pieces, and only one piece at a time is in memory.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import IO, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from .. import limits
from ..extensions import db
from ..models import Upload, UploadPart
from .feeds import FeedError

LARGEST = 50_000_000  # bytes
KEPT = timedelta(hours=1)
PIECE = 1 << 17  # bytes


def store(file: IO[bytes], name: str, token_id: int, options: dict[str, Any]) -> int:
    """Store a file and return its id. Delete files that have expired."""
    change(delete(Upload).where(Upload.updated_at < func.now() - KEPT))
    with db.engine.begin() as connection:
        row = {"name": name, "size": 0, "digest": "", "token_id": token_id, "options": options}
        upload_id: int = connection.execute(
            insert(Upload).values(row).returning(Upload.id)
        ).scalar_one()
        size, digest = write(connection, upload_id, "feed", file)
        connection.execute(update(Upload).filter_by(id=upload_id).values(size=size, digest=digest))
    return upload_id


def write(connection: Connection, upload_id: int, kind: str, file: IO[bytes]) -> tuple[int, str]:
    """Write a file in pieces, and return its size in bytes and its digest."""
    size, digest = 0, sha256()
    pieces: Iterable[bytes] = iter(partial(file.read, PIECE), b"")
    for number, content in enumerate(pieces):
        limits.renew(connection)
        row = {"upload_id": upload_id, "kind": kind, "number": number, "content": content}
        connection.execute(insert(UploadPart), row)
        size += len(content)
        digest.update(content)
    return size, digest.hexdigest()


def fetch(upload_id: int, kind: str, file: IO[bytes]) -> str:
    """Read the pieces into a file, and return its digest."""
    digest = sha256()
    query = select(UploadPart.content).filter_by(upload_id=upload_id, kind=kind)
    query = query.order_by(UploadPart.number).execution_options(yield_per=1)
    with db.engine.connect() as connection:
        for content in connection.scalars(query):
            limits.renew(connection)
            file.write(content)
            digest.update(content)
    file.flush()
    return digest.hexdigest()


def fetch_feed(upload_id: int, expected: str, file: IO[bytes]) -> None:
    """Read the feed into a file. Raises FeedError if its digest is wrong."""
    if fetch(upload_id, "feed", file) != expected:
        raise FeedError("the file is no longer stored: choose it again")


def change(statement: Any) -> None:
    """Run one statement and commit it."""
    with db.engine.begin() as connection:
        connection.execute(statement)
