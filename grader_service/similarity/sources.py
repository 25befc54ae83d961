"""Where NLTK's data comes from: NLTK's own downloader, or packages that carry the same files."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_PROBE_SECONDS = 6
_DOWNLOAD_SECONDS = 300

Wanted = Mapping[str, Sequence[str]]
"""NLTK's name of a package to the files of it that are needed, as paths below a data folder."""


class Unavailable(Exception):
    """Something that was wanted could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A place that data may come from.

    `fetch(wanted, folder)` puts what it can get of the wanted files below the folder, where the
    paths say, and raises `Unavailable` where that is not all.
    """

    name: str
    fetch: Callable[[Wanted, Path], None]


def _from_nltk(wanted: Wanted, folder: Path) -> None:
    """NLTK's limits on the network are minutes, so a short probe of its index goes first, in a process that can be ended."""
    probe = "from nltk.downloader import Downloader; Downloader().index()"
    _run([sys.executable, "-c", probe], folder, _PROBE_SECONDS)
    download = "import sys, nltk; sys.exit(not nltk.download(sys.argv[2:], download_dir=sys.argv[1], quiet=True))"
    _run([sys.executable, "-c", download, str(folder), *wanted], folder, _DOWNLOAD_SECONDS)
    for archive in (found for package in wanted for found in folder.glob(f"*/{package}.zip")):
        with zipfile.ZipFile(archive) as opened:  # NLTK leaves some of its archives packed
            opened.extractall(archive.parent)


@dataclass(frozen=True, slots=True)
class _Wheel:
    """A wheel that carries, below `inside`, what NLTK keeps below `outside`."""

    requirement: str
    sha256: str
    inside: str
    outside: str


_WHEELS: Mapping[str, _Wheel] = MappingProxyType(
    {
        "punkt_tab": _Wheel(
            "llama-index-core==0.14.25",
            "caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
            "llama_index/core/_static/nltk_cache/tokenizers/",
            "tokenizers/",
        ),
        "perluniprops": _Wheel(
            "sacremoses==0.1.1",
            "31e04c98b169bfd902144824d191825cd69220cdb4ae4bcf1ec58a7db5587b1a",
            "sacremoses/data/",
            "misc/",
        ),
    }
)

_DEBIAN_PACKAGES = ("wordnet-base", "wordnet-sense-index")

_LEXICOGRAPHER_FILES = """
adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body
noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location
noun.motive noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process
noun.quantity noun.relation noun.shape noun.state noun.substance noun.time verb.body verb.change
verb.cognition verb.communication verb.competition verb.consumption verb.contact verb.creation
verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather
adj.ppl
"""
"""The list `lexnames` of WordNet 3.0, as lexnames(5WN) prints it; Debian leaves the file out."""

_CATEGORIES: Mapping[str, int] = MappingProxyType({"noun": 1, "verb": 2, "adj": 3, "adv": 4})


def _from_packages(wanted: Wanted, folder: Path) -> None:
    hindrances = []
    for package, names in wanted.items():
        try:
            if package in _WHEELS:
                _from_wheel(_WHEELS[package], names, folder)
            else:
                _wordnet_from_debian(names, folder)
        except Unavailable as error:
            hindrances.append(str(error))
    if hindrances:
        raise Unavailable("; ".join(hindrances))


def _from_wheel(wheel: _Wheel, names: Sequence[str], folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--dest", str(folder)]
    _run([*pip, *options, "--requirement", str(requirements)], folder, _DOWNLOAD_SECONDS)
    project = wheel.requirement.partition("==")[0].replace("-", "_")
    for file in folder.glob(f"{project}-*.whl"):
        with zipfile.ZipFile(file) as opened:
            for name in names:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.read(wheel.inside + name.removeprefix(wheel.outside)))


def _wordnet_from_debian(names: Sequence[str], folder: Path) -> None:
    _download_debian(folder)
    for file in folder.glob("wordnet-*.deb"):
        _run(["dpkg-deb", "-x", str(file), str(folder / "debian")], folder, _DOWNLOAD_SECONDS)
    for name in names:
        source = folder / "debian/usr/share/wordnet" / Path(name).name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            source.replace(folder / name)
        elif source.name == "lexnames":
            (folder / name).write_text(_lexnames())


def _download_debian(folder: Path) -> None:
    command = ["apt-get", "download", "--quiet", *_DEBIAN_PACKAGES]
    try:
        _run(command, folder, _DOWNLOAD_SECONDS)
    except Unavailable:
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise
        _run(
            ["apt-get", "update", "--quiet"], folder, _DOWNLOAD_SECONDS
        )  # a fresh image has no lists
        _run(command, folder, _DOWNLOAD_SECONDS)


def _lexnames() -> str:
    return "".join(
        f"{number:02}\t{name}\t{_CATEGORIES[name.partition('.')[0]]}\n"
        for number, name in enumerate(_LEXICOGRAPHER_FILES.split())
    )


def _run(command: Sequence[str], folder: Path, seconds: float) -> None:
    """Run a command in the folder, quietly.

    Raises:
        Unavailable: it is not installed, failed, or did not end in time; with its last line.
    """
    called = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        subprocess.run(
            command,
            cwd=folder,
            timeout=seconds,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"`{called}` did not end within {seconds} s") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip().splitlines()
        raise Unavailable(
            f"`{called}` failed: {said[-1] if said else f'exit code {error.returncode}'}"
        ) from error


NLTK = Source("NLTK's own downloader", _from_nltk)
PACKAGES = Source("packages of PyPI and Debian", _from_packages)
