"""The page and the drawings: complete, harmless whatever the data, and asking nobody."""

import html.parser
import http.server
import json
import re
import shutil
import subprocess
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.report.rewards import built, cause, record, report, tokens, write

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@dataclass
class Listener:
    """A server on loopback that hostile texts name, and who came."""

    address: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not on the console."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Listener(f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()
        thread.join()


def hostile(address: str) -> str:
    return (
        f"</pre></style></title></script></svg>--><script>document.title='taken';fetch('{address}/script')</script>"
        f"<img src='{address}/img' onerror=\"document.title='taken'\"><svg onload=\"document.title='taken'\">"
        f"<style>@import '{address}/style'; body {{display: none}}</style><link rel=stylesheet href='{address}/link'>"
        f"<iframe src='{address}/frame'></iframe><meta http-equiv=refresh content='0;url={address}/meta'>"
        "\" onmouseover='x' {{ 7 * 191 }} {% raw %} $\\frac{a}{b}$ \u202edlrow \x1b[31mred\x00"
    )


@pytest.fixture(scope="module")
def made(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of hostile rewards, two graders, and the plots."""
    folder = tmp_path_factory.mktemp("page")
    evil = hostile(listener.address)
    lines = [
        record(
            index,
            n,
            (index * 7 % 10 + n) / 12,
            parts={evil: index / 20, "日本語": 1.0},
            usage={evil: tokens(1, 0, 1)},
            state="invalid" if index == 3 else "value",
            causes=[cause(evil, evil, evil)] if index == 3 else [],
            item={evil: evil, "messages": [{"role": evil, "content": evil}], "more": {"x": [evil]}},
            sample={"output_text": evil * 3, "output_tools": [{"name": evil}]},
        )
        for index in range(20)
        for n in range(3)
    ]
    other = [{**line, "reward": 1 - line["reward"]} for line in lines]
    (folder / "grader.json").write_text(
        json.dumps(
            {
                "name": evil,
                "type": "string_check",
                "operation": "eq",
                "input": "a",
                "reference": "b",
                "pass_threshold": 0.5,
            }
        )
    )
    name = "<img src=x onerror=alert(1)>{{7*191}}.jsonl"
    report(
        write(folder / name, lines),
        write(folder / "other.jsonl", other),
        "--output",
        folder / "page.html",
        "--plots",
        folder / "plots",
        "--grader",
        folder / "grader.json",
    )
    return folder


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_of_the_data_is_markup(made: Path, listener: Listener) -> None:
    text = (made / "page.html").read_text()
    page = Elements(text)
    tags = {tag for tag, _ in page.found}
    assert not tags & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "audio",
        "video",
    }
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith("#") or address == "data:,", (tag, address)
        assert listener.address not in (attributes.get("style") or "")
    policy = next(
        attributes["content"]
        for tag, attributes in page.found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; ")
    assert "1337" not in re.sub(r"[\d.]*\d{5,}|\d+\.\d+", "", page.text)
    assert "{{ 7 * 191 }}" in page.text
    assert not re.search("[\x00\x1b\u202e]", text)
    assert "⟨U+202E⟩" in page.text


def test_styles_hold_nothing_of_the_data(made: Path, listener: Listener) -> None:
    text = (made / "page.html").read_text()
    for style in re.findall(r"<style.*?</style>", text, re.DOTALL):
        assert "@import" not in style
        assert listener.address not in style


def test_everything_is_on_the_page(made: Path) -> None:
    page = Elements((made / "page.html").read_text())
    for heading in ("Before training", "Rewards", "Parts", "Invalid and failed", "Two graders"):
        assert heading in page.text
    for heading in ("Slowest", "Examples", "Passes at 0.5 with the other grader only", "Tenth 10"):
        assert heading in page.text
    figures = [attributes for tag, attributes in page.found if tag == "figure"]
    assert len(figures) == 6
    assert all(attributes.get("aria-label") for attributes in figures)
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_plots_are_files_of_their_own(made: Path) -> None:
    names = {"rewards", "failing", "spread", "parts", "comparison", "flips"}
    files = {path.name for path in (made / "plots").iterdir()}
    assert files == {f"{name}.{form}" for name in names for form in ("png", "svg")}
    for path in (made / "plots").iterdir():
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            tags = {element.tag.split("}")[-1] for element in ET.parse(path).iter()}
            assert "text" in tags
            assert "script" not in tags


def test_the_same_rewards_give_the_same_page(made: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        built(Path(shutil.copy(made / "other.jsonl", tmp_path / name)))
        pages.append((tmp_path / name / "other.html").read_bytes())
    assert pages[0] == pages[1]


def test_in_a_browser_nothing_runs_and_nothing_is_asked(
    made: Path, listener: Listener, tmp_path: Path
) -> None:
    if BROWSER is None:
        pytest.skip("##### NOT CHECKED: there is no Chromium; apt-get install chromium #####")
    control = tmp_path / "control.html"
    control.write_text(f"<title>first</title>{hostile(listener.address)}")
    title, _ = opened(control, tmp_path)
    assert title == "taken"
    assert "/script" in listener.asked  # what follows would show if it happened

    listener.asked.clear()
    title, console = opened(made / "page.html", tmp_path)
    assert title.endswith(".jsonl – rewards")
    assert console == []
    assert listener.asked == []


def opened(page: Path, folder: Path) -> tuple[str, list[str]]:
    """The page's title at the end, and what the console was told."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None, done.stderr
    return html.unescape(title[1]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]
