"""What a training run sees: the distribution and the mean of rewards, and grades that had none."""

from panels import Json, areas, board, choice, heatmap, lines
from promql import RATE, rate, reward_mean, share

CHOSEN = 'grader=~"$grader"'
GRADES = rate("grader_catalogue_grades_total", "grader", CHOSEN)


def _means() -> list[Json]:
    named = {"{{grader}}": reward_mean("grader_catalogue_reward", "grader", CHOSEN)}
    typed = {"{{type}}": reward_mean("grader_reward", "type")}
    return [
        lines(
            "Mean reward by grader", "Like train_reward_mean: valid grades of the catalogue.", named
        ),
        lines(
            "Mean reward by type",
            "Also of graders that come in requests; without parts of multis.",
            typed,
        ),
    ]


def _distributions() -> list[list[Json]]:
    named = f"sum by (le) (increase(grader_catalogue_reward_bucket{{{CHOSEN}}}[{RATE}]))"
    every = f"sum by (le) (increase(grader_reward_bucket[{RATE}]))"
    explained = "Each cell: rewards up to its border, above the next lower one."
    return [
        [heatmap("Rewards of the catalogue", explained, named)],
        [heatmap("Rewards of all graders", explained, every)],
    ]


def _shares() -> list[Json]:
    buckets = "grader_catalogue_reward_bucket"
    up_to_1 = rate(buckets, "grader", f'le="1.0", {CHOSEN}')
    up_to_99 = rate(buckets, "grader", f'le="0.99", {CHOSEN}')
    rewards = rate("grader_catalogue_reward_count", "grader", CHOSEN)
    top = {"{{grader}}": share(f"({up_to_1} - {up_to_99})", rewards)}
    without = rate("grader_catalogue_grades_total", "grader, state", f'state!="value", {CHOSEN}')
    unfit = {"{{grader}} {{state}}": f"{without} / on (grader) group_left ({GRADES} > 0)"}
    explained = "Near 100 %: the task is learned, or a way around the grader."
    return [
        lines("Rewards of 0.99 to 1", explained, top, "percentunit", min=0, max=1),
        lines("Without a reward", "Share of the grader's grades.", unfit, "percentunit", min=0),
        areas("Grades per second", "", {"{{grader}}": GRADES}, "ops"),
    ]


def rewards() -> Json:
    menu = choice("grader", "Grader", "label_values(grader_catalogue_grades_total, grader)")
    return board("rewards", "rewards", [_means(), *_distributions(), _shares()], [menu])
