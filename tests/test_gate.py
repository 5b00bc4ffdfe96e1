"""Places for requests."""

from threading import Thread
from time import sleep

import pytest
from werkzeug.wsgi import ClosingIterator

from stationsapp.gate import FULL, Gate, Places


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


def test_a_place_is_free_again_after_an_answer_that_cannot_be_closed():
    def fail():
        raise ConnectionError

    gate = Gate(lambda environ, _: ClosingIterator([b""], fail), lambda environ: True, 1)
    for _ in range(2):
        environ: dict[str, object] = {}
        answer = gate(environ, None)
        assert FULL not in environ
        assert list(answer) == [b""]
        with pytest.raises(ConnectionError):
            answer.close()
