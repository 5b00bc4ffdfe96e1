import gzip

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from stationsapp.web import compression

DECODE = {
    "": bytes,
    "zstd": compression.zstd.decompress,
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}
PAGE = "/api/stations?limit=100"
ALL = "/api/stations?all=true&format=csv"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("br;q=0.9, ZSTD;q=0.1", "br"),
        ("zstd;q=0, *", "br"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=0.5, identity", ""),
        ("gzip;q=0", ""),
        ("*;q=0", ""),
        ("deflate", ""),
        ("", ""),
    ],
)
def test_the_coding_is_the_one_that_the_client_prefers(app: Flask, accepted: str, coding: str):
    with app.test_request_context(headers={"Accept-Encoding": accepted}):
        assert compression.accepted() == coding


@pytest.mark.usefixtures("sample_stations")
@pytest.mark.parametrize("address", [PAGE, ALL])
def test_a_list_is_compressed(client: FlaskClient, address: str):
    plain = client.get(address)
    for coding in compression.CODINGS:
        response = client.get(address, headers={"Accept-Encoding": coding})
        assert response.headers["Content-Encoding"] == coding
        assert response.headers["Vary"] == "Accept, Accept-Encoding"
        assert DECODE[coding](response.data) == plain.data
        assert len(response.data) < len(plain.data) / 3


@pytest.mark.usefixtures("sample_stations")
@pytest.mark.parametrize("address", [PAGE, ALL, "/api/stations/1"])
def test_each_coding_has_a_tag_of_its_own(client: FlaskClient, address: str):
    headers = [{"Accept-Encoding": coding} for coding in DECODE]
    tags = [client.get(address, headers=each).headers["ETag"] for each in headers]
    assert len(set(tags)) == len(DECODE)
    for each, own in zip(headers, tags, strict=True):
        for tag in tags:
            known = client.get(address, headers=each | {"If-None-Match": tag})
            assert known.status_code == (304 if tag == own else 200)
            assert known.headers["ETag"] == own
            assert known.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.usefixtures("sample_stations")
def test_a_head_says_what_a_get_does(client: FlaskClient):
    headers = {"Accept-Encoding": "zstd"}
    got, head = client.get(PAGE, headers=headers), client.head(PAGE, headers=headers)
    for name in ("ETag", "Content-Encoding", "Content-Length"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.usefixtures("sample_stations")
def test_what_is_small_stays_as_it_is(client: FlaskClient):
    response = client.get("/api/stations/1", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.get_json()["id"] == 1


def test_a_stream_is_compressed_part_by_part():
    parts = [bytes(f"{number} " * 9_000, "ascii") for number in range(100)]
    for coding in compression.CODINGS:
        left = list(reversed(parts))
        packed = compression.compressed(iter(left.pop, parts[-1]), coding)
        start = next(packed)
        assert len(left) > 50
        assert DECODE[coding](start + b"".join(packed)) == b"".join(parts[:-1])
