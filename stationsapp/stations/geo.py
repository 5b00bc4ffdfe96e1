"""Arithmetic on the sphere."""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS = 6_371_008.8
"""Metres: the mean radius R1 of the WGS 84 ellipsoid (Moritz, Geodetic Reference System 1980)."""


def rounded(degrees: float) -> float:
    """Return the degrees, but 0 for less than 1e-12 of one, a tenth of a micrometre.

    PostgreSQL raises an error if a result underflows, such as the square of a tiny difference.
    """
    return degrees if abs(degrees) >= 1e-12 else 0.0


def distance(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Return the great-circle distance of two points.

    Degrees in, metres out. The haversine formula (Sinnott, Virtues of the Haversine, Sky and
    Telescope 68, 1984): exact to the micrometre nearby, to a decimetre near the antipode.
    """
    h = (
        sin(radians(other_lat - lat) / 2) ** 2
        + cos(radians(lat)) * cos(radians(other_lat)) * sin(radians(other_lng - lng) / 2) ** 2
    )
    return 2 * EARTH_RADIUS * asin(min(1, sqrt(h)))


Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the antimeridian (RFC 7946, 5.2)."""

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)

SIDES = ("west", "south", "east", "north")


def is_box(west: float, south: float, east: float, north: float) -> bool:
    """Tell whether these are the sides of a box: in range, and south not greater than north."""
    return -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90


def parts(box: Box) -> list[Box]:
    """Return the box, or the two halves of one that crosses the antimeridian."""
    west, south, east, north = box
    if west <= east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]
