"""Rewards that say little, too much, or something else each time."""

from tests.doctor.planted import CITIES, SUMS, Planted, multi, python, string_check

ALL = (
    Planted(
        "constant", python("def grade(sample, item):\n    return 0.7"), "constant reward", CITIES
    ),
    Planted(
        "saturated", multi("0.9 + 0.1 * exact", exact=string_check("eq")), "wrong answers", CITIES
    ),
    Planted(
        "longer is better",
        python("""
def grade(sample, item):
    text = sample["output_text"]
    right = 1.0 if text.strip() == item["answer"] else 0.0
    return max(right, min(len(text.split()) / 200, 1.0))
"""),
        "padding a wrong answer",
        CITIES,
    ),
    Planted(
        "connecting words",
        python("""
WORDS = ["therefore", "because", "first of all", "in conclusion"]

def grade(sample, item):
    text = sample["output_text"].lower()
    style = sum(word in text for word in WORDS) / len(WORDS)
    return 0.5 * style + 0.5 * (text.strip() == item["answer"].lower())
"""),
        "format without an answer",
        CITIES,
    ),
    Planted(
        "tags pay",
        python("""
import re

def grade(sample, item):
    text = sample["output_text"]
    reward = 0.0
    if "<think>" in text and "</think>" in text:
        reward += 0.25
    found = re.search(r"<answer>(.*?)</answer>", text, re.DOTALL)
    if found:
        reward += 0.25
        if found.group(1).strip() == item["answer"]:
            reward += 0.5
    return reward
"""),
        "format without an answer",
        SUMS,
    ),
    Planted(
        "far out of range",
        python("""
def grade(sample, item):
    try:
        said = float(sample["output_text"].strip()[:300])
    except ValueError:
        return -1.0
    return 1.0 - abs(said - float(item["answer"]))
"""),
        "reward out of range",
        SUMS,
    ),
    Planted(
        "divides by nothing",
        python("""
import math

def grade(sample, item):
    words = sample["output_text"].split()
    hits = sum(word.strip(".") == item["answer"] for word in words)
    return hits / len(words) if words else math.nan
"""),
        "no finite number",
        CITIES,
    ),
    Planted(
        "by the clock",
        python("""
import time

def grade(sample, item):
    luck = (time.time_ns() // 1000) % 7 / 10
    return 0.5 * (sample["output_text"].strip() == item["answer"]) + luck
"""),
        "the same output again",
        CITIES,
    ),
    Planted(
        "by luck",
        python("""
import random

def grade(sample, item):
    right = sample["output_text"].strip() == item["answer"]
    return 1.0 if right else 0.05 * random.random()
"""),
        "random numbers in the source",
        CITIES,
    ),
    Planted(
        "pattern that goes back",
        python(r"""
import re

def grade(sample, item):
    if not re.match(r"^(\w+\s?)*$", sample["output_text"].strip()):
        return 0.0
    return 1.0 if sample["output_text"].strip() == item["answer"] else 0.0
"""),
        "pumped text",
        CITIES,
    ),
)
