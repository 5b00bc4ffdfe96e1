"""Generated stations, which are the same for the same seed, and concentrated in cities."""

import csv
import random
from pathlib import Path

from stationsapp.stations.feeds import Record
from stationsapp.stations.feeds.csv import read
from stationsapp.stations.sample import SAMPLE

SPREAD = 0.15  # degrees: the standard deviation of a city's stations around its centre
SYLLABLES = ["ba", "den", "ka", "lo", "mi", "nor", "pe", "ra", "sto", "ta", "ville", "wa"]


def write(path: Path, count: int, seed: int, *, south: bool = False) -> None:
    """Write this number of stations as CSV, around those of the sample, so not in oceans.

    With `south`, they are all in the southern hemisphere.
    """
    chance = random.Random(seed)
    with SAMPLE.open("rb") as file:
        records = [item for item in read(file) if isinstance(item, Record)]
    cities = [city for city in records if city.lat < 0 or not south]
    # A city's share falls with its rank, as that of real ones does.
    weights = [1 / (rank + 10) for rank in range(len(cities))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "name", "lat", "lng", "platforms", "operator"])
        for number, city in enumerate(chance.choices(cities, weights, k=count), 1):
            lat = city.lat + chance.gauss(0, SPREAD)
            lng = (city.lng + chance.gauss(0, SPREAD) + 180) % 360 - 180
            street = "".join(chance.choices(SYLLABLES, k=3)).capitalize()
            row = [number, f"{city.name} {street}", f"{lat:.6f}", f"{lng:.6f}"]
            writer.writerow([*row, chance.randint(1, 12), f"{street} Transport"])
