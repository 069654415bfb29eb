"""Where the jobs of a study run: one after another in this process, or on the nodes of Ray.

Jobs are plain Ray tasks. What Ray Tune adds to those (schedulers, search, checkpoints) has no part
in a fixed grid whose trials all get the same budget and resume themselves.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from models.errors import BombusError, InputError, reason

Job = TypeVar("Job")
Result = TypeVar("Result")
Engine = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]

RETRIES = 100  # of a job whose node or process died; one that always crashes must end, too


def run_here(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Results in the order of the jobs, one after another."""
    return map(work, jobs)


def run_on_ray(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    address: str = "",
    cpus: float = 1,
    gpus: float = 0,
) -> Iterator[Result]:
    """Results in the order in which jobs end, on as many nodes as there are.

    A job whose process or node dies is begun again elsewhere, so it must find on a disk that all
    nodes share what it has already done. Each runs in a process of its own.

    Args:
        work: Importable on every node, where this package must be installed.
        jobs: What to call it with.
        address: Of a running cluster, as `ray start` says it; empty: one of this machine alone.
        cpus: That a job takes.
        gpus: That a job takes; a fraction shares one.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
        BombusError: What a job raised; those that run are stopped.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError("engine ray: Ray is not installed; pip install 'bombus[sweep]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    import ray

    _require_there(address)
    try:
        ray.init(
            address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=None if address else False,
        )
    except (ValueError, ConnectionError) as error:
        raise _no_cluster(address, error) from error
    try:
        nodes: Any = ray.nodes  # untyped
        _require_room(nodes(), {"CPU": cpus, "GPU": gpus})
        task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_calls=1, max_retries=RETRIES)(work)
        waiting = [task.remote(job) for job in jobs]
        while waiting:
            done, waiting = ray.wait(waiting)
            yield ray.get(done[0])
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, BombusError):
            raise error.cause from None
        raise
    finally:
        ray.shutdown()


def _require_room(nodes: Sequence[Mapping[str, Any]], job: Mapping[str, float]) -> None:
    """Raise `InputError` where no node could ever run a job: Ray would wait for one in silence."""
    having = [node["Resources"] for node in nodes if node["Alive"]]
    if not any(all(has.get(what, 0) >= wanted for what, wanted in job.items()) for has in having):
        most = {what: max((has.get(what, 0) for has in having), default=0) for what in job}
        raise InputError(
            "a job wants "
            + " and ".join(f"{wanted:g} {what}" for what, wanted in job.items())
            + ", and no node has both (at most "
            + " and ".join(f"{has:g} {what}" for what, has in most.items())
            + "); ask for less with --cpus and --gpus, or start a larger node"
        )


def _require_there(address: str) -> None:
    """Raise `InputError` where nobody listens: Ray would wait for long."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # none, or a word of Ray's such as `auto`
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    return InputError(
        f"address {address}: no cluster ({reason(error)}); give what `ray start --head` says"
    )
