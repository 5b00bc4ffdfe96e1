import pytest

from stationsapp.stations import geo


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((0, 0), (0, 0), 0),
        ((0, 0), (0, 1), 111_195.08),
        ((0, 179.5), (0, -179.5), 111_195.08),
        ((90, 0), (90, 180), 0),
        ((90, 0), (-90, 77), 20_015_114.44),
        ((10, 20), (-10, -160), 20_015_114.44),
        # Nashville to Los Angeles, the worked example of many an almanac: 2887.26 km where the
        # Earth's radius is 6372.8 km
        ((36.12, -86.67), (33.94, -118.40), 2_887_259.95 * 6371.0088 / 6372.8),
    ],
)
def test_distance_follows_the_great_circle(one, other, metres):
    assert geo.distance(*one, *other) == pytest.approx(metres, rel=1e-7, abs=0.1)
    assert geo.distance(*one, *other) == geo.distance(*other, *one)


@pytest.mark.parametrize(
    ("degrees", "result"), [(1e-320, 0), (-1e-13, 0), (-0.0, 0), (1e-12, 1e-12), (-45.5, -45.5)]
)
def test_degrees_too_small_to_square_become_zero(degrees: float, result: float):
    assert str(geo.rounded(degrees)) == str(float(result))
