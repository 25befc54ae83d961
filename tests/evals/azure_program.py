"""What a user of Microsoft's evaluation package runs; a process of its own, for the package warns and prints as it likes.

`python -m tests.evals.azure_program BASE KIND:ROWS…` grades ROWS lines with all five wrappers for each KIND of
configuration and writes `{KIND: {"metrics": …, "rows": […]}}` to the last line of standard output.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from azure.ai.evaluation import (
    AzureOpenAIGrader,
    AzureOpenAILabelGrader,
    AzureOpenAIModelConfiguration,
    AzureOpenAIPythonGrader,
    AzureOpenAIScoreModelGrader,
    AzureOpenAIStringCheckGrader,
    AzureOpenAITextSimilarityGrader,
    OpenAIModelConfiguration,
    evaluate,
)
from azure.ai.evaluation._evaluate import _evaluate_aoai

SOURCE = "def grade(sample, item):\n    return (int(item['number']) % 4) / 4\n"
"""The package makes texts of numbers. Rows without a number raise."""

HURRY = 20
"""The package sleeps 4.5 s before it first looks at a run, for each grader anew; here so many times less."""


def row(number: int) -> dict[str, Any]:
    """Every seventh has no `number`; `answer` is right in two of three; nested and boolean fields ride along."""
    return {
        "question": f"What is {number} + 1?",
        "answer": f"{number + 1}" if number % 3 else f"{number + 1} or so",
        "expected": str(number + 1),
        "number": "none" if number % 7 == 6 else number,
        "mark": number * 7 % 11,
        "mood": "bad" if number % 5 == 0 else "good",
        "flag": number % 2 == 0,
        "nested": {"list": [number, {"deep": True}]},
    }


def configuration(kind: str, base: str) -> AzureOpenAIModelConfiguration | OpenAIModelConfiguration:
    if kind == "openai":
        return OpenAIModelConfiguration(
            type="openai", base_url=f"{base}/v1", api_key="none", model="gpt-4o"
        )
    azure = AzureOpenAIModelConfiguration(azure_endpoint=base, api_key="none")
    if kind == "azure_deployment":
        azure["azure_deployment"] = "gpt-4o"
    return azure


def graders(kind: str, base: str) -> dict[str, AzureOpenAIGrader]:
    config = configuration(kind, base)
    return {
        "exact": AzureOpenAIStringCheckGrader(
            model_config=config,
            name="exact",
            input="{{item.answer}}",
            reference="{{ item.expected }}",
            operation="eq",
        ),
        "near": AzureOpenAITextSimilarityGrader(
            model_config=config,
            name="near",
            evaluation_metric="fuzzy_match",
            input="{{item.answer}}",
            reference="{{item.expected}}",
            pass_threshold=0.99,
        ),
        "code": AzureOpenAIPythonGrader(
            model_config=config, name="code", source=SOURCE, pass_threshold=0.5
        ),
        "judged": AzureOpenAIScoreModelGrader(
            model_config=config,
            name="judged",
            model="gpt-4o",
            input=[{"role": "user", "content": "{{item.question}} score: {{item.mark}}"}],
            range=[0, 10],
            pass_threshold=5,
        ),
        "labelled": AzureOpenAILabelGrader(
            model_config=config,
            name="labelled",
            model="gpt-4o",
            input=[{"role": "user", "content": "{{item.question}} It is {{item.mood}}."}],
            labels=["good", "bad"],
            passing_labels=["good"],
        ),
    }


def main() -> None:
    base, *wanted = sys.argv[1:]
    _evaluate_aoai.sleep = lambda seconds: time.sleep(seconds / HURRY)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.jsonl"
        for kind, count in (word.split(":") for word in wanted):
            data.write_text("".join(json.dumps(row(n)) + "\n" for n in range(int(count))))
            result = evaluate(data=str(data), evaluators=graders(kind, base))
            results[kind] = {"metrics": result["metrics"], "rows": result["rows"]}
    print("\n" + json.dumps(results, default=str), flush=True)


if __name__ == "__main__":
    main()
