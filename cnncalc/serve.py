"""A page that is drawn anew when a spec is saved, served to this machine alone.

The server knows two addresses: `/`, the page, and `/pictures`, the stream (server-sent events) of what changes. It
names no file: what it shows is made by a function that it is given, so nothing else can be read through it. It listens
on 127.0.0.1, and answers only requests whose `Host` is that address: a page of a stranger whose name leads here (DNS
rebinding) is refused.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import CnncalcError, RequestError, SpecError
from cnncalc.render.page import page

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
TICK = 0.5
"""The files are looked at after so many seconds at most."""
SILENCE = 15
"""After so many seconds a stream says something, so that a connection that is gone is seen to be."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # which the page's own policy cannot say
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Picture(NamedTuple):
    """What is shown.

    Attributes:
        name: that no other picture has, nor one of an earlier server.
        data: the last good picture, as `cnncalc.views.page` makes it.
        error: what is wrong with the files as they stand now, if anything.
    """

    name: str
    data: dict[str, Any]
    error: CnncalcError | None = None

    def html(self) -> str:
        """The page."""
        title = ", ".join(network["title"] for network in self.data["networks"]) or "cnncalc"
        return page(self.data, title, picture=self.name)

    def event(self, known: str) -> str:
        """What is shown now, for who has the picture of this name, as a server-sent event."""
        new = known != self.name and self.data["networks"]
        found = {"fault": self.error.render() if self.error else "", "data": self.data if new else None}
        return f"id: {self.name}\ndata: {json.dumps(found, separators=(',', ':'))}\n\n"


class Board:
    """The picture that is shown now."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self.make = make
        self.server = token_hex(4)
        self.drawn = 0
        self.picture = Picture(f"{self.server}-0", {"networks": []})

    def draw(self) -> None:
        """Make the picture anew; an error leaves the old one, and stands over it."""
        try:
            data = self.make()
        except CnncalcError as error:
            self.picture = self.picture._replace(error=error)
        except (MemoryError, RecursionError) as error:
            large = RequestError(f"the request is too large ({type(error).__name__})")
            self.picture = self.picture._replace(error=large)
        else:
            self.drawn += 1
            self.picture = Picture(f"{self.server}-{self.drawn}", data)


class Files:
    """Files, as they were when they were last looked at."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.seen = self._look()

    def changed(self) -> bool:
        """Whether any of them is another than when this was last asked."""
        before, self.seen = self.seen, self._look()
        return self.seen != before

    def _look(self) -> list[tuple[int, ...] | None]:
        found: list[tuple[int, ...] | None] = []
        for path in self.paths:
            try:
                now = path.stat()
                found.append((now.st_mtime_ns, now.st_size, now.st_ino, now.st_dev))
            except (OSError, ValueError):
                found.append(None)
        return found


def serve(
    make: Callable[[], dict[str, Any]], paths: Sequence[Path], port: int, announce: Callable[[str], None]
) -> None:
    """Serve the page that `make` makes, and make it anew when one of the files changes, until interrupted.

    Args:
        port: 0 for any that is free.
        announce: is told the address once the server listens.

    Raises:
        RequestError: what is asked for cannot be shown (a wrong spec can: the page says what is wrong); the port is
            taken; a library is missing.
        KeyboardInterrupt: in the end.
    """
    uvicorn = _library("uvicorn")
    _library("watchfiles")
    files, board = Files(paths), Board(make)
    board.draw()
    if board.picture.error and not isinstance(board.picture.error, SpecError):  # which saving a spec might not mend
        raise board.picture.error
    with _bound(port) as listening:
        port = listening.getsockname()[1]
        server: Any = None
        app = application(board, files, allowed_hosts(port), lambda: server.should_exit)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", access_log=False, server_header=False, limit_concurrency=100)
        )
        announce(f"http://{HOST}:{port}/")
        server.run(sockets=[listening])
    raise KeyboardInterrupt  # which asyncio loses where it comes in the server's last moment


def allowed_hosts(port: int) -> frozenset[str]:
    """What `Host` may be.

    >>> sorted(allowed_hosts(8000))
    ['127.0.0.1:8000', 'localhost:8000']
    """
    names = (HOST, "localhost")
    return frozenset([f"{name}:{port}" for name in names] + [name for name in names if port == 80])


def _bound(port: int) -> socket.socket:
    """A socket that listens on this machine's own address.

    Raises:
        RequestError: the port is taken, or is not for everybody.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen()
    except OSError as error:
        found.close()
        hint = "leave --port out for one that is free"
        raise RequestError(f"port {port} cannot be had: {error.strerror}", hint=hint) from None
    return found


def application(board: Board, files: Files, hosts: frozenset[str], ending: Callable[[], bool]) -> Starlette:
    """The server's answers; while it runs, it watches the files."""
    _library("starlette")
    import asyncio

    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, StreamingResponse
    from starlette.routing import Route

    def show(request: Request) -> Response:
        return HTMLResponse(board.picture.html(), headers=HEADERS)

    async def pictures(request: Request) -> Response:
        known = request.headers.get("last-event-id") or request.query_params.get("since", "")
        return StreamingResponse(_events(board, known, ending), media_type="text/event-stream", headers=HEADERS)

    @asynccontextmanager
    async def watching(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_watch(board, files))
        try:
            yield
        finally:
            task.cancel()

    app = Starlette(routes=[Route("/", show), Route("/pictures", pictures)], lifespan=watching)
    app.add_middleware(_Hosts, hosts=hosts)
    return app


class _Hosts:
    """Refuses requests to any other host, before anything reads them."""

    def __init__(self, app: Any, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            named = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
            if len(named) != 1 or named[0] not in self.hosts:
                from starlette.responses import PlainTextResponse

                await PlainTextResponse("not to this host\n", 421, HEADERS)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _events(board: Board, known: str, ending: Callable[[], bool]) -> AsyncIterator[str]:
    """What is shown now and from then on, for who has the picture of this name, until the server ends."""
    import asyncio

    shown, waited = None, 0.0
    while not ending():
        now = board.picture
        if now is not shown:
            yield now.event(known)
            shown, known, waited = now, now.name, 0.0
        elif waited >= SILENCE:
            yield ":\n\n"
            waited = 0.0
        await asyncio.sleep(TICK / 5)
        waited += TICK / 5


async def _watch(board: Board, files: Files) -> None:
    """Draw anew whenever a file changes. The system tells at once of what happens in the folders; the files are looked
    at now and then besides, since it does not tell of all: of what a link leads to, or of folders on other machines."""
    import asyncio

    from watchfiles import awatch

    folders = {path.absolute().parent for path in files.paths}
    async for _ in awatch(
        *(folder for folder in folders if folder.is_dir()),
        watch_filter=None,
        recursive=False,
        debounce=100,
        step=20,
        rust_timeout=int(TICK * 1000),
        yield_on_timeout=True,
    ):
        if files.changed():
            await asyncio.to_thread(board.draw)


def _library(name: str) -> Any:
    """A library of the extra `page`.

    Raises:
        RequestError: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise RequestError(f"--watch needs {name}", hint="pip install 'cnncalc[page]'", code="not-installed") from None
