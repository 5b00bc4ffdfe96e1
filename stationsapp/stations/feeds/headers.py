"""The names of columns in files, and the fields or properties that they stand for."""

import re
from collections.abc import Callable, Collection

# Whole names, normalised, a field after the other, each with the likeliest first: our own, then
# those of GTFS, GBFS, OurAirports, NaPTAN, the UIC and statistical offices.
KNOWN = """
code id station_id stop_id station_code stop_code uic uic_code eva crs ref ident icao icao_code
iata iata_code atco_code atcocode wmo wmo_id identifier site_id location_id uuid key

name station_name stop_name common_name commonname title label display_name site_name
location_name nom nom_gare nombre naam station stop description

lat latitude stop_lat latitude_deg latitude_decimal_degrees lat_deg decimal_latitude
decimallatitude latitude_wgs84 wgs84_lat lat_wgs84 latitude_degrees geo_lat station_lat breite
breitengrad latitud y point_y y_wgs84 coord_y

lng lon long longitude stop_lon longitude_deg longitude_decimal_degrees lon_deg lng_deg
decimal_longitude decimallongitude longitude_wgs84 wgs84_lon lon_wgs84 longitude_degrees geo_lon
geo_lng station_lon laenge längengrad laengengrad longitud x point_x x_wgs84 coord_x
"""
FIELDS = ("code", "name", "lat", "lng")
NAMES = dict(zip(FIELDS, map(str.split, KNOWN.split("\n\n")), strict=True))
APART = re.compile(r"[\W_]+")


def normalised(name: str) -> str:
    """Return the name of a column in lower case, with underscores between its words.

    "Latitude (Decimal Degrees)" is latitude_decimal_degrees.
    """
    return APART.sub("_", name.lower()).strip("_")


PREFIX = "properties."

Reserved = Callable[[str], bool] | Collection[str]  # the names that a format reserves


def to_file(key: str, reserved: Reserved) -> str:
    """Return a property's name in a file: with `properties.` if the format reserves the name."""
    return PREFIX + key if _clashes(key, reserved) else key


def from_file(name: str, reserved: Reserved) -> str:
    """Return the property's name for a name in a file: the inverse of `to_file`."""
    if name.startswith(PREFIX) and _clashes(name, reserved):
        return name[len(PREFIX) :]
    return name


def _clashes(key: str, reserved: Reserved) -> bool:
    while key.startswith(PREFIX):
        key = key[len(PREFIX) :]
    return reserved(key) if callable(reserved) else key in reserved
