"""The body of an answer: how long it may take, how slowly it may come, and how large it may be."""

from __future__ import annotations

import gzip
import io
import itertools
import logging
import socket
import threading
import time

import pytest
import requests
import urllib3

from tap_sage300.api import answer, verdicts
from tap_sage300.api.judge import judge_exception


def response(raw, **headers):
    made = requests.Response()
    made.raw = urllib3.HTTPResponse(io.BytesIO(raw), headers, preload_content=False)
    return made


class Slow(io.BytesIO):
    """Gives so many bytes at each read, one read a second by its own clock."""

    def __init__(self, content, rate):
        super().__init__(content)
        self.rate, self.now = rate, 0.0

    def read1(self, _size=-1):
        self.now += 1
        return super().read(self.rate)


def read_slowly(content, rate, seconds):
    body = Slow(content, rate)
    made = requests.Response()
    made.raw = urllib3.HTTPResponse(body, preload_content=False)
    return answer.read(made, seconds, clock=lambda: body.now), body


def test_the_body_comes_whole():
    assert answer.read(response(b"x" * 3_000_000), 5) == b"x" * 3_000_000
    packed = gzip.compress(b"y" * 3_000_000)
    read = answer.read(response(packed, **{"content-encoding": "gzip"}), 5)
    assert read == b"y" * 3_000_000


def test_a_slow_line_is_fast_enough():
    content, body = read_slowly(b"x" * 20_000, 2_000, 4)
    assert (len(content), body.now) == (20_000, 11)


@pytest.mark.parametrize(
    ("rate", "seconds", "most", "words"),
    [(1, 2, 4, "too slowly"), (900, 60, 62, "too slowly"), (1_100, 3, 32, "too long")],
)
def test_a_drip_ends(rate, seconds, most, words):
    """Kind: a line that drips; each part comes in time, and the whole never does."""
    body = Slow(b"x" * 100_000, rate)
    made = requests.Response()
    made.raw = urllib3.HTTPResponse(body, preload_content=False)
    with pytest.raises(requests.ReadTimeout, match=words) as failure:
        answer.read(made, seconds, clock=lambda: body.now)
    assert body.now <= most
    assert judge_exception(failure.value) is verdicts.SLOW


def test_a_small_answer_that_unpacks_large_is_bounded(monkeypatch):
    """Kind: an answer that fills the memory, packed or not."""
    monkeypatch.setattr(answer, "MOST_BYTES", 1_000_000)
    packed = gzip.compress(b"y" * 200_000_000)
    with pytest.raises(answer.TooLargeError) as failure:
        answer.read(response(packed, **{"content-encoding": "gzip"}), 5)
    assert judge_exception(failure.value) is verdicts.LARGE


def test_an_answer_that_breaks_off_or_is_garbled():
    for raw, headers, verdict in (
        (b"12345", {"content-length": "10"}, verdicts.BROKEN),
        (b"no gzip", {"content-encoding": "gzip"}, verdicts.GARBLED),
    ):
        with pytest.raises(requests.RequestException) as failure:
            answer.read(response(raw, **headers), 5)
        assert judge_exception(failure.value) is verdict


@pytest.fixture
def dripping():
    """A server that sends one byte every tenth of a second."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve():
        while not stopped.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
                for _ in itertools.takewhile(lambda _: not stopped.wait(0.1), range(5000)):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/Sage300WebApi"
    stopped.set()
    listening.close()
    thread.join(5)


def test_a_dripping_server_is_reported(dripping, fake_config, helpers, caplog):
    caplog.set_level(logging.CRITICAL)
    began = time.monotonic()
    config = {**fake_config, "api_url": dripping, "read_timeout_seconds": 1}
    _, failure = helpers.interrupted(config, catalog=helpers.only("APVendors"))
    assert str(failure).startswith(
        "Sage 300 did not answer in time for APVendors of company SAMINC"
    )
    assert time.monotonic() - began < 10
