"""Every query of a dashboard or alert asks for metrics, labels and label values that the service really exposes."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from grader_service.settings import Settings
from tests.definitions import STRING_CHECK
from tests.deploy import promql
from tests.deploy.places import DASHBOARDS, RULES, read
from tests.serving import serving

Series = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Of a server with a catalogue, a judge and budgets: metric name -> label -> its values."""
    folder: Path = tmp_path_factory.mktemp("catalogue")
    (folder / "capital.json").write_text(json.dumps(STRING_CHECK))
    settings = Settings(
        sandbox="off",
        log_level="error",
        catalogue=folder,
        llm_base_url="http://127.0.0.1:9",
        llm_price="2.5,1.25,10",
        budget_per_day=1,
        budget_total=2,
        state_dir=tmp_path_factory.mktemp("state"),
    )
    found: Series = defaultdict(lambda: defaultdict(set))
    with serving(settings) as address:
        text = httpx.get(f"{address}/metrics").text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found[sample.name][label].add(value)
            found[sample.name]  # also what has no label
    found["up"]["job"].add("grader")
    return {name: dict(labels) for name, labels in found.items()}


def rules() -> Iterator[tuple[str, str]]:
    for group in read(RULES)["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]


def panels() -> Iterator[tuple[str, str]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


RECORDED = {
    rule["record"] for group in read(RULES)["groups"] for rule in group["rules"] if "record" in rule
}
QUERIES = [*rules(), *panels()]


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_what_a_query_asks_for_is_exposed(title: str, query: str, exposed: Series) -> None:
    needed = promql.needs(query)
    assert needed, "the query names no metric of the service"
    labels: set[str] = set()
    for need in needed:
        if need.name in RECORDED:
            continue
        assert need.name in exposed, f"{title}: there is no metric {need.name}"
        labels |= exposed[need.name].keys()
        for label, value in need.labels:
            known = exposed[need.name].get(label)
            assert known is not None, f"{title}: {need.name} has no label {label}"
            if value and value not in ("$grader", "openai_.*"):
                assert value in known, f"{title}: {need.name} never has {label}={value!r}"
    if not {need.name for need in needed} & RECORDED:
        strange = promql.grouped_by(query) - labels - promql.ADDED
        assert not strange, f"{title}: no metric of the query has the labels {sorted(strange)}"


def test_every_metric_of_the_service_is_looked_at(exposed: Series) -> None:
    """A metric that no panel and no alert reads is either forgotten there or not worth its series."""
    asked = {need.name for _, query in QUERIES for need in promql.needs(query)}
    ours = {name for name in exposed if name.startswith("grader_")}
    left = {
        name
        for name in ours - asked
        if not name.endswith(("_created", "_sum", "_count", "_bucket"))
    }
    assert left <= {"grader_catalogue_graders"}


def test_the_reader_of_queries_sees_names_labels_and_values() -> None:
    query = 'sum by (type, le) (rate(grader_x_bucket{le="1.0", state=~"a|b"}[5m])) / on (kind) up{job="grader"}'
    found = promql.needs(query)
    assert found == [
        promql.Needs("grader_x_bucket", (("le", "1.0"), ("state", "a"), ("state", "b"))),
        promql.Needs("up", ()),
    ]
    assert promql.grouped_by(query) == {"type", "le", "kind"}


def legends() -> Iterator[tuple[str, Any]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield target["legendFormat"], target["expr"]


def test_legends_name_labels_that_the_query_keeps() -> None:
    for legend, query in legends():
        for label in (part.split("}}")[0] for part in legend.split("{{")[1:]):
            kept = promql.grouped_by(query) | {"instance"}
            assert label in kept or "group_left" in query, (legend, query)
