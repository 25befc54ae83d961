"""Evals as the hosted services tell them: keys that this server does not have, and forms of its own (evals-api §2)."""

from typing import Any

from tests.fakes.evals_source import Content

CRITERION = "says the capital-2f0c6a5e-8d0a-4a53-9f43-0d8b3a6f2c11"
SCORED = "close enough-77d1a0c2-3c1e-4d0f-8f1a-5d1f0a9b7e22"


def custom_eval(eval_id: str, *criteria: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"item": {"type": "object", "properties": {"answer": {"type": "string"}}}},
        "required": ["item"],
    }
    return {
        "object": "eval",
        "id": eval_id,
        "name": f"capitals of {eval_id}",
        "created_at": 1751700000,
        "data_source_config": {"type": "custom", "schema": schema, "max_items": None},
        "testing_criteria": list(criteria or (STRING_CHECK,)),
        "metadata": {"team": "atlas"},
        **more,
    }


STRING_CHECK: dict[str, Any] = {
    "id": CRITERION,
    "name": "says the capital",
    "type": "string_check",
    "input": "{{item.answer}}",
    "reference": "Paris",
    "operation": "ilike",
    "grdr_id": None,
    "inactive_at": None,
}
SCORE_MODEL: dict[str, Any] = {
    "id": SCORED,
    "name": "close enough",
    "type": "score_model",
    "model": "gpt-4o-2024-08-06",
    "input": [{"type": "message", "role": "user", "content": "Score {{item.answer}}"}],
    "range": [1, 7],
    "pass_threshold": 5.5,
    "sampling_params": None,
}
ENDPOINT: dict[str, Any] = {
    "id": "scorer-11",
    "name": "scorer",
    "type": "endpoint",
    "url": "https://scorer.example.com/score",
    "headers": {"X-Functions-Key": "**********"},
    "rate_limit": None,
    "pass_threshold": 0.5,
    "grdr_id": None,
    "inactive_at": None,
    "max_rps": None,
}
UNKNOWN: dict[str, Any] = {
    "id": "builtin-12",
    "name": "fluent",
    "type": "azure_ai_evaluator",
    "evaluator_name": "builtin.fluency",
    "data_mapping": {"response": "{{item.answer}}"},
}


def run(run_id: str, eval_id: str, total: int, **more: Any) -> dict[str, Any]:
    """One row of three fails."""
    failed = (total + 2) // 3
    return {
        "object": "eval.run",
        "id": run_id,
        "eval_id": eval_id,
        "created_at": 1751700100,
        "name": None,
        "metadata": {},
        "status": "completed",
        "model": "gpt-5-nano",
        "data_source": {
            "type": "completions",
            "source": {"type": "file_id", "id": "file-rows"},
            "model": "gpt-5-nano",
            "input_messages": {
                "type": "template",
                "template": [{"type": "message", "role": "user", "content": "{{item.question}}"}],
            },
            "sampling_params": None,
        },
        "error": None,
        "per_model_usage": [
            {
                "model_name": "gpt-5-nano-2025-08-07",
                "invocation_count": total,
                "prompt_tokens": 900,
                "completion_tokens": 300,
                "cached_tokens": 0,
                "total_tokens": 1200,
            }
        ],
        "per_testing_criteria_results": [
            {
                "testing_criteria": CRITERION,
                "testing_criteria_id": CRITERION,
                "passed": total - failed,
                "failed": failed,
            }
        ],
        "report_url": f"https://platform.example.com/evaluations/{eval_id}?run_id={run_id}",
        "result_counts": {
            "total": total,
            "passed": total - failed,
            "failed": failed,
            "errored": 0,
            "skipped": 0,
        },
        "shared_with_openai": True,
        **more,
    }


def items(run_id: str, eval_id: str, total: int) -> list[dict[str, Any]]:
    """In descending order of their rows, as the hosted export has been seen."""
    return [_item(run_id, eval_id, number) for number in reversed(range(total))]


def _item(run_id: str, eval_id: str, number: int) -> dict[str, Any]:
    passed = number % 3 != 0
    sample = {
        "input": [{"role": "user", "content": f"Question {number}"}],
        "output": [{"role": "assistant", "content": f"Answer {number} ü", "tool_calls": []}],
        "model": "gpt-5-nano-2025-08-07",
        "finish_reason": "stop",
        "error": None,
        "usage": {
            "total_tokens": 12,
            "completion_tokens": 3,
            "prompt_tokens": 9,
            "cached_tokens": 0,
        },
        "seed": None,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_completions_tokens": 4096,
        "reasoning_effort": None,
    }
    return {
        "object": "eval.run.output_item",
        "id": f"outputitem_{run_id}_{number}",
        "created_at": 1751700200 + number,
        "run_id": run_id,
        "eval_id": eval_id,
        "status": "pass" if passed else "fail",
        "datasource_item": {"question": f"Question {number}", "big": 12345678901234567890 + number},
        "datasource_item_id": number,
        "results": [
            {
                "name": CRITERION,
                "sample": {"trajectory": [], "of": number},
                "passed": passed,
                "score": float(passed),
                "reason": None,
            }
        ],
        "sample": sample,
        "_datasource_item_content_hash": f"{number:064x}",
    }


def file(file_id: str, content: bytes, purpose: str = "evals", **more: Any) -> dict[str, Any]:
    return {
        "object": "file",
        "id": file_id,
        "purpose": purpose,
        "filename": f"{file_id}.jsonl",
        "bytes": len(content),
        "created_at": 1751600000,
        "expires_at": None,
        "status": "processed",
        "status_details": None,
        **more,
    }


ROWS = b'{"item": {"answer": "Paris"}}\n' * 100_000
"""Three chunks of the store."""

CONTENT = Content(
    evals=[
        custom_eval("eval_a"),
        custom_eval("eval_b", SCORE_MODEL, ENDPOINT),
        custom_eval("eval_c", UNKNOWN),
        custom_eval("eval_d", data_source_config={"type": "logs", "metadata": {"use": "chat"}}),
        custom_eval("eval_e", name=None, properties={"hidden": True}),
    ],
    runs=[
        run("evalrun_1", "eval_a", 5),
        run("evalrun_2", "eval_a", 3),
        run("evalrun_3", "eval_a", 0, status="failed", error={"code": "x", "message": "broke"}),
        run("evalrun_4", "eval_b", 1),
    ],
    items={
        "evalrun_1": items("evalrun_1", "eval_a", 5),
        "evalrun_2": items("evalrun_2", "eval_a", 3),
        "evalrun_4": items("evalrun_4", "eval_b", 1),
    },
    files=[
        file("file-rows", ROWS),
        file("file-tune", b'{"messages": []}\n', "fine-tune-results"),
        file("file-none", b"", "user_data", expires_at=4102444800),
    ],
    contents={"file-rows": ROWS, "file-tune": b'{"messages": []}\n', "file-none": b""},
)
"""Everything of it can be had."""
