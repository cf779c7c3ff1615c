"""Open everything, serve it, and end in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import uvicorn

from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.postgres.address import Address as DatabaseAddress
from mtg_image_db.serving.address import Address
from mtg_image_db.serving.app import make_app
from mtg_image_db.serving.certificate import tls_context
from mtg_image_db.serving.current import Current
from mtg_image_db.serving.desk import Desk
from mtg_image_db.serving.events import Events
from mtg_image_db.serving.images import Images
from mtg_image_db.serving.service import Service

_SECONDS_TO_END = 5
"""How long answers that have begun may take after Ctrl-C. By hand."""
_MOST_CONNECTIONS = 256
"""Connections at once. By hand."""


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where.

    Parameters
    ----------
    collection
        The file of the collection; it is created if it is missing.
    """

    db: Path | DatabaseAddress
    cache: Path
    collection: Path
    address: Address
    device: str = "auto"


def serve(
    options: ServeOptions,
    ready: Callable[[Sequence[Address]], None],
    note: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM, which is raised again at the end.

    Parameters
    ----------
    ready
        Is called once the server answers, with its real address; and, if other machines may reach
        it, with another one for phones that refuse the certificate.
    note
        Is told of what a person should know.

    Raises
    ------
    ServingError
        The port is taken.
    StorageError
        Another process has the collection, or it cannot be written.
    MissingInput, DatabaseError, EncoderError
        See `Database.open`.
    """
    with ExitStack() as open_now:
        address, listener = options.address.bind()
        open_now.enter_context(listener)
        addresses, others = [address], []
        if address.lan:
            beside, other = replace(address, port=0, plain=True).bind()
            others.append(open_now.enter_context(other))
            addresses.append(beside)
        current = Current(options.db, options.device, options.cache, note)
        collection = open_now.enter_context(
            CollectionFile.open(options.collection, f"serve at {address.base}")
        )
        service = Service(current, collection, Images(options.cache), str(options.collection))
        open_now.callback(service.close)
        desk = Desk()
        open_now.callback(desk.close)
        config = uvicorn.Config(
            make_app(service, desk, address.names, address.token, note),
            # Fixed, so that it is the same whatever else is installed.
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            # Nobody stands before this server, so nobody may say who the client is.
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        config.load()
        if address.lan:
            config.ssl = tls_context([address.shown])
        server = _Server(config, others, service.events, lambda: ready(addresses))
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Tells when it answers, and ends the streams of events, which never end by themselves."""

    def __init__(
        self,
        config: uvicorn.Config,
        plain: Sequence[socket.socket],
        events: Events,
        ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._plain, self._events, self._ready = plain, events, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        loop = asyncio.get_running_loop()
        for listener in self._plain:
            self.servers.append(await loop.create_server(self._connection, sock=listener))
        await asyncio.to_thread(self._ready)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._events.close()
        # A second Ctrl-C waits for nobody; uvicorn itself does so for SIGINT alone.
        super().handle_exit(signal.SIGINT if self.should_exit else sig, frame)

    def _connection(self) -> asyncio.Protocol:
        """A connection without TLS; uvicorn's own `startup` makes only one kind."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
