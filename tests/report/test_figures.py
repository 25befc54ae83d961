"""Every figure against one that is computed here, in another way."""

import itertools
import random
import statistics
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from tests.report.rewards import cause, record, report, tokens, write

PASS_THRESHOLD = 0.5
PRICE = "2,1,10"


def records() -> list[dict[str, Any]]:
    """50 prompts of 4 samples; a sixth of the prompts flat, some samples invalid or failed."""
    chance = random.Random(5)
    made = []
    for index, n in itertools.product(range(50), range(4)):
        reward = round(chance.random(), 2)
        if index % 6 == 0:
            reward = (0.0, 0.4, 1.0)[index % 3 if index < 40 else 1]
        others: dict[str, Any] = {
            "parts": {"near": reward / 2, "always": 1.0},
            "seconds": chance.random(),
            "usage": {"gpt-4o": tokens(100, 40, 7)},
        }
        if chance.random() < 0.06:
            reward = 0.0
            others |= {"state": "invalid", "causes": [cause("variable_missing")]}
        elif chance.random() < 0.05:
            others |= {"state": "failed", "causes": [cause("judge_timed_out", "near")]}
        made.append(record(index, n, reward, **others))
    return made


def other(first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Another grader's view; a few samples are missing, others are new, and the order is another."""
    chance = random.Random(6)
    made = [
        {**line, "reward": round(min(1.0, max(0.0, line["reward"] + chance.gauss(0.1, 0.2))), 2)}
        for line in first[5:]
    ]
    chance.shuffle(made)
    return [*made, record(99, 0, 0.5)]


@pytest.fixture(scope="module")
def first() -> list[dict[str, Any]]:
    return records()


@pytest.fixture(scope="module")
def answer(first: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of one run with everything."""
    folder = tmp_path_factory.mktemp("report")
    grader = folder / "grader.yaml"
    grader.write_text(
        "{name: g, type: string_check, operation: eq, input: a, reference: b, "
        f"pass_threshold: {PASS_THRESHOLD}}}"
    )
    return report(
        write(folder / "first.jsonl", first),
        write(folder / "other.jsonl", other(first)),
        "--output",
        folder / "page.html",
        "--grader",
        grader,
        llm_price=PRICE,
    )


def rewarded(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["state"] != "failed"]


def test_outcomes_and_causes(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    found = answer["summary"]["outcomes"]
    states = Counter(line["state"] for line in first)
    assert (found["samples"], found["prompts"], found["states"]) == (200, 50, dict(states))
    assert min(states.values()) > 3
    assert {
        (each["state"], each["kind"], each["where"]): each["count"] for each in found["causes"]
    } == {
        ("invalid", "variable_missing", ""): states["invalid"],
        ("failed", "judge_timed_out", "near"): states["failed"],
    }


def test_distribution(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    rewards = [line["reward"] for line in rewarded(first)]
    found = answer["summary"]["rewards"]
    assert found["count"] == len(rewards)
    assert found["mean"] == pytest.approx(statistics.fmean(rewards))
    assert found["deviation"] == pytest.approx(statistics.pstdev(rewards))
    assert [found["quarter"], found["median"], found["three_quarters"]] == pytest.approx(
        statistics.quantiles(rewards, n=4, method="inclusive")
    )
    assert found["at_minimum"] == pytest.approx(rewards.count(0.0) / len(rewards))
    assert found["at_maximum"] == pytest.approx(rewards.count(max(rewards)) / len(rewards))
    bars = Counter(min(int(Fraction(str(reward)) * 20), 19) for reward in rewards)
    assert found["histogram"]["counts"] == [bars[place] for place in range(20)]


def test_thresholds(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    rewards = [line["reward"] for line in rewarded(first)]

    def failing(threshold: float) -> float:
        return sum(reward < threshold for reward in rewards) / len(rewards)

    found = answer["summary"]["thresholds"]
    assert len(found["curve"]) == len(set(rewards))
    for point in (*found["curve"], found["current"], found["suggested"]):
        assert point["failing"] == pytest.approx(failing(point["threshold"]))
    assert found["current"]["threshold"] == PASS_THRESHOLD
    for step in range(1, 1001):
        threshold = step / 1000
        fits = 0.25 <= failing(threshold) <= 0.5
        assert fits == (found["above"] < threshold <= found["up_to"])
    assert 0.25 <= found["suggested"]["failing"] <= 0.5
    assert any("pass_threshold 0.5" in said["title"] for said in answer["summary"]["advice"])


def test_spread(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    groups: dict[int, list[float]] = {}
    for line in rewarded(first):
        groups.setdefault(line["index"], []).append(line["reward"])
    compared = [group for group in groups.values() if len(group) > 1]
    flat = [group for group in compared if len(set(group)) == 1]
    found = answer["summary"]["spread"]
    assert (found["prompts"], found["compared"]) == (50, len(compared))
    assert (found["fewest_samples"], found["most_samples"]) == (
        min(map(len, compared)),
        max(map(len, compared)),
    )
    assert found["flat"] == pytest.approx(len(flat) / len(compared))
    assert flat
    assert found["flat_lowest"] == pytest.approx(
        sum(group[0] == 0.0 for group in flat) / len(compared)
    )
    assert found["mean"] == pytest.approx(statistics.fmean(map(statistics.pstdev, compared)))
    assert sum(found["histogram"]["counts"]) == len(compared)


def test_parts(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    near, always = answer["summary"]["parts"]
    parts = [line["parts"]["near"] for line in rewarded(first)]
    assert near["name"] == "near"
    assert near["distribution"]["mean"] == pytest.approx(statistics.fmean(parts))
    assert near["with_reward"] == pytest.approx(
        spearman(parts, [line["reward"] for line in rewarded(first)])
    )
    assert (always["distribution"]["distinct"], always["with_reward"]) == (1, None)
    assert any("never change" in said["title"] for said in answer["summary"]["advice"])


def test_times(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    found = answer["summary"]["times"]
    seconds = [line["seconds"] for line in first]
    assert found["median"] == pytest.approx(statistics.median(seconds))
    assert found["total"] == pytest.approx(sum(seconds))
    slowest = sorted(first, key=lambda line: -line["seconds"])[:10]
    assert [(slow["index"], slow["n"], slow["seconds"]) for slow in found["slowest"]] == [
        (line["index"], line["n"], line["seconds"]) for line in slowest
    ]


def test_cost(answer: dict[str, Any]) -> None:
    (found,) = answer["summary"]["costs"]
    assert (found["model"], found["prompt_tokens"], found["completion_tokens"]) == (
        "gpt-4o",
        20_000,
        1_400,
    )
    assert found["cost"] == pytest.approx((12_000 * 2 + 8_000 * 1 + 1_400 * 10) / 1e6)


def test_comparison(answer: dict[str, Any], first: list[dict[str, Any]]) -> None:
    found = answer["comparison"]
    theirs = {(line["index"], line["n"]): line for line in rewarded(other(first))}
    pairs = [
        (line["reward"], theirs[line["index"], line["n"]]["reward"])
        for line in rewarded(first)
        if (line["index"], line["n"]) in theirs
    ]
    differences = [right - left for left, right in pairs]
    assert (found["pairs"], found["only_first"], found["only_second"]) == (len(pairs), 5, 1)
    assert found["difference"]["mean"] == pytest.approx(statistics.fmean(differences))
    assert found["absolute_difference"] == pytest.approx(statistics.fmean(map(abs, differences)))
    assert found["rises"] == pytest.approx(sum(step > 0 for step in differences) / len(pairs))
    lefts, rights = zip(*pairs, strict=True)
    assert found["spearman"] == pytest.approx(spearman(lefts, rights))
    for flips in (*found["flips"], found["at"]):
        at = flips["threshold"]
        assert flips["gained"] == sum(left < at <= right for left, right in pairs)
        assert flips["lost"] == sum(right < at <= left for left, right in pairs)
    assert found["at"]["threshold"] == PASS_THRESHOLD
    furthest = max(right - left for left, right in pairs if left < PASS_THRESHOLD <= right)
    shown = found["gained"][0]
    assert shown["second_reward"] - shown["first_reward"] == pytest.approx(furthest)
    assert sum(map(sum, found["scatter"]["counts"])) == len(pairs)


def spearman(left: Any, right: Any) -> float:
    """Pearson's correlation of the ranks."""
    return statistics.correlation(ranks(left), ranks(right))


def ranks(values: Any) -> list[float]:
    """Equal values share the mean of their places."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [statistics.fmean(places[value]) for value in values]
