"""The two shops that every fault is tried on: the embedded defaults, and the cloud parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.rig import Rig, cloud, embedded


@pytest.fixture
def on_defaults(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    with embedded(tmp_path, sqlite_url) as rig:
        yield rig


@pytest.fixture
def on_cloud(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    aws = request.getfixturevalue("aws")
    url = request.getfixturevalue("postgres_url")
    with cloud(tmp_path, request.getfixturevalue("postgres"), url, aws) as rig:
        yield rig


@pytest.fixture(params=["defaults", "cloud"])
def rig(request: pytest.FixtureRequest) -> Rig:
    found: Rig = request.getfixturevalue(f"on_{request.param}")
    return found


#: What other tests or the soak runs show too, each waiting for 10 to 40 s: `make soak` runs them.
LONG = (
    "test_a_part_of_the_cloud_goes_away_and_comes_back[queue-hang]",
    "test_a_part_of_the_cloud_goes_away_and_comes_back[database-hang]",
    "test_gemini_goes_away_and_comes_back[hang]",
    "test_workers_killed_at_random_lose_nothing_and_pay_only_what_was_in_flight[cloud]",
    "test_a_part_of_the_cloud_goes_away_and_comes_back[queue-refuse]",
    "test_a_part_of_the_cloud_goes_away_and_comes_back[storage-cut]",
    "test_sqlite_is_locked_by_another_program[35]",
    "test_gemini_goes_away_and_comes_back[reset]",
    "test_gemini_goes_away_and_comes_back[quota_minute]",
    "test_gemini_goes_away_and_comes_back[quota_day]",
    "test_a_worker_whose_clock_is_an_hour_off_is_killed[cloud-+1h]",
    "test_a_worker_whose_clock_is_an_hour_off_is_killed[defaults--1h]",
    "test_a_worker_whose_clock_is_an_hour_off_is_killed[cloud--1h]",
    "test_a_clock_that_jumps_an_hour_during_a_lease_changes_nothing[cloud]",
    "test_a_picture_that_kills_the_process_fails_and_delays_no_other[cloud]",
    "test_without_file_descriptors_it_waits_and_recovers[cloud]",
    "test_sigterm_gives_back_what_can_not_finish_in_time[cloud]",
    "test_sigterm_under_load_finishes_what_runs_and_takes_nothing_new[cloud]",
    "test_processes_that_gunicorn_recycles_lose_nothing[2-3-9]",
    "test_a_worker_killed_at_each_step_of_a_take_pays_for_none_twice[cloud]",
    "test_a_worker_frozen_longer_than_its_lease_changes_nothing[cloud]",
)
#: Twins that `make test-extra` runs.
TWINS = (
    "test_a_part_of_the_cloud_goes_away_and_comes_back[storage-hang]",
    "test_a_rolling_restart_loses_no_request",
    "test_a_worker_killed_at_each_step_loses_nothing_and_pays_nothing_twice[cloud]",
    "test_a_worker_killed_during_its_background_tasks_loses_nothing[cloud]",
    "test_a_request_killed_before_its_commit_made_nothing_and_after_it_all[cloud]",
    "test_an_old_claim_of_a_dead_process_is_taken_over[cloud]",
    "test_killed_processes_of_gunicorn_lose_no_product",
    "test_a_clock_that_jumps_an_hour_during_a_lease_changes_nothing[defaults]",
)


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.name in LONG:
        item.add_marker(pytest.mark.soak)
    elif item.name in TWINS:
        item.add_marker(pytest.mark.extra)
