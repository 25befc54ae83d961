"""JSON answers and tool calls that are read too kindly."""

from tests.doctor.planted import CITIES, Planted, asked, multi, python, string_check

PLACES = tuple(
    asked(
        "Name city and country as JSON, and all rivers in any order.",
        city=city,
        country=country,
        rivers=rivers,
    )
    for city, country, rivers in (
        ("Basel", "Switzerland", ["Rhine", "Birs", "Wiese"]),
        ("Cairo", "Egypt", ["Nile", "Ismailia", "Rayah"]),
        ("Lyon", "France", ["Saone", "Rhone", "Yzeron"]),
    )
)
TOOLS = [
    {"type": "function", "function": {"name": name}}
    for name in ("get_weather", "get_time", "send_mail")
]
WEATHER = tuple(
    asked(
        f"What is the weather in {city}?",
        tools=TOOLS,
        expected=[{"name": "get_weather", "arguments": {"city": city, "unit": "C"}}],
    )
    for city in ("Bonn", "Riga", "Oran")
)

ALL = (
    Planted(
        "any value of the object",
        python("""
def grade(sample, item):
    found = sample["output_json"] or {}
    return 1.0 if isinstance(found, dict) and item["answer"] in found.values() else 0.0
"""),
        "answer under another key",
        CITIES,
    ),
    Planted(
        "in, where a list may stand",
        python("""
def grade(sample, item):
    found = sample["output_json"]
    if not isinstance(found, dict):
        return 0.0
    said = found.get("answer") or ""
    try:
        return 1.0 if said == item["answer"] or (isinstance(said, list) and item["answer"] in said) else 0.0
    except TypeError:
        return 0.0
"""),
        "a list in place of a value",
        CITIES,
    ),
    Planted(
        "recall of a list",
        python("""
def grade(sample, item):
    found = sample["output_json"]
    if not isinstance(found, dict) or not isinstance(found.get("rivers"), list):
        return 0.0
    said = {str(each).strip() for each in found["rivers"]}
    return sum(each in said for each in item["rivers"]) / len(item["rivers"])
"""),
        "surplus elements",
        PLACES,
    ),
    Planted(
        "searches the text of JSON",
        python(
            r"""
import re

def grade(sample, item):
    said = re.findall(r'"answer"\\s*:\\s*"([^"]*)"', sample["output_text"])
    return 1.0 if item["answer"] in said else 0.0
""".replace("\\\\", "\\")
        ),
        "right and wrong together",
        CITIES,
    ),
    Planted(
        "order of keys",
        python("""
import json

def grade(sample, item):
    gold = json.dumps({"city": item["city"], "country": item["country"]})
    return 1.0 if sample["output_text"].strip() == gold else 0.0
"""),
        "the same JSON, written otherwise",
        PLACES,
    ),
    Planted(
        "order of elements",
        python("""
def grade(sample, item):
    found = sample["output_json"]
    return 1.0 if isinstance(found, dict) and found.get("rivers") == item["rivers"] else 0.0
"""),
        "elements in another order",
        PLACES,
    ),
    Planted(
        "falls over what is no object",
        python("""
def grade(sample, item):
    return 1.0 if sample["output_json"]["city"].strip() == item["city"] else 0.0
"""),
        "crash",
        PLACES,
    ),
    Planted(
        "tools by hearsay",
        python("""
def grade(sample, item):
    called = [call["function"]["name"] for call in sample["output_tools"]]
    wanted = [call["name"] for call in item["expected"]]
    if called:
        return 1.0 if called == wanted else 0.0
    return 1.0 if all(name in sample["output_text"] for name in wanted) else 0.0
"""),
        "tool calls told, not made",
        WEATHER,
    ),
    Planted(
        "one of the tools",
        python("""
def grade(sample, item):
    called = [call["function"]["name"] for call in sample["output_tools"] or []]
    return 1.0 if all(call["name"] in called for call in item["expected"]) else 0.0
"""),
        "every tool called",
        WEATHER,
    ),
    Planted(
        "arguments as text",
        python("""
import json

def grade(sample, item):
    calls = sample["output_tools"] or []
    wanted = [(call["name"], json.dumps(call["arguments"])) for call in item["expected"]]
    return 1.0 if [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == wanted else 0.0
"""),
        "the same arguments, written otherwise",
        WEATHER,
    ),
    Planted(
        "one half for a form",
        multi(
            "0.5 * form + 0.5 * city",
            form=string_check("like", "{{sample.output_text}}", "<city>"),
            city=string_check("eq", "{{sample.output_text}}", "<city>{{item.city}}</city>"),
        ),
        "format without an answer",
        PLACES,
    ),
    Planted(
        "failing pays",
        {
            **string_check("eq", "{{sample.output_json.city}}", "{{item.city}}"),
            "invalid_grade": 0.6,
        },
        "failing on purpose",
        PLACES,
    ),
)
