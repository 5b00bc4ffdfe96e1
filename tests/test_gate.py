"""Places for requests."""

from threading import Thread
from time import sleep

from stationsapp.gate import Places


def test_a_free_place_goes_to_the_thread_that_waits():
    places = Places(1)
    assert places.acquire(timeout=0)
    got = []
    thread = Thread(target=lambda: got.append(places.acquire(timeout=60)))
    thread.start()
    while not places.waiting:
        sleep(0.001)
    places.release()
    assert not places.acquire(timeout=0)
    thread.join()
    assert got == [True]
    places.release()
    assert places.acquire(timeout=0)


def test_a_thread_that_has_waited_in_vain_gets_no_place():
    places = Places(1)
    assert places.acquire(timeout=0)
    assert not places.acquire(timeout=0.01)
    places.release()
    assert places.acquire(timeout=0)
