from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from conftest import card_id, make_card, make_images
from urllib3.exceptions import HTTPError

from mtg_image_db.errors import HostDownError, NetworkError
from mtg_image_db.net.hosts import AllowedHosts, Cancelled, HostGate
from mtg_image_db.net.responses import DamagedBody, read_body
from mtg_image_db.net.session import Backoff, PoliteSession
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble


class Client:
    """A session for one double, with what it told and asked."""

    def __init__(self, double: ScryfallDouble, *, retries: int = 5) -> None:
        self.double = double
        self.stop = threading.Event()
        self.pauses: list[float] = []
        self.gate = HostGate(
            floor=0.05, stop=self.stop, on_pause=lambda host, seconds: self.pauses.append(seconds)
        )
        self.session = PoliteSession(
            api_url=double.url,
            gate=self.gate,
            stop=self.stop,
            timeout=(2, 2),
            max_retries=retries,
            backoff_factor=0.001,
        )
        self.url = f"{double.url}/cards/normal/front/0/0/{card_id(0)}.jpg?17"

    def fetch(self, limit: int = 1 << 20) -> bytes:
        return self.session.fetch(self.url, lambda response: read_body(response, limit))

    @property
    def tries(self) -> int:
        return len(self.double.requests)


@pytest.fixture
def client() -> Iterator[Client]:
    with ScryfallDouble([make_card(0)], make_images(1)) as double:
        client = Client(double)
        yield client
        client.session.close()


@pytest.mark.parametrize(
    "fault",
    [
        faults.server_error(503),
        faults.truncated(0.5),
        faults.reset(),
        faults.status(500),
        faults.wrong_length(1000),
    ],
)
def test_a_passing_failure_of_headers_or_body_is_tried_again(
    client: Client, fault: faults.Fault
) -> None:
    client.double.inject("/cards/", fault)
    assert client.fetch() == make_images(1)[f"{card_id(0)}/front"]
    assert client.tries == 2


def test_header_and_body_failures_share_one_budget(client: Client) -> None:
    client.double.inject("/cards/", faults.status(503, times=3))
    client.double.inject("/cards/", faults.truncated(0.5, times=3))
    with pytest.raises(NetworkError) as caught:
        client.fetch()
    assert client.tries == 6
    assert caught.value.reason == "truncated body"
    assert "6 tries" in caught.value.details


def test_a_body_that_its_reader_refuses_is_tried_again_within_the_budget(client: Client) -> None:
    def refuse(response: requests.Response) -> bytes:
        raise DamagedBody("not what was asked for")

    with pytest.raises(NetworkError, match="not what was asked for"):
        client.session.fetch(client.url, refuse)
    assert client.tries == 6


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_final_answer_is_not_asked_for_again(client: Client, code: int) -> None:
    client.double.inject("/cards/", faults.status(code, times=None))
    with pytest.raises(NetworkError) as caught:
        client.fetch()
    assert caught.value.reason == f"HTTP {code}"
    assert client.tries == 1


def test_no_retries_means_one_try(client: Client) -> None:
    client.double.inject("/cards/", faults.reset(times=None))
    other = Client(client.double, retries=0)
    with pytest.raises(NetworkError):
        other.fetch()
    other.session.close()
    assert client.tries == 1


def test_delays_double_from_the_factor_on_and_are_capped() -> None:
    budget = Backoff(total=8, backoff_factor=1, backoff_max=60)
    delays = []
    for _ in range(8):
        budget = budget.increment("GET", "https://x/", error=HTTPError())
        delays.append(budget.get_backoff_time())
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_only_lengthens_a_delay() -> None:
    budget = Backoff(total=1, backoff_factor=1, backoff_jitter=0.25)
    budget = budget.increment("GET", "https://x/", error=HTTPError())
    assert all(1 <= budget.get_backoff_time() <= 1.25 for _ in range(100))


