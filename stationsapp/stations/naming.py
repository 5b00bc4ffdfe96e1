"""The name of a source if none is given: the file's, unless many feeds have the same."""

import re
from contextlib import suppress
from pathlib import Path, PurePath
from urllib.parse import unquote, urljoin, urlsplit

from .feeds import LENGTHS, FeedError, Format
from .sources import DAMAGED, Source, is_address, opened

MOST = 1 << 20  # bytes of a file that is read for its name
# A name of only these words and numbers doesn't tell feeds apart.
COMMON = """
all backup copy csv current data dataset default desktop documents download downloads dump en
export exported exports feed feeds file files final gbfs geojson google gtfs home http https
import index information json latest list locations my new old output places points public
query result results schedule source sources static station stations status stop stops table
temp tmp transit txt untitled upload v www
"""


def named(location: str) -> str:
    """Return the name of a file or URL without folders and extensions.

    It is "" if there is none, or one that many feeds have, such as stops. Raises FeedError for an
    invalid URL.
    """
    try:
        path = unquote(urlsplit(location).path) if is_address(location) else location
    except ValueError as error:
        raise FeedError(f"is not an address: {error}") from error
    stem = PurePath(path).name.partition(".")[0][: LENGTHS["source"]]
    return stem if stem.isprintable() and _tells_apart(stem) else ""


def _tells_apart(name: str) -> bool:
    words = re.findall(r"[^\W\d_]+", name.lower())
    return not set(COMMON.split()).issuperset(words)


def proposed(form: Format, feed: Source, location: str = "") -> str:
    """Propose a name: from other files of the feed, from its host, or from its folders.

    It is "" if none of them has one. Without a location, only a ZIP is looked into.
    """
    for name, read in form.about.items():
        with suppress(FeedError, OSError, LookupError, ValueError, *DAMAGED):
            if found := _short(read(_content(feed, location, name))):
                return found
    if is_address(location):
        return urlsplit(location).hostname or ""
    folders = Path(location).absolute().parts[-2:-4:-1] if location else ()
    return next((_short(name) for name in folders if _tells_apart(name)), "")


def _content(feed: Source, location: str, name: str) -> bytes:
    with suppress(KeyError):
        return feed.beside(name)
    near = urljoin(location, name) if is_address(location) else Path(location).with_name(name)
    with opened(str(near)) as other:
        return other.stream.read(MOST)


def _short(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")[: LENGTHS["source"]]
