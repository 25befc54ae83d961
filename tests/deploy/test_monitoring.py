"""Prometheus' rules in promtool's eyes, their runbooks, and dashboards that are what their program writes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.places import DASHBOARDS, DEPLOY, RULES, read, run

ALERTS = [rule for group in read(RULES)["groups"] for rule in group["rules"] if "alert" in rule]
README = (DEPLOY / "README.md").read_text()


def anchors(markdown: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "deploy/prometheus/prometheus.yml"),
        ("check", "rules", "deploy/prometheus/alerts.yml"),
        ("test", "rules", "deploy/prometheus/alerts.test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    done = run("promtool", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_do(alert: dict) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    notes = alert["annotations"]
    assert notes["summary"]
    assert notes["action"]
    page, _, anchor = notes["runbook"].partition("#")
    assert page == "deploy/README.md"
    assert anchor == alert["alert"].lower()
    assert anchor in anchors(README)


def test_every_alert_has_a_case() -> None:
    cases = read(DEPLOY / "prometheus/alerts.test.yml")["tests"]
    fired = {
        case["alertname"]
        for test in cases
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert fired == {alert["alert"] for alert in ALERTS}


def test_dashboards_are_what_their_program_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-B", DEPLOY / "grafana/build.py", tmp_path], check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in DASHBOARDS}


def test_dashboards_fit_grafana_s_provisioning() -> None:
    source = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    compose = read(DEPLOY.parent / "docker-compose.yml")["services"]["grafana"]
    folder = read(DEPLOY / "grafana/provisioning/dashboards/grader.yml")["providers"][0]["options"]
    assert f"./deploy/grafana/dashboards:{folder['path']}:ro" in compose["volumes"]
    uids = set()
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        uids.add(board["uid"])
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] == source["uid"]
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
    assert len(uids) == len(DASHBOARDS) == 4
