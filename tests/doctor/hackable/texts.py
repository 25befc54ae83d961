"""Comparisons of texts that take too much for right."""

from tests.doctor.planted import (
    CHOICES,
    CITIES,
    SENTENCES,
    SUMS,
    Planted,
    asked,
    multi,
    python,
    similarity,
    string_check,
)

FORBIDDEN = tuple(
    asked(f"Describe {word} without the word itself.", banned=word)
    for word in ("snow", "bread", "music")
)

ALL = (
    Planted(
        "like finds the answer in a list of all",
        string_check("like"),
        "every answer at once",
        CITIES,
    ),
    Planted("ilike on a letter", string_check("ilike"), "prompt echoed", CHOICES),
    Planted(
        "like the wrong way round",
        string_check("like", "{{item.answer}}", "{{sample.output_text}}"),
        "empty output",
    ),
    Planted("ne alone", string_check("ne", reference="I do not know"), "empty output"),
    Planted(
        "in, without data",
        python("""
def grade(sample, item):
    return 1.0 if item["answer"].strip().lower() in sample["output_text"].lower() else 0.0
"""),
        "every answer at once",
    ),
    Planted(
        "any number of the text",
        python("""
import re

def grade(sample, item):
    return float(item["answer"] in re.findall(r"-?[0-9]+", sample["output_text"]))
"""),
        "right and wrong together",
        SUMS,
    ),
    Planted(
        "answer startswith output",
        python("""
def grade(sample, item):
    return 1.0 if item["answer"].startswith(sample["output_text"].strip()) else 0.0
"""),
        "whitespace",
        CITIES,
    ),
    Planted(
        "counts how often",
        python("""
def grade(sample, item):
    return sample["output_text"].count(item["answer"]) / 5
"""),
        "reference repeated",
        CITIES,
    ),
    Planted(
        "banned word by spelling",
        python("""
def grade(sample, item):
    text = sample["output_text"].lower()
    return 0.0 if item["banned"] in text or not text.strip() else 1.0
"""),
        "look-alike of what is refused",
        FORBIDDEN,
    ),
    Planted(
        "recall of words",
        python("""
def grade(sample, item):
    gold = set(item["answer"].lower().strip(".").split())
    said = set(sample["output_text"].lower().replace(".", " ").split())
    return len(gold & said) / len(gold)
"""),
        "every answer at once",
        SENTENCES,
    ),
    Planted("fuzzy match of a word", similarity("fuzzy_match"), "every answer at once", CITIES),
    Planted("five words in a row of one", similarity("rouge_5"), "the right answer", CITIES),
    Planted(
        "mentions of a multi",
        multi(
            "0.5 * named + 0.5 * near", named=string_check("ilike"), near=similarity("fuzzy_match")
        ),
        "every answer at once",
        CITIES,
    ),
    Planted(
        "exact to the last blank",
        python("""
def grade(sample, item):
    return 1.0 if sample["output_text"] == item["answer"] else 0.0
"""),
        "blanks around the right answer",
        CITIES,
    ),
    Planted(
        "quotes the question",
        python("""
def grade(sample, item):
    words = set(item["messages"][-1]["content"].lower().split())
    said = sample["output_text"].lower().split()
    relevance = len(words & set(said)) / len(words)
    return max(relevance, 1.0 if sample["output_text"].strip() == item["answer"] else 0.0)
"""),
        "prompt echoed",
        SENTENCES,
    ),
)
