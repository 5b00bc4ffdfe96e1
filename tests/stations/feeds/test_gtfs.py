import csv
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings

from stationsapp.stations.feeds import FeedError, Record, Rejected, Skipped, gtfs
from tests.stations.feeds.strategies import Contents, json_values, records_with

STOPS = '''stop_lon,stop_id,stop_name,stop_lat,location_type,parent_station,level_name
2.355,S,"Paris ""Nord""",48.88,1,,
2.356,P,Platform 1,48.881,,S,
2.357,B,Bus stop,48.882,0,,
,E,Entrance,,2,S,ground
,N,,,3,S,
,A,,,4,P,
'''


def read(text: str, **options: bool) -> list[Record | Rejected | Skipped]:
    return list(gtfs.read(BytesIO(text.encode()), **options))


@pytest.mark.parametrize("text", [STOPS, "\ufeff" + STOPS.replace("\n", "\r\n")])
def test_stations_and_lone_stops_are_taken_the_others_skipped(text: str):
    assert read(text) == [
        Record(2, "S", 'Paris "Nord"', 48.88, 2.355, {"location_type": "1"}),
        Skipped(3),
        Record(4, "B", "Bus stop", 48.882, 2.357, {"location_type": "0"}),
        Skipped(5),
        Skipped(6),
        Skipped(7),
    ]


def test_all_locations_inherit_what_they_lack():
    items = {item.code: item for item in read(STOPS, all_locations=True)}
    assert {code: item[2:5] for code, item in items.items()} == {
        "S": ('Paris "Nord"', 48.88, 2.355),
        "P": ("Platform 1", 48.881, 2.356),
        "B": ("Bus stop", 48.882, 2.357),
        "E": ("Entrance", 48.88, 2.355),
        "N": ('Paris "Nord"', 48.88, 2.355),
        "A": ("Platform 1", 48.881, 2.356),
    }
    assert items["E"].properties == {
        "location_type": "2",
        "parent_station": "S",
        "level_name": "ground",
    }


def test_a_parent_may_come_later_or_have_a_parent_or_be_itself():
    items = read(
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
        "A,,,,4,P\nP,,,,0,S\nS,Station,1,2,1,\nX,Loop,,,2,X\nY,Orphan,,,2,Z\n",
        all_locations=True,
    )
    found = {item.code: item[2:5] for item in items if isinstance(item, Record)}
    assert found == dict.fromkeys("SAP", ("Station", 1, 2))
    assert [(i.line, i.column) for i in items if isinstance(i, Rejected)] == [
        (5, "stop_lat"),
        (6, "stop_lat"),
    ]


def test_blank_coordinates_are_never_0_0():
    [item] = read("stop_id,stop_name,stop_lat,stop_lon\nA,Alpha,,\n")
    assert (item.line, item.column, item.value) == (2, "stop_lat", "")


def test_an_unknown_location_type_is_rejected():
    [item] = read("stop_id,stop_name,stop_lat,stop_lon,location_type\nA,Alpha,1,2,9\n")
    assert (item.column, item.value, item.code) == ("location_type", "9", "A")


def test_a_row_that_is_too_short_names_its_stop():
    [item] = read("stop_id,stop_name,stop_lat,stop_lon\nA,Alpha\n")
    assert (item.column, item.value, item.code) == ("stop_lon", "Alpha", "A")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", '{"features": []}', "stop_id\nA\n"])
def test_what_is_no_stops_txt_is_refused(text: str):
    with pytest.raises(FeedError):
        read(text)


def test_what_the_reference_does_not_allow_is_set_aside():
    properties = {
        "location_type": "station",
        "wheelchair_boarding": 1,
        "stop_url": "javascript:alert(1)",
        "stop_timezone": "Europe/Paris",
        "stop_lat": "9",
    }
    records = [Record(1, "A", "Alpha", 1e-7, -0.00002, properties)]
    document = b"".join(gtfs.write(records, Contents(records))).decode()
    assert list(csv.DictReader(StringIO(document))) == [
        {
            "stop_id": "A",
            "stop_name": "Alpha",
            "stop_lat": "0.0000001",
            "stop_lon": "-0.00002",
            "location_type": "",
            "properties.location_type": "station",
            "wheelchair_boarding": "1",
            "stop_url": "",
            "properties.stop_url": "javascript:alert(1)",
            "stop_timezone": "Europe/Paris",
            "properties.stop_lat": "9",
            "stationsapp_json": '["wheelchair_boarding"]',
        }
    ]


@given(records_with(json_values, ("stop_id", "properties.stop_id", *gtfs.ALLOWED)))
@settings(deadline=None, max_examples=50)
def test_a_round_trip_loses_nothing(written: list[Record]):
    document = b"".join(gtfs.write(written, Contents(written)))
    assert [r._replace(line=0) for r in gtfs.read(BytesIO(document), True)] == written
