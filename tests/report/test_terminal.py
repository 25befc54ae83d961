"""What a person reads on a terminal."""

from pathlib import Path

from tests.processes import on_terminal
from tests.report.rewards import cause, record, write


def test_the_first_figures_and_what_to_do(tmp_path: Path) -> None:
    evil = "[red]\x1b[31mpart[/x]\u202e"
    lines = [
        record(
            index,
            n,
            (index + n) % 4 / 3,
            parts={evil: 1.0},
            state="invalid" if index == 5 else "value",
            causes=[cause("variable_missing", evil)] if index == 5 else [],
        )
        for index in range(20)
        for n in range(2)
    ]
    rewards = write(tmp_path / "rewards.jsonl", lines)
    page = tmp_path / "page.html"
    code, shown = on_terminal("report", str(rewards), str(rewards), "--output", str(page))
    assert code == 0
    assert page.exists()
    for expected in ("of 20 prompts", "mean reward", "no spread", "Spearman", "parts never change"):
        assert expected in shown
    assert "[red]⟨U+001B⟩[31mpart[/x]⟨U+202E⟩" in shown
    assert "\x1b[31m" not in shown
