"""Open everything, serve it, and end in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import uvicorn

from mtg_image_db.collection.store import CollectionFile
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

    db: Path
    cache: Path
    collection: Path
    address: Address
    device: str = "auto"


def serve(
    options: ServeOptions, ready: Callable[[Address], None], note: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM, which is raised again at the end.

    Parameters
    ----------
    ready
        Is called once the server answers, with its real port.
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
    with options.address.bind() as listener:
        address = replace(options.address, port=listener.getsockname()[1])
        current = Current(options.db, options.device, options.cache, note)
        with CollectionFile.open(options.collection, f"serve at {address.base}") as collection:
            images, desk = Images(options.cache), Desk()
            service = Service(current, collection, images, str(options.collection))
            app = make_app(service, desk, address.names, address.token, note)
            config = uvicorn.Config(
                app,
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
            server = _Server(config, service.events, lambda: ready(address))
            try:
                server.run(sockets=[listener])
            finally:
                desk.close()
                service.close()


class _Server(uvicorn.Server):
    """Tells when it answers, and ends the streams of events, which never end by themselves."""

    def __init__(self, config: uvicorn.Config, events: Events, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._events, self._ready = events, ready

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets=sockets)  # type: ignore[arg-type]
        await asyncio.to_thread(self._ready)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._events.close()
        # A second Ctrl-C waits for nobody; uvicorn itself does so for SIGINT alone.
        super().handle_exit(signal.SIGINT if self.should_exit else sig, frame)
