from io import BytesIO

import pytest
from hypothesis import given, settings

from stationsapp.stations.feeds import FeedError, Record, Rejected, csv
from tests.stations.feeds.strategies import Contents, json_values, records_with


def read(text: str | bytes, **options: str) -> list[Record | Rejected]:
    return list(csv.read(BytesIO(text.encode() if isinstance(text, str) else text), **options))


PARIS = Record(2, "001", "Paris, Nord", 48.88, 2.355, {})


@pytest.mark.parametrize(
    "text",
    [
        'code,name,lat,lng\n001,"Paris, Nord",48.88,2.355\n',
        '\ufeffcode,name,lat,lng\r\n001,"Paris, Nord",48.88,2.355\r\n',
        'id;station name;Latitude;Longitude\n001;Paris, Nord;"48,88";2,355',
        "stop_id\tstop_name\tstop_lat\tstop_lon\n001\tParis, Nord\t48.88\t2.355",
        'Y|X|uic|Common Name\n48.88|2.355|001|"Paris, Nord"',
        "Name;Code;Latitude (Decimal Degrees);Longitude (Decimal Degrees)\n"
        "Paris, Nord;001;48.88;2.355",
        'ident, name, latitude_deg, longitude_deg\n001, "Paris, Nord", 48.88, 2.355\n',
        'code,name,lat,lng,,\n001,"Paris, Nord",48.88,2.355,,,,\n',
        'code,name,lat,lng\n001,"Paris, Nord", +48.88 ,2.355e0\n',
        'code,name,lat,lng\r001,"Paris, Nord",48.88,2.355',
        '#code,name,lat,lng\r001,"Paris, Nord",48.88,2.355\r\r',
    ],
)
def test_separators_names_and_numbers_are_found_out(text: str):
    assert read(text) == [PARIS]


@pytest.mark.parametrize(
    ("before", "separator"),
    [("sep=;\r\n", ";"), ("SEP=\t\n", "\t"), ("sep=@\n\n", "@"), ("\n \n# made\n#\n", ",")],
)
def test_what_is_before_the_header_is_skipped(before: str, separator: str):
    text = 'code,name,lat,lng\n001,"Paris, Nord",48.88,2.355\n\n,,,\n'
    text = before + text.replace(",", separator).replace(f"Paris{separator}", "Paris,")
    found, blank = read(text)
    lines = before.count("\n")
    assert (found, blank.line) == (PARIS._replace(line=2 + lines), 4 + lines)


def test_columns_that_are_not_recognized_can_be_named():
    text = "code,lat,Halt,North South,dx\n1,x,A,1,2\n"
    [record] = read(text, name="halt", lat="north south", lng="dx")
    assert record == Record(2, "1", "A", 1, 2, {"lat": "x"})
    with pytest.raises(FeedError, match="no column dy"):
        read(text, name="halt", lat="dy", lng="dx")


def test_where_two_columns_fit_the_one_in_range_is_taken():
    [record] = read("id,name,y,x,latitude,longitude\n1,A,6862301,652089,48.88,2.355\n")
    assert record == Record(2, "1", "A", 48.88, 2.355, {"y": "6862301", "x": "652089"})


def test_where_two_columns_could_be_the_code_the_one_that_tells_rows_apart_is_taken():
    records = read("id,ident,name,lat,lon\n,LFPG,A,1,2\n,LFPO,B,1,2\n")
    assert [record.code for record in records] == ["LFPG", "LFPO"]


def test_other_columns_become_properties_and_blank_cells_nothing():
    [record] = read("code,name,lat,lng,city,a,a,\n1,A,1,2,,x,y,z\n")
    assert record.properties == {"a": "x", "a_2": "y", "column_8": "z"}


def test_the_key_may_be_joined_from_several_columns_which_are_kept():
    text = 'USAF,WBAN,"STATION NAME",ICAO,LAT,LON\n007018,99999,WXPOD,,0.1,0.2\n'
    [record] = read(text, key="usaf,wban")
    assert (record.code, record.properties) == (
        "007018-99999",
        {"USAF": "007018", "WBAN": "99999"},
    )


