"""A Ray cluster of two nodes on this machine, one of which dies when the test says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 240.0  # seconds until a moment that should have come is given up

# A dead node is noticed within seconds, not a minute.
_WATCHFUL = {
    "worker_niceness": 0,  # a busy machine would let workers starve
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 5,
}


@contextmanager
def losing_a_node(moment: Callable[[], bool], then: Callable[[], None]) -> Iterator[str]:
    """The cluster's address; its second node is killed at the moment, and `then` is called.

    Fails where the moment did not come before the end.
    """
    utils = pytest.importorskip("ray.cluster_utils", reason="the extra `sweep` is not installed")
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": _WATCHFUL}
    cluster = utils.Cluster(initialize_head=True, head_node_args=head)
    killed, over = threading.Event(), threading.Event()
    doomed = cluster.add_node(num_cpus=1)

    def watch() -> None:
        until = time.monotonic() + PATIENCE
        while not over.wait(0.05) and time.monotonic() < until:
            if moment():
                cluster.remove_node(doomed, allow_graceful=False)
                killed.set()
                then()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield cluster.address
    finally:
        over.set()
        watcher.join()
        cluster.shutdown()
    assert killed.is_set(), "the node was still alive at the end"
