import gzip
import io
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from stationsapp.stations import sources
from stationsapp.stations.feeds import FeedError
from tests.stations.conftest import BOMB, Answer, packed, reply

TEXT = b"code,name,lat,lng\n1,A,1,2\n"


def read(location: str | Path) -> bytes:
    with sources.opened(str(location)) as feed:
        return b"".join(iter(lambda: feed.stream.read(1 << 20), b""))


GOOD = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "two gzip members": gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]),
    "zip": packed(**{"stops.txt": TEXT, "folder/stops.txt": b"no", "agency.txt": b"no"}),
    "zip with a folder": packed(**{"feed/stops.txt": TEXT, "feed/agency.txt": b"no"}),
    "zip of one file": packed(**{"stations.csv": TEXT}),
    "zip with a path": packed(**{"/etc/stops.txt": b"no", "../x": b"no", "stops.txt": TEXT}),
    "zip from a mac": packed(**{"f/stops.txt": TEXT, "__MACOSX/f/._stops.txt": b"no"}),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_files_are_unpacked_by_their_content(tmp_path: Path, content: bytes):
    file = tmp_path / "feed"
    file.write_bytes(content)
    assert read(file) == TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["feed"]


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_standard_input_is_unpacked_without_seeking(
    monkeypatch: pytest.MonkeyPatch, content: bytes
):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Pipe(content))))
    assert read("-") == TEXT


def encrypted() -> bytes:
    content = bytearray(packed(**{"stops.txt": TEXT}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


BAD = {
    "cut gzip": (gzip.compress(TEXT)[:-9], "damaged"),
    "broken gzip": (gzip.compress(TEXT)[:12] + b"\xff\xff\xff", "damaged"),
    "gzip and junk": (gzip.compress(TEXT) + b"junk", "damaged"),
    "gzip bomb": (gzip.compress(BOMB), "bomb"),
    "zip bomb": (packed(**{"stops.txt": BOMB}), "bomb"),
    "cut zip": (packed(**{"stops.txt": TEXT})[:40], "can't be unpacked"),
    "wrong checksum": (
        packed(zipfile.ZIP_STORED, **{"stops.txt": TEXT}).replace(b"code", b"cxde"),
        "damaged",
    ),
    "two files": (packed(**{"a": b"1", "b": b"2"}), "without stops.txt .* 'a', 'b'"),
    "two stops.txt": (packed(**{"a/stops.txt": b"1", "b/stops.txt": b"2"}), "without stops.txt"),
    "a path": (packed(**{"../stops.txt": b"1", "b": b"2"}), "without stops.txt"),
    "nothing": (packed(), "nothing"),
    "no name": (
        packed(a=b"1", qqqq=b"2").replace(b"qqqq", b"\0\0\0\0"),
        "without stops.txt .* 'a', ''",
    ),
    "encrypted": (encrypted(), "can't be unpacked"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_what_is_damaged_or_a_bomb_is_refused_in_a_line(tmp_path: Path, content: bytes, said: str):
    file = tmp_path / "feed"
    file.write_bytes(content)
    with pytest.raises(FeedError, match=said) as caught:
        read(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_an_address_is_fetched_and_unpacked(serve: Callable[[Answer], str], content: bytes):
    assert read(serve(reply(200, content))) == TEXT


def test_a_body_that_the_server_packs_is_unpacked(serve: Callable[[Answer], str]):
    assert read(serve(reply(200, gzip.compress(TEXT), Content_Encoding="gzip"))) == TEXT


def test_redirects_are_followed_to_http_only(serve: Callable[[Answer], str], tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_bytes(TEXT)
    target = serve(reply(200, TEXT))
    assert read(serve(reply(302, Location=target))) == TEXT
    for location in (secret.as_uri(), "ftp://127.0.0.1/x", "gopher://127.0.0.1/"):
        with pytest.raises(FeedError, match="can't be fetched"):
            read(serve(reply(302, Location=location)))
    circle = serve(lambda request: reply(302, Location=request.path)(request))
    with pytest.raises(FeedError, match="can't be fetched"):
        read(circle)


def test_an_answer_that_is_no_feed_is_refused(
    serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(FeedError, match="the server answers 404"):
        read(serve(reply(404, b"no")))
    with pytest.raises(FeedError, match="can't be fetched"):
        read(serve(reply(200, TEXT, Content_Length="99")))
    monkeypatch.setattr(sources, "LARGEST", 10)
    with pytest.raises(FeedError, match="larger than"):
        read(serve(reply(200, TEXT)))


def test_a_server_that_is_slow_or_not_there_is_given_up(
    serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch
):
    done = threading.Event()
    with monkeypatch.context() as impatient:
        impatient.setattr(sources, "READ_SECONDS", 0.1)
        with pytest.raises(FeedError, match="can't be fetched"):
            read(serve(lambda request: done.wait() and None))
    done.set()

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            for _ in range(1000):
                request.wfile.write(b"x" * sources.CHUNK)
        except OSError:
            pass

    monkeypatch.setattr(sources, "DOWNLOAD_SECONDS", 0)
    with pytest.raises(FeedError, match="takes longer"):
        read(serve(trickle))
    with pytest.raises(FeedError, match="can't be fetched"):
        read("http://127.0.0.1:1/stations.csv")


@pytest.mark.parametrize(
    "address", ["http://", "http://[", "https://x.invalid:99999/", "http://a b/"]
)
def test_an_address_that_is_none_is_refused(address: str):
    with pytest.raises(FeedError):
        read(address)
