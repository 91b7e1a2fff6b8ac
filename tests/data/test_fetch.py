"""Downloads from a local server that stalls, truncates and lies: refused, and nothing is lost."""

import hashlib
import io
import logging
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from npcf.data import fetch, licence, read_movielens
from npcf.data.fetch import REGISTRY, Release
from npcf.errors import DataError, SettingError, UsageError

module = sys.modules["npcf.data.fetch"]  # the name in the package is the function


def packed(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


GOOD = packed({"ml-100k/u.data": "1\t2\t3\t4\n", "ml-100k/u.item": "2|Two (1995)|\n"})
SLIP = packed({"ml-100k/u.data": "1\t2\t3\t4\n", "../../evil": "x"})
BOMB = packed({"ml-100k/u.data": "0" * 10**6})


def release(content):
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Release(md5, hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def server(monkeypatch):
    """A server whose answer to everything is `server.answer(handler)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            httpd.asked.append(self.path)
            httpd.answer(self)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked, httpd.done = [], threading.Event()
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield httpd
    httpd.done.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setitem(REGISTRY, "ml-100k", release(GOOD))
    monkeypatch.setattr(module, "_told", set())


def sends(content, claimed=None, status=200):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if claimed is None else claimed))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def stalls_after(content):
    def answer(handler):
        sends(content, len(GOOD))(handler)
        handler.wfile.flush()
        handler.server.done.wait(10)

    return answer


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.done.is_set():
            handler.wfile.write(b"0" * 4096)
    except OSError:  # the client has left
        pass


def test_what_is_fetched_can_be_read_and_is_fetched_once(server, tmp_path):
    server.answer = sends(GOOD)
    path = fetch("ml-100k", tmp_path / "new", base_url=server.url)
    assert (path, path.read_bytes()) == (tmp_path / "new" / "ml-100k.zip", GOOD)
    assert read_movielens(path).titles == ["#na#", "Two (1995)"]
    assert fetch("ml-100k", tmp_path / "new", base_url=server.url) == path
    assert server.asked == ["/ml-100k.zip"]
    assert [entry.name for entry in path.parent.iterdir()] == ["ml-100k.zip"]


def test_the_folder_is_that_of_the_environment(server, tmp_path, monkeypatch):
    server.answer = sends(GOOD)
    monkeypatch.setenv("NPCF_DATA", str(tmp_path / "data"))
    assert fetch("ml-100k", base_url=server.url) == tmp_path / "data" / "ml-100k.zip"
    monkeypatch.delenv("NPCF_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert fetch("ml-100k", base_url=server.url) == tmp_path / "cache" / "npcf" / "ml-100k.zip"


LIES = [
    (stalls_after(b""), "sent nothing for 0.3 s.*larger timeout.*curl -LO http.*--from"),
    (stalls_after(GOOD[:50]), "sent nothing for 0.3 s"),
    (sends(GOOD[:50], len(GOOD)), "could not be downloaded"),
    (sends(GOOD[:50]), "its hash differs"),
    (sends(GOOD, len(GOOD) - 9), "its hash differs"),
    (sends(GOOD, len(GOOD) + 9), "could not be downloaded"),
    (sends(GOOD[:-1] + b"x"), "its hash differs"),
    (sends(GOOD + b"x"), "is larger than the release"),
    (sends(b""), "its hash differs"),
    (sends(b"<html>Sign in</html>"), "its hash differs"),
    (sends(b"gone", status=404), "could not be downloaded .404"),
    (sends(b"broken", status=500), "could not be downloaded .500"),
    (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "could not be downloaded"),
    (lambda handler: None, "could not be downloaded"),
    (endless, "is larger than the release"),
]


@pytest.mark.parametrize("old", [None, GOOD + b"older"], ids=["new", "over an old one"])
@pytest.mark.parametrize(("answer", "message"), LIES)
def test_lies_are_refused_and_leave_nothing_behind(server, tmp_path, answer, message, old):
    """Not even where an older file of the name lies: it stays as it is."""
    server.answer = answer
    if old:
        (tmp_path / "ml-100k.zip").write_bytes(old)
    with pytest.raises(DataError, match=message):
        fetch("ml-100k", tmp_path, base_url=server.url, timeout=0.3)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left == ({"ml-100k.zip": old} if old else {})


@pytest.mark.parametrize("mutable", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [(SLIP, "'../../evil', which leads out of its folder"),
     (BOMB, "would unpack"),
     (GOOD[:-40], "is no zip archive")],
)  # fmt: skip
def test_archives_that_do_harm_are_refused(
    server, tmp_path, monkeypatch, content, message, mutable
):
    """Even those whose hash is right, and those that have none."""
    monkeypatch.setattr("npcf.data.archive.SMALL", 2**16)
    monkeypatch.setitem(REGISTRY, "ml-100k", release(content))
    name = "ml-latest-small" if mutable else "ml-100k"
    server.answer = sends(content)
    with pytest.raises(DataError, match=message) as raised:
        fetch(name, tmp_path, base_url=server.url)
    assert f"{server.url}{name}.zip" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_that_does_not_hold_is_not_passed_over(server, tmp_path):
    """Speaking TLS with a server that has none fails like a wrong certificate."""
    server.answer = sends(GOOD)
    url = server.url.replace("http:", "https:")
    with pytest.raises(DataError, match="certificate could not be verified.*never switched off"
                       ".*curl -LO https.* && npcf data fetch ml-100k --from"):  # fmt: skip
        fetch("ml-100k", tmp_path, base_url=url)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(server, tmp_path):
    with pytest.raises(DataError, match="could not be downloaded.*curl -LO"):
        fetch("ml-100k", tmp_path, base_url="http://127.0.0.1:1/")


def test_a_changing_release_is_recorded_and_said_so(server, tmp_path, caplog):
    """No hash is published: the one that came is written down, and a damaged zip is noticed."""
    server.answer = sends(GOOD)
    got = hashlib.sha256(GOOD).hexdigest()
    with caplog.at_level(logging.WARNING, "npcf.data"):
        path = fetch("ml-latest-small", tmp_path, base_url=server.url)
    assert f"changes from time to time; this one has sha256 {got}" in caplog.text
    assert (tmp_path / "ml-latest-small.zip.sha256").read_text().split() == [got, path.name]
    fetch("ml-latest-small", tmp_path, base_url=server.url)
    assert len(server.asked) == 1
    path.write_bytes(GOOD[:-1])
    fetch("ml-latest-small", tmp_path, base_url=server.url)
    assert (len(server.asked), path.read_bytes()) == (2, GOOD)


def test_a_zip_that_is_there_needs_no_network_and_no_pooch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    (tmp_path / "mine.zip").write_bytes(GOOD)
    path = fetch("ml-100k", tmp_path / "to", source=tmp_path / "mine.zip")
    assert path.read_bytes() == GOOD
    with pytest.raises(UsageError, match=r'needs pooch.*pip install "npcf\[data\]"'):
        fetch("ml-100k", tmp_path / "other")


@pytest.mark.parametrize(
    ("content", "message"),
    [(GOOD[:-1], r"has \d+ bytes, not \d+"), (GOOD[:-1] + b"x", "has md5 .*, not "),
     (None, "source: cannot be read")],
)  # fmt: skip
def test_a_wrong_zip_is_refused_and_the_good_one_stays(tmp_path, content, message):
    (tmp_path / "ml-100k.zip").write_bytes(GOOD)
    source = tmp_path / "source.zip"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(DataError, match=message):
        fetch("ml-100k", tmp_path, source=source)
    assert (tmp_path / "ml-100k.zip").read_bytes() == GOOD
    assert {path.name for path in tmp_path.iterdir()} <= {"ml-100k.zip", "source.zip"}


def test_the_sha256_counts_too(tmp_path, monkeypatch):
    monkeypatch.setitem(REGISTRY, "ml-100k", release(GOOD)._replace(sha256="0" * 64))
    (tmp_path / "mine.zip").write_bytes(GOOD)
    with pytest.raises(DataError, match="has sha256 .*, not 0000"):
        fetch("ml-100k", tmp_path / "to", source=tmp_path / "mine.zip")


def test_the_licence_is_shown_once(tmp_path, caplog):
    (tmp_path / "mine.zip").write_bytes(GOOD)
    with caplog.at_level(logging.INFO, "npcf.data"):
        for _ in range(2):
            fetch("ml-100k", tmp_path, source=tmp_path / "mine.zip")
    assert caplog.text.count(licence("ml-100k")) == 1
    assert "no commercial use" in licence("ml-100k")


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(SettingError, match="'ml-2k' is unknown. .*Choose one of ml-100k, ml-1m"):
        fetch("ml-2k")
    with pytest.raises(SettingError, match="timeout: must be a finite number"):
        fetch("ml-100k", tmp_path, timeout=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written.*Choose another folder"):
        fetch("ml-100k", tmp_path / "file" / "below", source=tmp_path / "file")


def test_the_registry_is_of_hashes_and_of_nothing_else():
    for name, known in REGISTRY.items():
        assert len(known.md5) == (0 if "latest" in name else 32)
        assert len(known.sha256) in (0, 64)


def test_only_a_regular_file_is_replaced_and_links_are_followed(server, tmp_path):
    """Judged before anything is downloaded."""
    server.answer = sends(GOOD)
    (tmp_path / "disk").mkdir()
    goal = tmp_path / "ml-100k.zip"
    goal.symlink_to("disk/there.zip")
    assert fetch("ml-100k", tmp_path, base_url=server.url) == goal
    assert goal.is_symlink()
    assert (tmp_path / "disk" / "there.zip").read_bytes() == GOOD
    server.asked.clear()
    goal.unlink()
    goal.mkdir()
    with pytest.raises(SettingError, match="is a folder"):
        fetch("ml-100k", tmp_path, base_url=server.url)
    with pytest.raises(DataError, match="cannot be written"):
        fetch("ml-100k", tmp_path / "disk" / "there.zip", base_url=server.url)
    assert server.asked == []
