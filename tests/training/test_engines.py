"""Engines: the same results wherever the jobs run, also when a node dies under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import GateError, InputError
from tests.training.ray_cluster import PATIENCE, losing_a_node
from training.engines import run_here, run_on_ray


def test_here_jobs_run_one_after_another() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        return job * job

    results = run_here(work, [3, 1, 2])
    assert (next(results), begun) == (9, [3])
    assert list(results) == [1, 4]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_ray_no_job_is_lost_with_a_node(tmp_path: Path) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    begun.touch()

    def work(job: int) -> int:
        import time

        import ray

        node = ray.get_runtime_context().get_node_id()
        with begun.open("a") as file:
            file.write(f"{job} {node}\n")
        until = time.monotonic() + PATIENCE
        while not go.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return job * job

    def wrong(job: int) -> int:
        if job == 2:
            raise GateError("job 2: too far off")
        return job

    def lines() -> list[tuple[str, str]]:
        pairs = (line.partition(" ")[::2] for line in begun.read_text().splitlines())
        return [(job, node) for job, node in pairs]

    def both_nodes_work() -> bool:
        return len({node for _, node in lines()}) == 2

    with losing_a_node(both_nodes_work, then=go.touch) as address:
        assert sorted(run_on_ray(work, range(4), address=address)) == [0, 1, 4, 9]
        with pytest.raises(GateError, match=r"^job 2: too far off$"):
            list(run_on_ray(wrong, [1, 2, 3], address=address))
    # Once or twice each: a process may outlive its node by a moment, and hand in its result.
    assert {job for job, _ in lines()} == {"0", "1", "2", "3"}


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "there"])
def test_an_address_where_nobody_listens(address: str) -> None:
    pytest.importorskip("ray", reason="the extra `sweep` is not installed")
    with pytest.raises(InputError, match=f"address {address}: no cluster"):
        list(run_on_ray(str, [1], address=address))


def test_a_job_that_no_node_can_run() -> None:
    pytest.importorskip("ray", reason="the extra `sweep` is not installed")
    with pytest.raises(InputError, match=r"wants 1 CPU and 99 GPU, and no node has both"):
        list(run_on_ray(str.upper, ["a"], gpus=99))
