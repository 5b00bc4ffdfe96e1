from io import BytesIO

import pytest

from stationsapp.stations.feeds import FeedError, encodings

TEXT = "Zürich €\n" * 20_000


@pytest.mark.parametrize("name", ["cp1252", "utf-16", "UTF-16-LE", "iso-8859-15", "utf-8"])
def test_another_encoding_is_read_as_utf_8(name: str):
    assert encodings.is_encoding(name)
    assert encodings.recoded(BytesIO(TEXT.encode(name)), name).read().decode() == TEXT


@pytest.mark.parametrize("name", ["", "nonsense", "rot13", "base64", "undefined", "a\0"])
def test_what_is_no_encoding_is_refused(name: str):
    assert not encodings.is_encoding(name)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"\xff", "utf-8"), (b"\xff\xfea", "utf-16"), (rb"\ud800", "unicode_escape")],
)
def test_what_is_in_another_encoding_is_refused(content: bytes, name: str):
    with pytest.raises(FeedError, match=f"not {name}"):
        encodings.recoded(BytesIO(content), name).read()
