"""`cnncalc page --watch`: a page that is drawn anew as its spec is saved, served to this machine alone."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import cnncalc as cc
from tests.browsing import Tab
from tests.test_cli import run

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("watchfiles")

SPEC = """title: Mine
input: [3, 32, 32]
layers:
  - {conv: 8, kernel: 3, name: stem}
  - {name: block, layers: [relu, {conv: 8, kernel: 3, name: inner}]}
  - flatten
  - {linear: 10, name: head}
"""

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of pages, which end with the test."""
    servers: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> str:
        server = subprocess.Popen(
            [sys.executable, "-m", "cnncalc", "page", *words, "--watch"],
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        servers.append(server)
        assert server.stdout
        said = server.stdout.readline()
        assert "http://127.0.0.1:" in said, (said, server.stderr and server.stderr.read())
        return said.split(": ", 1)[1].split()[0]

    begin.servers = servers  # type: ignore[attr-defined]
    yield begin
    for server in servers:
        server.kill()
        server.communicate()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(SPEC)
    return file


def ask(address: str, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of an answer; `Host` is the address's own if none is given."""
    port = urlsplit(address).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": f"127.0.0.1:{port}"} | headers).items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


# Without a browser


def test_it_answers_to_its_own_host_alone(start: Start, spec: Path) -> None:
    address = start("mine.yaml")
    port = urlsplit(address).port
    assert ask(address)[0] == 200
    assert ask(address, Host=f"localhost:{port}")[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example", ""):
        for path in ("/", "/pictures", "/other"):
            status, text, _ = ask(address, path, Host=host)
            assert (status, text) == (421, "not to this host\n") or (host == "" and status == 400), host
            assert "Mine" not in text


def test_nothing_else_is_served(start: Start, spec: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("title: Secret\ninput: [3]\nlayers: []\n")
    address = start("mine.yaml")
    for path in ("/secret.yaml", "/mine.yaml", "/../secret.yaml", "/%2e%2e/secret.yaml", "//etc/passwd", "/pictures/..",
                 "/?file=secret.yaml", "/page.js", "/pictures/secret.yaml"):  # fmt: skip
        status, text, _ = ask(address, path)
        assert status == (200 if path.startswith("/?") else 404), path
        assert "Secret" not in text
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(address, method=method)[0] == 405


def test_the_policy_lets_in_its_own_two_scripts_and_its_own_server(start: Start, spec: Path) -> None:
    _, text, headers = ask(start("mine.yaml"))
    policy = text.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; ")
    assert policy.count("'sha256-") == 3
    assert "connect-src 'self'; base-uri 'none'; form-action 'none'" in policy
    assert "unsafe" not in policy
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert not [name for name in headers if name.startswith("access-control")]


def test_it_listens_on_this_machine_alone(start: Start, spec: Path) -> None:
    port = urlsplit(start("mine.yaml")).port
    lines = [line.split() for name in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / name)]
    listening = [line[1] for line in lines if len(line) > 3 and line[3] == "0A" and line[1].endswith(f":{port:04X}")]
    if not lines:
        pytest.skip("no /proc/net here")
    assert listening == [f"0100007F:{port:04X}"]


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C")
def test_ctrl_c_ends_it_quietly(start: Start, spec: Path) -> None:
    address = start("mine.yaml")
    port = urlsplit(address).port
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    stream.request("GET", "/pictures")
    assert stream.getresponse().readline().startswith(b"id: ")  # and it stays open
    (server,) = start.servers  # type: ignore[attr-defined]
    server.send_signal(signal.SIGINT)
    out, err = server.communicate(timeout=20)
    assert (out, err, server.returncode) == ("", "", 130)
    stream.close()


def test_wrong_requests(spec: Path, tmp_path: Path, start: Start) -> None:
    assert "add --watch" in run("page", "lenet5", "--port", "8000", status=2).stderr
    assert "leave --output out" in run("page", "lenet5", "--watch", "--output", "x.html", status=2).stderr
    assert "standard input cannot be saved" in run("page", "-", "--watch", status=2, input=SPEC).stderr
    assert "a module's code is run once" in run("page", "mine.py:net", "--watch", status=2).stderr
    assert "there is no file" in run("page", str(tmp_path / "none.yaml"), "--watch", status=2).stderr
    assert "no device is called" in run("page", str(spec), "--watch", "--device", "abacus", status=2).stderr
    port = str(urlsplit(start("mine.yaml")).port)
    assert f"port {port} cannot be had" in run("page", str(spec), "--watch", "--port", port, status=2).stderr


def test_an_onnx_file_is_watched_too(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    run("export", "lenet5", "--output", str(tmp_path / "lenet5.onnx"))
    _, text, _ = ask(start("lenet5.onnx"))
    assert '["Parameters",60000]' in text


@pytest.mark.parametrize("library", ["starlette", "uvicorn", "watchfiles"])
def test_what_is_missing_is_named(library: str, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, library, None)
    error = run("page", str(spec), "--watch", status=2).stderr
    assert f"--watch needs {library}" in error
    assert "cnncalc[page]" in error


# In a browser


def total(tab: Any) -> str:
    """The parameters that the page shows."""
    return str(tab.tab.locator(".totals b").first.inner_text())


def test_a_save_changes_the_picture_and_an_error_stands_over_it(start: Start, spec: Path, context: Any) -> None:
    tab = Tab(context, start("mine.yaml"))
    before = total(tab)
    tab.tab.locator('[data-name="block"]').click()
    tab.tab.locator('[data-name="block.inner"]').click()
    tab.tab.locator("#filter").fill("conv")
    spec.write_text(SPEC.replace("conv: 8, kernel: 3, name: stem", "conv: 16, kernel: 3, name: stem"))
    after = f"{cc.network(str(spec)).analyze().params:,}"
    tab.tab.locator(".totals b", has_text=after).wait_for()
    assert before != total(tab) == after
    assert tab.tab.locator("#chosen").inner_text() == "block.inner"  # what was open and chosen stays so
    assert tab.tab.locator('[data-name="block"]').get_attribute("aria-expanded") == "true"
    assert tab.tab.locator("#count").inner_text() == "2 of 5 layers"

    spec.write_text(SPEC.replace("kernel: 3, name: stem", "kernal: 3, name: stem"))
    tab.tab.locator("#fault").wait_for(state="visible")
    said = tab.tab.locator("#fault").inner_text()
    assert "mine.yaml:4:15" in said
    assert "did you mean 'kernel'?" in said
    assert "^^^^^^" in said
    assert total(tab) == after  # the last good picture

    spec.write_text(SPEC.replace("title: Mine", "title: Mended"))
    tab.tab.locator("#fault").wait_for(state="hidden")
    assert total(tab) == before
    assert tab.tab.locator("h1").inner_text() == "Mended"
    assert tab.tab.title() == "Mended"
    assert tab.errors == []
    assert {urlsplit(url).path for url in tab.requests} == {"/", "/pictures"}


def test_a_spec_may_be_wrong_at_first_and_be_replaced_as_editors_do(start: Start, spec: Path, context: Any) -> None:
    spec.write_text("title: Mine\n")
    tab = Tab(context, start("mine.yaml"))
    tab.tab.locator("#fault").wait_for(state="visible")
    assert "There is no picture yet." in tab.tab.locator("#fault").inner_text()
    assert tab.tab.locator("h1").count() == 0
    draft = spec.with_name("mine.yaml~")
    draft.write_text(SPEC)
    draft.replace(spec)
    tab.tab.locator("h1").wait_for()
    tab.tab.locator("#fault").wait_for(state="hidden")
    spec.unlink()
    tab.tab.locator("#fault").wait_for(state="visible")
    assert "there is no file" in tab.tab.locator("#fault").inner_text()
    assert tab.tab.locator("h1").inner_text() == "Mine"
    spec.write_text(SPEC)
    tab.tab.locator("#fault").wait_for(state="hidden")
    assert tab.errors == []


def test_axe_finds_nothing_in_an_error(start: Start, spec: Path, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python")
    (script,) = Path(axe.__file__).parent.rglob("axe.min.js")
    context = browser.new_context(bypass_csp=True)
    tab = Tab(context, start("mine.yaml"))
    spec.write_text(SPEC.replace("linear: 10", "linear: ten"))
    tab.tab.locator("#fault").wait_for(state="visible")
    tab.tab.evaluate(script.read_text("utf-8"))
    found = tab.tab.evaluate("axe.run()")
    assert found["passes"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
    context.close()


def test_a_page_tells_that_its_server_has_ended(start: Start, spec: Path, context: Any) -> None:
    tab = Tab(context, start("mine.yaml"))
    start.servers[0].send_signal(signal.SIGINT)  # type: ignore[attr-defined]
    tab.tab.locator("#fault").wait_for(state="visible")
    assert "The server has ended" in tab.tab.locator("#fault").inner_text()
    assert tab.tab.locator("h1").inner_text() == "Mine"


def test_nothing_of_an_error_becomes_markup(start: Start, spec: Path, context: Any) -> None:
    spec.write_text("input: [3]\nlayers: ['<img src=x onerror=\"window.hacked=1\">']\n")
    tab = Tab(context, start("mine.yaml"))
    tab.tab.locator("#fault").wait_for(state="visible")
    assert "<img src=x" in tab.tab.locator("#fault").inner_text()
    assert tab.tab.locator("img").count() == 0
    assert tab.tab.evaluate("window.hacked") is None
