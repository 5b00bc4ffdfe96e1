"""Static files under a name that changes with their content, so that browsers keep them.

Every address begins with a digest of all files. So a browser never asks again for a file that it
has, and a script's relative import leads to the file that belongs to it.
"""

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for
from werkzeug.security import safe_join

from .headers import YEAR

bp = Blueprint("assets", __name__)

PACKED = (".css", ".geojson", ".js", ".json", ".svg")


def init_app(app: Flask) -> None:
    """Serve static files, and offer `asset(filename)` to the templates."""
    app.extensions["assets"] = [Path(app.root_path, "static")]
    app.register_blueprint(bp)
    app.jinja_env.globals["asset"] = asset


def add(app: Flask, *folders: str | Path) -> None:
    """Serve the files of these folders. If two have a file of the same name, the first one wins."""
    app.extensions["assets"] += [Path(folder) for folder in folders]


def asset(*filenames: str) -> str:
    """Return the URL of a static file, or of several stylesheets in one."""
    return url_for("assets.show", digest=_digest(), filename="+".join(filenames))


def _digest() -> str:
    if current_app.debug:  # a file may have changed
        _digest_of.cache_clear()
        _content.cache_clear()
    return _digest_of(tuple(current_app.extensions["assets"]))


@lru_cache
def _digest_of(folders: tuple[Path, ...]) -> str:
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    digest = 0
    for path in files:
        digest = crc32(path.read_bytes(), crc32(path.name.encode(), digest))
    return f"{digest:08x}"


@bp.get("/static/<digest>/<path:filename>")
def show(digest: str, filename: str) -> Response:
    """Send a file, compressed if it is text and the client accepts that."""
    paths = tuple(map(_path, filename.split("+")))
    joinable = all(path.endswith(".css") for path in paths) and len(set(paths)) == len(paths)
    if len(paths) > 1 and not joinable:
        abort(404)
    packed = filename.endswith(PACKED) and request.accept_encodings["gzip"] > 0
    media_type = mimetypes.guess_type(paths[-1])[0] or "application/octet-stream"
    response = Response(_content(paths, packed=packed), mimetype=media_type)
    response.vary.add("Accept-Encoding")
    if packed:
        response.content_encoding = "gzip"
    # During a deployment, a page of one release may ask another release for its files.
    if digest == _digest():
        response.cache_control.public = True
        response.cache_control.max_age = YEAR
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    return response


def _path(filename: str) -> str:
    for folder in current_app.extensions["assets"]:
        path = safe_join(str(folder), filename)
        if path and Path(path).is_file():
            return path
    abort(404)


@lru_cache
def _content(paths: tuple[str, ...], *, packed: bool) -> bytes:
    content = b"".join(Path(path).read_bytes() for path in paths)
    # Level 9 makes the largest file 5 % smaller, and its first reader wait for half a second.
    return gzip.compress(content, 6, mtime=0) if packed else content
