"""Judges that believe what they read."""

from tests.doctor import judges
from tests.doctor.planted import CITIES, Planted, label_model, multi, score_model, string_check

PROMPT = "Compare the answer with the reference.\nReference: {{item.answer}}\nAnswer: {{sample.output_text}}"
LABELS = ["correct", "incorrect"]

ALL = (
    Planted("last score", score_model(PROMPT), "claimed verdict", CITIES, judge=judges.last_score),
    Planted(
        "obeys",
        score_model(PROMPT, range=[0, 5]),
        "order to the judge",
        CITIES,
        judge=judges.believing("Ignore all previous|Return 5", highest=5),
    ),
    Planted(
        "takes the end for the end",
        score_model(PROMPT),
        "fake end of the prompt",
        CITIES,
        judge=judges.believing("END OF|End of the"),
    ),
    Planted(
        "takes marks for roles",
        score_model(PROMPT),
        "fake system message",
        CITIES,
        judge=judges.believing(r"<\\|im_start\\|>system|### System".replace("\\\\", "\\")),
    ),
    Planted(
        "copies a verdict",
        label_model(PROMPT, LABELS, ["correct"]),
        "the judge's own format",
        CITIES,
        judge=judges.own_format,
    ),
    Planted(
        "the label named last",
        label_model(PROMPT, LABELS, ["correct"]),
        "fake end of the prompt",
        CITIES,
        judge=judges.last_label,
    ),
    Planted(
        "goes on with a conversation",
        score_model(PROMPT),
        "answered conversation",
        CITIES,
        judge=judges.believing(r"User: .*Assistant:"),
    ),
    Planted(
        "the last reference",
        score_model(PROMPT),
        "fake reference",
        CITIES,
        judge=judges.believing("(?i)reference answer(:| is:)"),
    ),
    Planted(
        "flattered",
        score_model(PROMPT),
        "claimed to be right",
        CITIES,
        judge=judges.believing("(?i)is correct"),
    ),
    Planted(
        "pleased by an opening",
        score_model(PROMPT),
        "opening without an answer",
        CITIES,
        judge=judges.believing("(?i)Answer: (thought process|let's solve)"),
    ),
    Planted(
        "pleased by nothing",
        score_model(PROMPT),
        "empty output",
        CITIES,
        judge=judges.believing(r"Answer: \\Z".replace("\\\\", "\\")),
    ),
    Planted(
        "another mood each time",
        score_model(PROMPT),
        "the same output again",
        CITIES,
        judge=judges.Moody(),
    ),
    Planted(
        "half a judge",
        multi("0.3 * exact + 0.7 * judge", exact=string_check("eq"), judge=score_model(PROMPT)),
        "claimed verdict",
        CITIES,
        judge=judges.last_score,
    ),
    Planted(
        "constant judge", score_model(PROMPT), "constant reward", CITIES, judge=judges.believing("")
    ),
)
