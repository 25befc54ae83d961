"""Templates against a slow renderer, the spelling rules, the refusals, and hostile texts."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader_service.errors import SampleNotJson, TextTooLarge, VariableMissing
from grader_service.template import MAX_RENDERED_CHARACTERS, TemplateError, Variable, parse

ITEM: dict[str, Any] = {
    "x": "X",
    "n": None,
    "t": True,
    "i": 3,
    "f": 0.5,
    "big": 10**30,
    "d": {"k": "é", "none": None},
    "list": [1, "two", {"deep": "D"}],
    "nums": "[1, 2]",
    "double": '"[1]"',
    "scalar": "42",
    "odd key": "odd",
    'q"uo\\te': "quoted",
    "it's": "apostrophe",
    "}}": "braces",
    "reference-answer": "hyphen",
    "答案": "答",
    "हिन्दी": "hi",
    "0": "zero",
    "$ref": "dollar",
    "": "empty",
}
SAMPLE: dict[str, Any] = {
    "output_text": "OUT",
    "output_json": {"a": {"b": [10, 20]}, "none": None},
    "output_tools": [{"function": {"name": "f", "arguments": '{"city": "Paris"}'}}],
}


def slow_render(text: str, item: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    """Character by character; `TemplateError` and `VariableMissing` where the module says so, too."""
    rendered, opened, place = "", 0, 0
    while place < len(text):
        run = 1
        while place + run < len(text) and text[place + run] == text[place]:
            run += 1
        if text[place] == "}":
            if run >= 2 and run > opened:
                raise TemplateError
            opened = max(0, opened - run)
            rendered += "}" * run
            place += run
        elif text[place] == "{" and run > 3:
            raise TemplateError
        elif text[place] == "{" and run > 1:
            opened += run - 2
            path, place = _slow_path(text, place + run)
            rendered += "{" * (run - 2) + _slow_text(path, {"item": item, "sample": sample})
        else:
            opened += text[place] == "{"
            rendered += text[place]
            place += 1
    return rendered


def _slow_path(text: str, place: int) -> tuple[list[str | int], int]:
    """The steps from the namespace on, and the place after the closing braces."""
    inner = ""
    quote = ""
    while quote or not text.startswith("}}", place):
        if place >= len(text):
            raise TemplateError
        character = text[place]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        inner += character
        place += 1
    inner = inner.strip()
    namespace = next((n for n in ("sample", "item") if inner.startswith(n)), None)
    if namespace is None:
        raise TemplateError
    return [namespace, *_slow_steps(inner[len(namespace) :])], place + 2


def _slow_steps(rest: str) -> list[str | int]:
    steps: list[str | int] = []
    while rest:
        if rest[0] == ".":
            name = ""
            while len(name) + 1 < len(rest) and rest[len(name) + 1] not in ".[] {}\"'":
                name += rest[len(name) + 1]
            steps.append(name)
            rest = rest[len(name) + 1 :]
        elif rest[0] == "[" and "]" in rest:
            inside, rest = rest[1:].split("]", 1)
            steps.append(inside[1:-1] if inside[:1] in ("'", '"') else _slow_index(inside))
        else:
            raise TemplateError
        if steps[-1] == "":  # no quoted empty key is among the pieces below
            raise TemplateError
    return steps


def _slow_index(text: str) -> int:
    if not text.removeprefix("-").isdigit():
        raise TemplateError
    return int(text)


def _slow_text(path: list[str | int], namespaces: Mapping[str, Any]) -> str:
    value: Any = namespaces
    for step in path:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise VariableMissing("") from None
        there = (
            isinstance(step, int) and -len(value) <= step < len(value)
            if isinstance(value, list)
            else isinstance(value, dict) and step in value
        )
        if not there:
            raise VariableMissing("")
        value = value[step]
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


PIECES = st.sampled_from(
    [
        *["{", "}", " ", "x", '"', "\n", "é", "[", "]", "."],
        *[
            "{{",
            "}}",
            "item",
            "{{item.x}}",
            "{{ item.d.k }}",
            "{{item.list[2].deep}}",
            "{{item.nums[-1]}}",
        ],
        *[
            "{{ sample.output_text }}",
            '{{item["odd key"]}}',
            "{{item['}}']}}",
            "{{\n item.n }}",
            "{{item.d}}",
        ],
        *[
            "{{item.missing}}",
            "{{item.list[3]}}",
            "{{item.x.y}}",
            "{{other.x}}",
            "{{item..x}}",
            "{{ }}",
        ],
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
@example('{"a": {"b": {{item.x}}}}')
@example("{{item.x}}}")
@example("{{{item.x}}}")
@example("{{item.x}}}}")
@example("{{item.x}}{{item.x}}")
@example("{x} {{item.x}}}}")
@example("{ } } }}")
def test_agrees_with_a_slow_renderer(text: str) -> None:
    try:
        expected = slow_render(text, ITEM, SAMPLE)
    except TemplateError:
        with pytest.raises(TemplateError):
            parse(text)
    except VariableMissing:
        try:
            template = parse(text)
        except TemplateError:  # a later place, which the slow one has not reached
            return
        with pytest.raises(VariableMissing):
            template.render(ITEM, SAMPLE)
    else:
        assert parse(text).render(ITEM, SAMPLE) == expected


@given(
    st.text("{}item.x sample_output", max_size=40), st.text("{}item.x sample_output", max_size=40)
)
@example("{{ item.secret }}", "{{sample.output_text}}")
def test_text_from_item_or_sample_is_never_scanned(output: str, column: str) -> None:
    item = {"x": column, "secret": "S"}
    rendered = parse("a {{sample.output_text}} b {{item.x}} c").render(
        item, {"output_text": output}
    )
    assert rendered == f"a {output} b {column} c"


KEYS = st.text(st.characters(codec="utf-8"))


@given(KEYS, st.sampled_from("\"'"))
def test_every_key_can_be_written_in_quotes(key: str, quote: str) -> None:
    escaped = key.replace("\\", "\\\\").replace(quote, "\\" + quote)
    assert parse(f"{{{{ item[{quote}{escaped}{quote}] }}}}").render({key: "found"}, {}) == "found"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | KEYS,
        lambda v: st.lists(v) | st.dictionaries(KEYS, v),
    )
)
def test_what_is_no_string_is_rendered_as_json(value: Any) -> None:
    rendered = parse("{{item.v}}").render({"v": value}, {})
    if value is None:
        assert rendered == ""
    elif isinstance(value, str):
        assert rendered == value
    else:
        assert rendered == json.dumps(value, ensure_ascii=False)
    assert json.loads(parse("{{item}}").render({"v": value}, {})) == {"v": value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain {text} } {% if %} {# no #} ${x} { {", "plain {text} } {% if %} {# no #} ${x} { {"),
        ("{{item.x}}", "X"),
        ("{{  item.x\n}}", "X"),
        ("<{{item.n}}>", "<>"),
        ("{{item.t}} {{item.i}} {{item.f}}", "true 3 0.5"),
        ("{{item.big}}", "1000000000000000000000000000000"),
        ("{{item.d}}", '{"k": "é", "none": null}'),
        ("{{item.list}}", '[1, "two", {"deep": "D"}]'),
        ("{{item.list[-1].deep}}", "D"),
        ("{{item.list[ 2 ]['deep']}}", "D"),
        ("{{item.nums}}", "[1, 2]"),
        ("{{item.nums[0]}}", "1"),
        ('{{item["odd key"]}}', "odd"),
        ("{{item[ 'odd key' ]}}", "odd"),
        (r'{{item["q\"uo\\te"]}}', "quoted"),
        ('{{item["it\'s"]}}', "apostrophe"),
        (r"{{item['it\'s']}}", "apostrophe"),
        ('{{item["}}"]}}', "braces"),
        ("{{item.reference-answer}}", "hyphen"),
        ("{{item.答案}}", "答"),
        ("{{item.हिन्दी}}", "hi"),
        ("{{item.0}}", "zero"),
        ("{{item.$ref}}", "dollar"),
        ('{{item[""]}}', "empty"),
        ("{{sample.output_json.a.b[1]}}", "20"),
        ("<{{sample.output_json.none}}>", "<>"),
        ("{{sample.output_tools[0].function.name}}", "f"),
        ("{{sample.output_tools[0].function.arguments.city}}", "Paris"),
        ('{"a": {"b": {{item.x}}}}', '{"a": {"b": X}}'),
        ('{"a": {{item.i}}, "b": {{item.f}}}', '{"a": 3, "b": 0.5}'),
        ("{{item.x}}}", "X}"),
        ("{{{item.x}}}", "{X}"),
        ("{ {{{item.x}}}}", "{ {X}}"),
        (r"\frac{1}{x^{2}} {{item.x}}", r"\frac{1}{x^{2}} X"),
    ],
)
def test_renders(text: str, expected: str) -> None:
    assert parse(text).render(ITEM, SAMPLE) == expected


def test_a_bare_namespace_is_the_whole_as_json() -> None:
    assert parse("{{item}}").render({"a": [None, "é"]}, {}) == '{"a": [null, "é"]}'
    assert parse("{{ sample }}").render({}, {"output_json": None}) == '{"output_json": null}'


def test_a_number_that_is_none_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        parse("{{item.v}}").render({"v": [float("nan")]}, {})


def test_variables_are_listed_in_their_order() -> None:
    template = parse("a {{ item.a[0]['b c'] }} {{sample}} {{item.x}}{{item.x}}")
    assert template.variables == (
        Variable("item", ("a", 0, "b c"), "item.a[0]['b c']"),
        Variable("sample", (), "sample"),
        Variable("item", ("x",), "item.x"),
        Variable("item", ("x",), "item.x"),
    )
    assert parse("none").variables == ()


@pytest.mark.parametrize("length", [10, 1_000, 10_000])
def test_a_text_is_parsed_once(length: int) -> None:
    text = "x" * length + "{{item.x}}"
    assert parse(text) is parse("x" * length + "{{item.x}}")


def test_very_long_texts_are_parsed_each_time_and_right() -> None:
    text = "{{item.x}}-" * 5_000
    assert parse(text) == parse(text)
    assert parse(text) is not parse(text)
    assert parse(text).render(ITEM, SAMPLE) == "X-" * 5_000


@pytest.mark.parametrize(
    ("text", "details"),
    [
        (
            "{{item.reference}}",
            "{{ item.reference }}: item has no 'reference'; did you mean 'reference-answer'? it has 'x', ",
        ),
        ("{{item.X}}", "did you mean 'x'?"),
        ("{{item.d.kk.z}}", "{{ item.d.kk.z }}: item.d has no 'kk'; it has 'k', 'none'"),
        ("{{item.list[3]}}", "{{ item.list[3] }}: item.list is a list of 3; it has no element 3"),
        ("{{item.list[-4]}}", "has no element -4"),
        ("{{item.list.0.deep}}", "item.list is a list of 3; write item.list[0]"),
        ("{{item.list.deep}}", "write item.list[0].deep"),
        ("{{item.d[0]}}", "item.d is an object, not a list; it has 'k', 'none'"),
        ("{{item[0]}}", "item is an object, not a list"),
        ("{{item.n.x}}", "item.n is null"),
        ("{{item.i.x}}", "item.i is a number and has nothing inside"),
        ("{{item.t[0]}}", "item.t is true or false and has nothing inside"),
        (
            "{{item.x.y}}",
            "item.x is a text, and no JSON that a path could go into: expected value at line 1 column 1",
        ),
        (
            "{{item.scalar.y}}",
            "item.scalar is a text, and no JSON that a path could go into: it is neither",
        ),
        (
            "{{item.double[0]}}",
            "item.double is a text, and no JSON that a path could go into: it is neither",
        ),
        ("{{item.nums[2]}}", "item.nums is a list of 2; it has no element 2"),
        ('{{item["odd key"][0]}}', 'item["odd key"] is a text'),
        (
            "{{item.output_text}}",
            "item has no 'output_text', but sample may: {{ sample.output_text }}",
        ),
        ("{{sample.output_txt}}", "sample has no 'output_txt'; did you mean 'output_text'?"),
        ("{{sample.output_json.c}}", "sample.output_json has no 'c'; it has 'a', 'none'"),
        ("{{sample.output_json.none.x}}", "sample.output_json.none is null"),
        ("x {{item.x}} {{item.gone}}", "{{ item.gone }}: item has no 'gone'"),
    ],
)
def test_a_missing_variable_says_where_the_path_ends(text: str, details: str) -> None:
    with pytest.raises(VariableMissing) as raised:
        parse(text).render(ITEM, SAMPLE)
    assert details in raised.value.details


@given(
    st.dictionaries(st.text(max_size=200), st.just("VALUE"), max_size=40),
    st.text(min_size=1, max_size=300),
)
@example({f"k{n}": "VALUE" for n in range(1000)}, "k" * 100_000)
@example({"k" * 100_000: "VALUE"}, "k" * 99_999)
def test_details_are_short_and_hold_no_value(item: dict[str, str], key: str) -> None:
    item.pop(key, None)
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    with pytest.raises(VariableMissing) as raised:
        parse(f'{{{{item["{quoted}"]}}}}').render(item, {})
    assert len(raised.value.details) < 800
    assert "VALUE" not in raised.value.details.replace(key, "")


@pytest.mark.parametrize(
    "text",
    [
        "{{sample.output_json}}",
        "{{sample.output_json.a.b}}",
        "{{sample.output_json[0]}}",
        "{{sample['output_json']}}",
    ],
)
@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (
            {"output_text": "prose", "output_json": None},
            "the model's answer is no JSON: expected value at line 1",
        ),
        ({"output_text": '{"a": 1'}, "the model's answer is no JSON: EOF while parsing"),
        (
            {"output_text": "42", "output_json": None},
            "the model's answer is JSON, but no object or array",
        ),
        ({"output_text": "{}", "output_json": None}, "sample.output_json is null"),
        ({}, "sample.output_json is null"),
    ],
)
def test_output_json_of_a_sample_that_is_none(
    text: str, sample: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SampleNotJson) as raised:
        parse(text).render({}, sample)
    assert reason in raised.value.details


def test_details_of_a_very_long_path_are_short() -> None:
    for namespace in ("item.a", "sample.output_json"):
        with pytest.raises((VariableMissing, SampleNotJson)) as raised:
            parse("{{" + namespace + ".b" * 100_000 + "}}").render({"a": "no json"}, {})
        assert len(raised.value.details) < 300


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            "{{sample.output}}",
            "line 1, column 1 (near '{{sample.output}}'): sample has no 'output'; write {{ sample.output_text }}",
        ),
        ("{{ sample['output'].a[0] }}", "write {{ sample.output_json.a[0] }}"),
        ("{{ items.x }}", "write {{ item.x }}"),
        ("{{ samples.output_text }}", "write {{ sample.output_text }}"),
        ("{{ Item.x }}", "write {{ item.x }}"),
        ("{{ ITEM }}", "write {{ item }}"),
        ("{{ row.x }}", "write {{ item.row.x }}"),
        ("{{ response }}", "write {{ sample.output_text }}"),
        ("{{ model_output }}", "write {{ sample.output_text }}"),
        ("{{ output_text }}", "write {{ sample.output_text }}"),
        ("{{ output_json.a }}", "write {{ sample.output_json.a }}"),
        (
            "{{ reference_answer }}",
            "variables begin with item or sample; write {{ item.reference_answer }}",
        ),
        ("{{ }}", "nothing between the braces"),
        ("{{}}", "nothing between the braces"),
        ("{{ item.x | upper }}", "there are no filters; write {{ item.x }}"),
        ("{{ item.x + 1 }}", "there are no expressions; write {{ item.x }}"),
        ("{{ item.x if item.t }}", "there are no expressions"),
        ("{{ item.x() }}", "functions cannot be called"),
        ("{{ item. }}", "a name must follow the dot"),
        ("{{ item . x }}", "a name must follow the dot"),
        ("{{ item..x }}", "a name must follow the dot"),
        ("{{ item[x] }}", 'in brackets stands a number or a quoted key: [0] or ["key"]'),
        ("{{ item[1:2] }}", "in brackets stands"),
        ("{{ item[1234567890] }}", "no variable"),
        ("{{ item.a b }}", 'item["a b"]'),
        ("{{ item.a/b }}", 'item["a b"]'),
        ("{{ itemx.y }}", "write {{ item.y }}"),
        ("{{#if item.x}}", "blocks, comments and expressions do not exist"),
        ("{{> partial}}", "blocks, comments"),
        ("{{ 'text' }}", "blocks, comments"),
        ("line\n  {{item.x", "line 2, column 3 (near 'line\\n  {{item.x'): '{{' is not closed"),
        ("{{item.x}", "is not closed"),
        ("{{ item.x {{item.x}}", "line 1, column 1"),
        ('{{item["x}}', "no variable"),
        ("{{{{item.x}}}}", "4 opening braces; a variable has two"),
        (
            "{{item.response}}}}",
            "line 1, column 18 (near 'item.response}}}}'): unbalanced braces: }} closes",
        ),
        ("{ {{item.x}}}}", "unbalanced braces"),
        ("{ { {{item.x}}}}}", "unbalanced braces: }}} closes"),
        ("}}", "unbalanced braces"),
        ("{a} {b} {{item.x}}}}", "unbalanced braces"),
        ("}}{{item.x}}", "column 1"),
        ('{"a": 1}} {{item.x}}', "column 8"),
    ],
)
def test_refuses_with_the_place_and_the_right_word(text: str, hint: str) -> None:
    with pytest.raises(TemplateError) as raised:
        parse(text)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "{{" * 200_000,
            "{{item" + ".a" * 200_000,
            "{{item['" * 50_000,
            "{{" + " " * 500_000 + "x}}",
        ],
        *[
            "{{ " + "q" * 500_000 + " }}",
            "\n" * 500_000 + "}}",
            "{{sample.output" + "[0]" * 100_000 + "}}",
        ],
        *['{{item["' + "\\" * 500_001 + '"]}}', "{{item." + "x" * 500_000 + "|}}"],
    ],
)
def test_hostile_texts_are_refused_briefly(text: str) -> None:
    with pytest.raises(TemplateError) as raised:
        parse(text)
    assert len(str(raised.value)) < 400


def test_a_rendering_that_would_fill_the_memory_is_refused() -> None:
    large = "x" * (MAX_RENDERED_CHARACTERS // 2)
    assert len(parse("{{item.x}}{{item.x}}").render({"x": large}, {})) == MAX_RENDERED_CHARACTERS
    with pytest.raises(TextTooLarge, match="8,388,608 characters"):
        parse("{{item.x}}{{item.x}}.").render({"x": large}, {})
    with pytest.raises(TextTooLarge):
        parse("{{item}}" * 50_000).render({"x": large}, {})


def test_a_string_is_read_as_json_once_for_all_variables_of_a_template() -> None:
    """Ten thousand reads of this text would take minutes."""
    numbers = json.dumps(list(range(200_000)))
    text = "".join(f"{{{{item.s[{n}]}}}}" for n in range(10_000))
    assert parse(text).render({"s": numbers}, {}) == "".join(map(str, range(10_000)))
