"""Measures for how long no node accepts writes, without HAProxy and PgBouncer in between."""

import threading
import time
from collections.abc import Callable

from .nodes import Cluster

PAUSE = 0.1  # seconds between two writes to a node


class Leadership:
    """Writes to each node directly, again and again."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.longest, self.last = cluster, 0.0, time.monotonic()
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self._watch, args=[node.takes_writes]) for node in cluster.nodes
        ]
        self.lock = threading.Lock()
        for thread in self.threads:
            thread.start()

    def _watch(self, takes_writes: Callable[[], bool]) -> None:
        while not self.over.wait(PAUSE):
            if takes_writes():
                with self.lock:
                    now = time.monotonic()
                    self.longest, self.last = max(self.longest, now - self.last), now

    def stop(self) -> float:
        """Stop, and return the longest time without a write, in seconds."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        return self.longest