def test_a_file_without_header_has_its_columns_named():
    [record] = read("001,Paris,48.88,2.355\n", columns="code,name,lat,lng")
    assert record == Record(1, "001", "Paris", 48.88, 2.355, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\n", "empty"),
        ("# no header\n\n", "empty"),
        ("code,name,x1,x2\n1,A,1,2\n", "--lat COLUMN names another"),
        ("name,lat,lng\nA,1,2\n", "--key COLUMN"),
        ("001,Paris,48.88,2.355\n002,Lyon,45.7,4.8\n", "--columns"),
        ("code,name,lat\n1,A,2\n", "no column for lng"),
        (b"code,name,lat,lng\n1,Z\xfcrich,1,2\n", "line 2, byte 4: not UTF-8; if it is cp1252"),
        (b"code,name,lat,lng\n1,\xfc\x81,1,2\n", "--encoding latin-1"),
        ("code,name,lat,lng\n".encode("utf-16"), "--encoding utf-16"),
        ("code,name,lat,lng\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("code,name,lat,lng\n".encode("utf-16-be"), "--encoding utf-16-be"),
        (b"code,name\r" + b"x" * (1 << 24), "line 2 is longer than 16 MiB"),
        ('code,name,lat,lng\n1,"A,1,2\n2,B,1,2\n', "line 2: a quote is left open"),
        ("code," + "x" * (1 << 24), "longer than 16 MiB"),
        ("code,name,lat,lng,usaf\n" + ",A,1,2,7\n" * 10, "column code has no unique code"),
    ],
)
def test_what_is_no_table_of_stations_is_refused_in_a_line(text: str | bytes, said: str):
    with pytest.raises(FeedError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_text_and_a_null_of_a_database_are_read():
    text = "A" * 200_000
    [record] = read(f"code,name,lat,lng,a,b,c\n1,A,1,2,{text},\\N,\n")
    assert record.properties == {"a": text}


def test_cells_are_json_if_the_file_says_so():
    listed = '"[""a"", ""b"", ""c"", ""x"", 1]"'
    [record, other] = read(
        f"code,name,lat,lng,a,b,c,d,stationsapp_json\n1,A,1,2,1,{{,,1,{listed}\n2,B,1,2,1,,,,no\n"
    )
    assert record.properties == {"a": 1, "b": "{", "c": None, "d": "1", "x": None}
    assert other.properties == {"a": "1"}


def test_an_unknown_key_is_refused():
    with pytest.raises(FeedError, match="no column wban"):
        read("usaf,name,lat,lng\n1,A,1,2\n", key="usaf,wban")


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("1,A,91,2", "lat", "expected degrees from -90 to 90"),
        ("1,A,1,-180.1", "lng", "expected degrees from -180 to 180"),
        ("1,A,,2", "lat", "expected degrees"),
        ("1,A,1,nan", "lng", "expected degrees"),
        ("1,A,1_0,2", "lat", "expected degrees"),
        ("1,A,=1+1,2", "lat", "expected degrees"),
        ("1,A,1e999,2", "lat", "expected degrees"),
        (",A,1,2", "code", "expected 1 to 255"),
        ("1, ,1,2", "name", "expected 1 to 500"),
        (f"1,{'A' * 501},1,2", "name", "expected 1 to 500"),
        ("1,A\0,1,2", "name", "NUL"),
        ("1,A,1", "lng", "is the last of 3 fields: expected 4"),
        ("1,A,1,2,3", "lng", "is the last of 5 fields: expected 4"),
    ],
)
def test_a_bad_row_is_rejected_by_line_column_and_reason(row: str, column: str, reason: str):
    items = read(f'code,name,lat,lng\n0,"two\nlines",1,2\n\n{row}\n9,B,1,2\n')
    assert [type(item) for item in items] == [Record, Rejected, Record]
    assert items[1].code == ("" if column == "code" else "1")  # so --prune keeps it
    assert (items[1].line, items[1].column) == (5, column)
    assert reason in items[1].reason
    assert "\n" not in items[1].at("line")


@pytest.mark.parametrize(("row", "code"), [("1,2", "1-2"), ("1", ""), (",,A", ""), ("1,", "1-")])
def test_a_row_that_is_too_short_names_its_code_if_it_is_there(row: str, code: str):
    [item] = read(f"a,b,name,lat,lng\n{row}\n", key="a,b")
    assert item.code == code


@pytest.mark.parametrize("degrees", ["1e-300", "-0.0", "-1e-13", "0"])
def test_degrees_too_small_to_square_are_zero(degrees: str):
    [record] = read(f"code,name,lat,lng\n1,A,{degrees},{degrees}\n")
    assert (repr(record.lat), repr(record.lng)) == ("0.0", "0.0")


@given(records_with(json_values))
@settings(deadline=None, max_examples=50)
def test_a_round_trip_loses_nothing(written: list[Record]):
    document = b"".join(csv.write(written, Contents(written)))
    assert [r._replace(line=0) for r in read(document)] == written
