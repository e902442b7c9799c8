import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from blipkit.errors import BadInput
from blipkit.service.asking import LARGEST_REPLY, Said
from blipkit.service.endpoints import (
    Asker,
    Endpoints,
    Form,
    NoReply,
    NotAnswered,
    ask,
    ask_both,
    check_url,
    frames_in,
    lacks_of,
)
from blipkit.service.lacks import Lacks

pytest.importorskip("httpx", reason="needs the extra service")
FORM = Form(("is it?",), ("yes", "no"))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"
JPEG = b"\xff\xd8\xff" + b"frame"


class Made(BaseHTTPRequestHandler):
    """Replies with what its server says, and keeps what it was asked."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers["X-Request-Id"], body))
        status, content, headers = self.server.replies.pop(0) if self.server.replies else YES
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def answered(text="yes", question="is it?"):
    answers = [{"question": question, "text": text, "probability": 0.9, "margin": 2.0}]
    return 200, {"kind": "answers", "answers": answers}, {}


YES = answered()


@pytest.fixture
def made():
    """Starts made-up endpoints, each with the replies that it gives first."""
    servers = []

    def start(*replies):
        server = HTTPServer(("127.0.0.1", 0), Made)
        server.seen, server.replies = [], list(replies)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        server.url = f"http://127.0.0.1:{server.server_port}"
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def asker():
    with Asker() as one:
        yield one


@pytest.fixture
def folder(tmp_path):
    """Two cameras with two frames each."""
    for camera in ("garden", "porch"):
        (tmp_path / "frames" / camera).mkdir(parents=True)
        for name in ("1.jpg", "2.jpg"):
            (tmp_path / "frames" / camera / name).write_bytes(JPEG)
    return tmp_path / "frames"


def test_both_are_asked_the_same(made, asker, folder):
    """Frame, questions, candidates and one request id for both; the primary again where it is sampled."""
    primary, candidate = made(), made(answered("no"))
    endpoints = Endpoints(primary.url, candidate.url, FORM, twice=1.0)
    pairs = list(ask_both(asker, endpoints, frames_in(folder, 1.0), print))
    assert [(pair.camera, pair.at_s) for pair in pairs] == [
        ("garden", 0),
        ("garden", 1),
        ("porch", 0),
        ("porch", 1),
    ]
    assert [pair.candidate[0].text for pair in pairs] == ["no", "yes", "yes", "yes"]
    assert all(pair.again for pair in pairs) and len(primary.seen) == 8
    path, request_id, body = candidate.seen[0]
    assert path == "/v1/answers" and request_id == pairs[0].request_id
    for part in (b'name="question"\r\n\r\nis it?', b'name="candidates"\r\n\r\nno', JPEG):
        assert part in body
    assert primary.seen[0][1] == request_id


def test_who_has_no_room_is_asked_again(made, asker):
    """After the time that it says; after three refusals it is told so."""
    busy = 503, {"detail": "no room"}, {"Retry-After": "0"}
    once = made(busy)
    assert ask(asker, once.url, FORM, JPEG, "a")[0].text == "yes" and len(once.seen) == 2
    always = made(*[busy] * 3)
    with pytest.raises(NotAnswered, match="status 503: no room"):
        ask(asker, always.url, FORM, JPEG, "a")
    assert len(always.seen) == 3


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((500, {"detail": "broken"}, {}), "status 500: broken"),
        ((404, b"<html>", {}), "status 404: '<html>'"),
        ((200, b"hello", {}), "replied with 200, and no answers: 'hello'"),
        ((200, {"answers": []}, {}), "replied with 200, and no answers: "),
        ((200, b" " * (LARGEST_REPLY + 1), {}), "more than 8 MiB"),
        ((200, YES[1] | {"request_id": "b"}, {}), "about request 'b', not this one"),
    ],
)
def test_a_reply_without_answers_says_why(made, asker, reply, said):
    """Status and text, or what is wrong with the body."""
    with pytest.raises(NotAnswered, match=said):
        ask(asker, made(reply).url, FORM, JPEG, "a")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", HEAD])
def test_a_reply_that_trickles_is_not_waited_for(sent):
    """Byte by byte, each in time, headers or body: the whole of it has one time."""

    def trickle(listening: socket.socket) -> None:
        one, _ = listening.accept()
        with one, contextlib.suppress(OSError):
            one.sendall(sent)
            for byte in b"X-A: b\r\n" * 1000:
                one.sendall(bytes([byte]))
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listening, Asker(timeout_s=0.5) as asker:
        threading.Thread(target=trickle, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(NotAnswered, match="no whole reply in 0.5 s"):
            ask(asker, url, FORM, JPEG, "a")
        assert time.monotonic() - began < 5


def test_who_answers_another_question_has_not_answered(made, asker, folder):
    """The candidate, as the live tier has it; every other frame is compared all the same."""
    primary, candidate, told = made(), made(answered(question="is it not?")), []
    endpoints = Endpoints(primary.url, candidate.url, FORM)
    pairs = list(ask_both(asker, endpoints, frames_in(folder, 1.0), told.append))
    assert len(pairs) == 3 and told[0].by_candidate and "'is it not?'" in told[0].why


def test_what_is_not_answered_is_told_and_the_rest_goes_on(made, asker, folder):
    """Each frame with its reason; nobody there counts as not answered."""
    primary, told = made((500, {"detail": "broken"}, {})), []
    endpoints = Endpoints(primary.url, made().url, FORM)
    pairs = list(ask_both(asker, endpoints, frames_in(folder, 1.0), told.append))
    assert len(pairs) == 3 and len(told) == 1
    assert told[0].why.startswith("1.jpg: http://127.0.0.1") and not told[0].by_candidate
    gone = Endpoints("http://127.0.0.1:9", primary.url, FORM)
    assert list(ask_both(asker, gone, frames_in(folder, 1.0), told.append)) == []
    assert "ConnectError" in told[-1].why and not told[-1].by_candidate
    gone = Endpoints(primary.url, "http://127.0.0.1:9", FORM)
    assert list(ask_both(asker, gone, frames_in(folder, 1.0), told.append)) == []
    assert "ConnectError" in told[-1].why and told[-1].by_candidate


def test_who_no_longer_replies_is_not_waited_for(made, asker, tmp_path, monkeypatch):
    """Each would take 30 s: after so many in a row the rest is not asked; a reply between them, whatever it is, begins anew."""
    for place in range(8):
        (tmp_path / f"{place}.jpg").write_bytes(JPEG)
    monkeypatch.setattr("blipkit.service.endpoints.MOST_SILENT", 3)
    frames, told, answers = frames_in(tmp_path, 1.0), [], iter([YES, None, None, (500, {}, {})])

    def post(url, headers, body):
        reply = next(answers, None) if url == "candidate" else YES
        if reply is None:
            raise NoReply(f"{url}: no whole reply in 30 s")
        return Said(reply[0], json.dumps(reply[1]).encode(), "", 0.0)

    monkeypatch.setattr(asker, "post", post)
    pairs = list(ask_both(asker, Endpoints("primary", "candidate", FORM), frames, told.append))
    assert len(pairs) == 1 and len(told) == 6
    lacks = lacks_of(told, len(frames) - len(pairs))
    assert lacks == Lacks(unanswered=6, left_out=7, not_asked=1, by_candidate=True)


def test_a_sample_takes_whole_cameras(folder):
    """So that rules over the last frames of a camera can be tried; of one camera, its frames."""
    half = frames_in(folder, 0.5)
    assert len(half) == 2 and len({frame.camera for frame in half}) == 1
    (folder / "porch/labels.csv").write_text("file,question,answer\n")
    one = frames_in(folder / "porch", 1.0)
    assert [(frame.camera, frame.path.name) for frame in one] == [("", "1.jpg"), ("", "2.jpg")]
    assert frames_in(folder, 0.001) == half  # at least one
    assert len(frames_in(folder / "porch", 0.5)) == 1
    with pytest.raises(BadInput, match="gone' does not exist"):
        frames_in(folder / "gone", 1.0)


def test_a_frame_that_cannot_be_sent_is_named(made, asker, folder):
    """Before it is sent: the form takes JPEG and PNG alone."""
    (folder / "garden/1.jpg").write_bytes(b"BM")
    endpoints = Endpoints(made().url, made().url, FORM)
    with pytest.raises(BadInput, match="garden/1.jpg is neither; expected a JPEG or a PNG"):
        list(ask_both(asker, endpoints, frames_in(folder, 1.0), print))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "ftp://a",
        "http://",
        "http://a:x",
        "http://a:99999",
        "http://a/v1/answers",
    ],
)
def test_what_is_no_endpoint_is_refused(url):
    """With the option, and how one looks."""
    with pytest.raises(BadInput, match="--primary .*; expected such as http://127.0.0.1:8080"):
        check_url(url, "--primary")
    assert check_url("http://a:1/", "--primary") == "http://a:1"
