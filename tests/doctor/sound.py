"""Graders in which the doctor must find nothing."""

from tests.doctor import judges
from tests.doctor.hackable.structured import PLACES, WEATHER
from tests.doctor.planted import (
    CHOICES,
    CITIES,
    DOUBLING,
    SENTENCES,
    SUMS,
    Planted,
    asked,
    label_model,
    multi,
    python,
    score_model,
    similarity,
    string_check,
)

PROMPT = "Compare the answer with the reference, letter by letter.\nReference: {{item.answer}}\nAnswer: {{sample.output_text}}"
TARGETS = tuple(
    asked(f"Write an expression for {target} from {nums}.", target=target, nums=nums)
    for target, nums in ((24, [4, 6]), (35, [5, 7]), (18, [20, 2]))
)

ALL = (
    Planted("eq", string_check("eq"), rows=CHOICES),
    Planted("eq without data", string_check("eq")),
    Planted(
        "eq of a field",
        string_check("eq", "{{sample.output_json.city}}", "{{item.city}}"),
        rows=PLACES,
    ),
    Planted("bleu of sentences", similarity("bleu"), rows=SENTENCES),
    Planted("rouge of sentences", similarity("rouge_l"), rows=SENTENCES),
    Planted(
        "strict multi",
        multi(
            "city * country",
            city=string_check("eq", "{{sample.output_json.city}}", "{{item.city}}"),
            country=string_check("eq", "{{sample.output_json.country}}", "{{item.country}}"),
        ),
        rows=PLACES,
    ),
    Planted(
        "similar and of the right kind",
        multi(
            "kind * near",
            kind=string_check("eq", "{{sample.output_json.kind}}", "{{item.kind}}"),
            near=similarity("rouge_l", "{{sample.output_json.text}}", "{{item.answer}}"),
        ),
        rows=tuple(
            {**row, "kind": kind}
            for row, kind in zip(SENTENCES, ("storm", "garden", "art"), strict=True)
        ),
    ),
    Planted(
        "stripped and folded",
        python("""
def grade(sample, item):
    text = sample["output_text"].strip().casefold()
    return 1.0 if text == item["answer"].strip().casefold() else 0.0
"""),
        rows=CITIES,
    ),
    Planted(
        "the boxed number",
        python(r"""
import re

def grade(sample, item):
    found = re.findall(r"\\boxed\{(-?[0-9]{1,20})\}", sample["output_text"][-2000:])
    return 1.0 if len(found) == 1 and int(found[0]) == int(item["answer"]) else 0.0
"""),
        rows=SUMS,
    ),
    Planted(
        "the only answer in tags",
        python(r"""
import re

def grade(sample, item):
    found = re.findall(r"<answer>([^<]{1,200})</answer>", sample["output_text"][:20000])
    return 1.0 if len(found) == 1 and found[0].strip().lower() == item["answer"].lower() else 0.0
"""),
        rows=CITIES,
    ),
    Planted(
        "programs apart",
        python("""
from grading_sandbox import run_untrusted

def grade(sample, item):
    passed = 0
    for case in item["cases"]:
        ended = run_untrusted(sample["output_text"], case["stdin"], timeout_seconds=0.5)
        passed += ended.exit_status == 0 and ended.stdout.strip() == case["stdout"].strip()
    return passed / len(item["cases"])
"""),
        rows=DOUBLING,
    ),
    Planted(
        "expressions by their tree",
        python("""
import ast

ALLOWED = (ast.Expression, ast.BinOp, ast.Constant, ast.Add, ast.Sub, ast.Mult, ast.Div)

def value(node):
    if isinstance(node, ast.Constant):
        return node.value
    left, right = value(node.left), value(node.right)
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left / right

def grade(sample, item):
    text = sample["output_text"].strip()
    if not 0 < len(text) <= 200:
        return 0.0
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return 0.0
    nodes = list(ast.walk(tree))
    if not all(isinstance(node, ALLOWED) for node in nodes):
        return 0.0
    used = [node.value for node in nodes if isinstance(node, ast.Constant)]
    if not all(type(number) is int for number in used) or sorted(used) != sorted(item["nums"]):
        return 0.0
    try:
        return 1.0 if abs(value(tree.body) - item["target"]) < 1e-9 else 0.0
    except ZeroDivisionError:
        return 0.0
"""),
        rows=TARGETS,
        samples=(
            {"index": 0, "sample": "4 * 6"},
            {"index": 1, "sample": "5 * 7"},
            {"index": 2, "sample": "20 - 2"},
        ),
    ),
    Planted(
        "F1 of a list",
        python("""
def grade(sample, item):
    found = sample["output_json"]
    if not isinstance(found, dict) or not isinstance(found.get("rivers"), list):
        return 0.0
    said = {each.strip() for each in found["rivers"] if isinstance(each, str)}
    hits = len(said & set(item["rivers"]))
    return 2 * hits / (len(said) + len(item["rivers"])) if hits else 0.0
"""),
        rows=PLACES,
    ),
    Planted(
        "tools as they were called",
        python("""
import json

def parsed(call):
    try:
        return call["function"]["name"], json.loads(call["function"]["arguments"])
    except ValueError:
        return call["function"]["name"], None

def grade(sample, item):
    called = [parsed(call) for call in sample.get("output_tools") or []]
    return 1.0 if called == [(call["name"], call["arguments"]) for call in item["expected"]] else 0.0
"""),
        rows=WEATHER,
    ),
    Planted("sound judge", score_model(PROMPT), rows=CITIES, judge=judges.sound),
    Planted(
        "sound label",
        label_model(PROMPT, ["correct", "incorrect"], ["correct"]),
        rows=CITIES,
        judge=judges.sound,
    ),
    Planted(
        "judge and text",
        multi("exact * judge", exact=string_check("eq"), judge=score_model(PROMPT)),
        rows=CITIES,
        judge=judges.sound,
    ),
)
