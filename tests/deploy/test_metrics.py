"""Metrics: what is named is exported, what is exported is used, and names say their unit."""

from __future__ import annotations

import re

from deploy.grafana.build import dashboards
from tests.deploy.expressions import UNUSED, UNUSED_PREFIXES, family, names_in, panels
from tests.deploy.prometheus_files import rules
from tests.deploy.replay import Watch

IDS = re.compile(r'"[0-9a-f]{16,}"')


def named() -> set[str]:
    """Families named by panels, annotations and rules."""
    boards = dashboards().values()
    expressions = [t["expr"] for board in boards for p in panels(board) for t in p["targets"]]
    expressions += [mark["expr"] for board in boards for mark in board["annotations"]["list"]]
    expressions += [rule["expr"] for rule in rules()]
    return set().union(*map(names_in, expressions))


def exported(watch: Watch) -> set[str]:
    """Families that the gateway tells of, with its worker's."""
    types = re.findall(r"^# TYPE (echocast_\S+) ", watch.exposition, re.M)
    return {family(name) for name in types}


def test_what_is_named_is_exported(watch: Watch) -> None:
    assert named() <= exported(watch)


def test_what_is_exported_is_used(watch: Watch) -> None:
    prefixes = tuple(UNUSED_PREFIXES)
    unused = {name for name in exported(watch) - named() if not name.startswith(prefixes)}
    assert unused == set(UNUSED)


def test_no_id_is_a_label_and_no_series_says_when_it_was_created(watch: Watch) -> None:
    assert not IDS.findall(watch.exposition)
    assert "_created" not in watch.exposition


def test_every_family_stands_together(watch: Watch) -> None:
    types = re.findall(r"^# TYPE (\S+) ", watch.exposition, re.M)
    assert len(types) == len(set(types))


def test_times_and_sizes_are_in_base_units(watch: Watch) -> None:
    wrong = re.compile(r"_(ms|millis|milliseconds|minutes|hours|kb|mb|gb|mib|percent)(_|$)")
    assert not [name for name in exported(watch) if wrong.search(name)]


def test_no_rule_alarms_during_the_replay_but_of_what_is_old(watch: Watch) -> None:
    """The replayed frames are of long ago, but came just now: nothing is stale or stalled."""
    assert watch.prometheus.values('ALERTS{alertstate="firing"}', watch.start, watch.end) == []
