"""Panels as plain dictionaries, with what all of them share; rows are laid out from top to bottom.

The fields are those of Grafana's dashboard JSON model (schemaVersion 39, Grafana 11 and newer).
"""

from typing import Any

Json = dict[str, Any]

SOURCE: Json = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24
HEIGHT = 8


def _panel(
    kind: str, title: str, text: str, queries: dict[str, str], unit: str, **more: Any
) -> Json:
    """`queries` maps a legend to its PromQL."""
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": query,
            "legendFormat": legend,
        }
        for number, (legend, query) in enumerate(queries.items())
    ]
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, **more}, "overrides": []},
        "options": {},
    }


def lines(title: str, text: str, queries: dict[str, str], unit: str = "short", **more: Any) -> Json:
    """Values over time; `more` goes to the field's defaults (`min`, `max`, `thresholds`)."""
    panel = _panel("timeseries", title, text, queries, unit, **more)
    panel["fieldConfig"]["defaults"]["custom"] = {"fillOpacity": 8, "showPoints": "never"}
    panel["options"] = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def areas(title: str, text: str, queries: dict[str, str], unit: str = "short") -> Json:
    """Values over time, one on the other."""
    panel = lines(title, text, queries, unit, min=0)
    panel["fieldConfig"]["defaults"]["custom"] |= {
        "fillOpacity": 40,
        "stacking": {"mode": "normal", "group": "A"},
    }
    return panel


def number(
    title: str, text: str, query: str, unit: str = "short", red: float | None = None
) -> Json:
    """One value, red from `red` on."""
    steps: list[Json] = [{"color": "green", "value": None}]
    if red is not None:
        steps.append({"color": "red", "value": red})
    thresholds = {"mode": "absolute", "steps": steps}
    panel = _panel("stat", title, text, {"": query}, unit, thresholds=thresholds)
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    return panel


def heatmap(title: str, text: str, query: str) -> Json:
    """A histogram's buckets over time; `query` keeps the label `le`."""
    panel = _panel("heatmap", title, text, {"{{le}}": query}, "short")
    panel["targets"][0]["format"] = "heatmap"
    panel["options"] = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
        "yAxis": {"axisPlacement": "left"},
        "cellGap": 1,
    }
    return panel


def table(title: str, text: str, query: str, unit: str) -> Json:
    """One row for each series, the largest value first."""
    panel = _panel("table", title, text, {"": query}, unit)
    panel["targets"][0] |= {"format": "table", "instant": True}
    panel["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
    panel["options"] = {"sortBy": [{"displayName": "Value", "desc": True}]}
    return panel


def choice(name: str, label: str, query: str) -> Json:
    """A menu of a label's values; all of them at first."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def board(uid: str, title: str, rows: list[list[Json]], choices: list[Json] | None = None) -> Json:
    """A dashboard; the panels of a row share its width."""
    panels: list[Json] = []
    for line, row in enumerate(rows):
        width = WIDTH // len(row)
        for column, panel in enumerate(row):
            place = {"h": HEIGHT, "w": width, "x": column * width, "y": line * HEIGHT}
            panels.append({"id": len(panels) + 1, "gridPos": place, **panel})
    return {
        "uid": f"grader-{uid}",
        "title": f"Graders: {title}",
        "tags": ["grader-service"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": choices or []},
        "links": [
            {
                "type": "dashboards",
                "title": "Graders",
                "tags": ["grader-service"],
                "asDropdown": True,
            }
        ],
        "panels": panels,
    }