def test_a_429_costs_the_request_nothing_and_pauses_the_host_once(client: Client) -> None:
    client.double.inject("/cards/", faults.too_many_requests(1))
    impatient = Client(client.double, retries=0)
    began = time.monotonic()
    assert impatient.fetch()
    impatient.session.close()
    assert time.monotonic() - began >= 1
    assert impatient.pauses == [1.0]
    assert client.double.lockout_violations == 0


def test_who_waits_for_a_connection_is_held_by_a_429_too(client: Client) -> None:
    client.double.inject("/cards/", faults.too_many_requests(1))
    # One connection: seven threads wait for it when the 429 comes.
    threads = [threading.Thread(target=client.fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused, *others = (request.time for request in client.double.requests)
    assert min(others) - refused >= 1


def test_a_429_stops_every_worker_of_the_host(client: Client) -> None:
    client.double.inject("/cards/", faults.too_many_requests(1))
    threads = [threading.Thread(target=client.fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.pauses == [1.0]
    assert client.double.lockout_violations == 0


def test_a_stop_ends_a_pause_at_once(client: Client) -> None:
    client.double.inject("/cards/", faults.too_many_requests(600))
    threading.Timer(0.2, client.stop.set).start()
    with pytest.raises(Cancelled):
        client.fetch()


def test_a_host_that_pauses_us_for_ever_ends_the_run() -> None:
    gate = HostGate(floor=0.0, stop=threading.Event())
    with pytest.raises(HostDownError, match="keeps refusing"):
        for _ in range(1000):
            gate.close("x", 0.0)


def test_a_body_over_the_limit_is_refused_and_not_retried(client: Client) -> None:
    with pytest.raises(NetworkError) as caught:
        client.fetch(limit=1000)
    assert caught.value.reason == "body over the size limit"
    assert client.tries == 1


def test_a_redirect_to_a_foreign_host_is_refused(client: Client) -> None:
    client.double.inject("/cards/", faults.redirect("https://evil-scryfall.io/x"))
    with pytest.raises(NetworkError) as caught:
        client.fetch()
    assert caught.value.reason == "refused URL"


def test_a_redirect_within_the_server_is_followed(client: Client) -> None:
    client.double.inject("?17", faults.redirect(client.url.replace("?17", "?18")))
    assert client.fetch()


def test_a_circle_of_redirects_ends(client: Client) -> None:
    client.double.inject("/cards/", faults.redirect(client.url, times=None))
    with pytest.raises(NetworkError, match="redirects"):
        client.fetch()


def test_a_bad_url_is_not_blamed_on_the_connection() -> None:
    stop = threading.Event()
    gate = HostGate(floor=0.05, stop=stop)
    session = PoliteSession(api_url="http://a..b", gate=gate, stop=stop)
    with pytest.raises(NetworkError) as caught:
        session.fetch("http://a..b/bulk-data", lambda response: response.raw.read())
    session.close()
    assert caught.value.reason == "bad URL"
    assert "connection" not in caught.value.suggestion
    assert "check its address" in caught.value.suggestion


def test_a_server_that_is_not_there_says_so() -> None:
    stop = threading.Event()
    session = PoliteSession(
        api_url="http://127.0.0.1:9",
        gate=HostGate(floor=0, stop=stop),
        stop=stop,
        max_retries=1,
        backoff_factor=0.001,
    )
    with pytest.raises(NetworkError) as caught:
        session.fetch("http://127.0.0.1:9/x", lambda response: response.content)
    session.close()
    assert caught.value.reason == "connection refused"


ALLOWED = [
    "https://cards.scryfall.io/x",
    "https://scryfall.com/x",
    "https://API.SCRYFALL.COM/x",
    "https://data.scryfall.io:443/x",
    "http://127.0.0.1:8000/x",
]
REFUSED = [
    "http://cards.scryfall.io/x",
    "https://evil-scryfall.io/x",
    "https://scryfall.io.evil.example/x",
    "https://scryfall.com@evil.example/x",
    "https://evil.example\\@scryfall.com/x",
    "https://evil.example/scryfall.com",
    "https://cards.scryfall.io:8443/x",
    "http://127.0.0.1:8001/x",
    "https://127.0.0.1:8000/x",
    "file:///etc/passwd",
    "ftp://scryfall.com/x",
    "//scryfall.com/x",
    "https:///x",
    "",
    "https://[::1",
    "https://cards.scryfall.io/a b",
    "https://cards.scryfall.io/\ud800",
    "https://cards.scryfall.io/\n",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_scryfall_and_the_server_in_use_are_allowed(url: str) -> None:
    assert AllowedHosts("http://127.0.0.1:8000").refusal(url) is None


@pytest.mark.parametrize("url", REFUSED)
def test_everything_else_is_refused(url: str) -> None:
    assert AllowedHosts("http://127.0.0.1:8000").refusal(url) is not None


def test_a_host_that_answers_nothing_but_errors_ends_the_run(client: Client) -> None:
    client.double.inject("/cards/", faults.status(500, times=None))
    client.gate = HostGate(floor=0, stop=client.stop, patience=0.0)
    client.session._gate = client.gate
    with pytest.raises(HostDownError, match="nothing but errors") as caught:
        for _ in range(100):
            with contextlib.suppress(NetworkError):
                client.fetch()
    assert client.tries == 40
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("code", [401, 403, 407])
def test_a_host_that_refuses_everything_ends_the_run(client: Client, code: int) -> None:
    client.double.inject("/cards/", faults.status(code, times=None))
    client.session._gate = HostGate(floor=0, stop=client.stop, patience=0.0)
    with pytest.raises(HostDownError):
        for _ in range(100):
            with contextlib.suppress(NetworkError):
                client.fetch()
    assert client.tries == 40


def test_trouble_is_told_once_while_it_lasts(client: Client) -> None:
    told: list[str] = []
    client.session._gate = HostGate(
        floor=0,
        stop=client.stop,
        on_trouble=lambda host, reason, again: told.append(f"{host} {reason} {again}"),
    )
    client.double.inject("/cards/", faults.status(500, times=1))
    assert client.fetch()
    assert told == []
    client.double.inject("/cards/", faults.status(500, times=4))
    assert client.fetch()
    assert told == ["127.0.0.1 HTTP 500 True"]
    client.double.inject("/cards/", faults.status(403, times=2))
    for _ in range(2):
        with pytest.raises(NetworkError):
            client.fetch()
    assert told[1:] == ["127.0.0.1 HTTP 403 False"]


def test_an_answer_now_and_then_keeps_the_run_going(client: Client) -> None:
    client.session._gate = HostGate(floor=0, stop=client.stop, patience=0.0)
    for _ in range(5):
        client.double.inject("/cards/", faults.status(500, times=12))
        for _ in range(2):
            with pytest.raises(NetworkError):
                client.fetch()
        assert client.fetch()


def test_a_pause_of_an_earlier_run_is_honoured(client: Client) -> None:
    client.gate.close_for("127.0.0.1", 0.4)
    began = time.monotonic()
    client.fetch()
    assert time.monotonic() - began >= 0.4


def test_what_the_server_says_of_an_error_is_passed_on_in_part(client: Client) -> None:
    body = b'{"details": "' + b"no such card " * 10 + b'"}'
    headers = {"Content-Type": "application/json"}
    client.double.inject("/cards/", faults.status(404, body, headers))
    with pytest.raises(NetworkError, match="404") as caught:
        client.fetch()
    assert "no such card" in caught.value.details
    client.double.inject("/cards/", faults.status(404, b"[" * 500_000, headers))
    with pytest.raises(NetworkError) as caught:
        client.fetch()
    assert caught.value.reason == "HTTP 404"
