"""Real HTTP on this machine: limits, attempts, cache, what is cut off, and keys that stay inside."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from service import Reply, Service

from finlab.core.errors import InputError, StoreError
from finlab.data.online import web as room
from finlab.data.online.web import Bucket, Cache, Manners, Web

SECRET = "s3cret/k&y"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def client(folder: Path, **manners: Any) -> tuple[Web, Time]:
    clock = Time()
    return Web(Manners(**{"per_second": 1000.0, **manners}), folder, clock=clock, sleep=clock.sleep), clock


# How often


def test_the_bucket_keeps_the_rate() -> None:
    clock = Time()
    bucket = Bucket(10, burst=3, clock=clock, sleep=clock.sleep)
    for _ in range(23):
        bucket.take()
    assert clock.now == pytest.approx(2.0)
    clock.now += 100
    before = clock.now
    for _ in range(3):
        bucket.take()
    assert clock.now == before


def test_requests_wait_for_their_turn(service: Service, tmp_path: Path) -> None:
    web, clock = client(tmp_path, per_second=8.0, fresh_seconds=0)
    url = service.say("/x", Reply(content=b"x"))
    for _ in range(9):
        web.get(url)
    assert clock.now == pytest.approx(1.0) and len(service.requests) == 9


# Again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_may_pass_is_tried_again(service: Service, tmp_path: Path, status: int) -> None:
    web, clock = client(tmp_path)
    url = service.say("/x", Reply(status), Reply(status), Reply(content=b"fine"))
    assert web.get(url).path.read_bytes() == b"fine"
    first, second = [pause for pause in clock.pauses if pause > 0.01]
    assert 0.5 <= first <= 1.0 <= second <= 2.0


def test_retry_after_is_obeyed(service: Service, tmp_path: Path) -> None:
    web, clock = client(tmp_path)
    later = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    url = service.say(
        "/x", Reply(429, headers={"Retry-After": "17"}), Reply(503, headers={"Retry-After": later}), Reply(content=b"x")
    )
    web.get(url)
    first, second = [pause for pause in clock.pauses if pause > 0.01]
    assert first == 17 and 55 <= second <= 60


def test_a_server_that_wants_an_hour_is_not_waited_for(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(429, headers={"Retry-After": "3600"}))
    with pytest.raises(InputError, match="the server answers 429, and nothing is kept from before"):
        web.get(url)
    assert len(service.requests) == 1


def test_attempts_end(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path, attempts=3)
    with pytest.raises(InputError, match="the server answers 500"):
        web.get(service.say("/x", Reply(500)))
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "does not accept"), (401, "a valid key"), (403, "refuses"), (404, "no such thing"), (418, "status 418")],
)
def test_what_will_not_pass_is_told_at_once(service: Service, tmp_path: Path, status: int, words: str) -> None:
    web, _ = client(tmp_path)
    with pytest.raises(InputError, match=words):
        web.get(service.say("/x", Reply(status, b"body")))
    assert len(service.requests) == 1 and list(tmp_path.iterdir()) == []


def test_an_answer_that_is_cut_off_is_no_answer(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(content=b"whole answer", cut=5), Reply(content=b"whole answer"))
    assert web.get(url).path.read_bytes() == b"whole answer"
    web, _ = client(tmp_path / "other", attempts=2)
    with pytest.raises(InputError, match=r"broke in the middle|cannot be reached"):
        web.get(service.say("/y", Reply(content=b"whole answer", cut=5)))
    assert list((tmp_path / "other").iterdir()) == []


# Kept


def test_a_fresh_answer_comes_from_the_disk(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(content=b"x"))
    first = web.get(url, {"b": "2", "a": "1"})
    assert web.get(url, {"a": "1", "b": "2"}) == first and len(service.requests) == 1
    web.get(url, {"a": "2"})
    assert len(service.requests) == 2


@pytest.mark.parametrize(("mark", "asks"), [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")])
def test_the_server_is_asked_whether_anything_changed(service: Service, tmp_path: Path, mark: str, asks: str) -> None:
    web, _ = client(tmp_path, fresh_seconds=0)
    value = "Mon, 05 Jan 2026 08:00:00 GMT"
    url = service.say("/x", Reply(content=b"one", headers={mark: value}), Reply(304), Reply(content=b"two"))
    assert [web.get(url).path.read_bytes() for _ in range(3)] == [b"one", b"one", b"two"]
    assert [request.headers.get(asks) for request in service.requests] == [None, value, value]
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_server_the_last_answer_is_given_with_a_note(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path, fresh_seconds=0, attempts=2)
    url = service.say("/x", Reply(content=b"one"), Reply(503))
    web.get(url)
    again = web.get(url)
    assert again.path.read_bytes() == b"one" and "gives nothing new now" in again.notes[0]


@pytest.mark.parametrize("damage", ["body", "description", "json"])
def test_what_is_damaged_on_disk_is_fetched_again(service: Service, tmp_path: Path, damage: str) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(content=b"whole"))
    answer = web.get(url)
    description = next(tmp_path.glob("*.json"))
    if damage == "body":
        answer.path.write_bytes(b"half")
    elif damage == "description":
        description.write_bytes(b"\xff{")
    else:
        description.write_text(json.dumps({"url": url, "fetched": "yesterday", "sha256": 5}))
    assert web.get(url).path.read_bytes() == b"whole" and len(service.requests) == 2


def test_an_answer_of_tomorrow_is_not_fresh(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(content=b"x"))
    web.get(url)
    description = next(tmp_path.glob("*.json"))
    description.write_text(description.read_text().replace(str(datetime.now(UTC).year), "9998"))
    web.get(url)
    assert len(service.requests) == 2


# Limits


def test_too_long_an_answer_is_refused_however_it_is_packed(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path, most_bytes=1_000_000)
    packed = gzip.compress(b"0" * 2_000_000)
    for path, reply in (
        ("/x", Reply(content=b"0" * 1_000_001)),
        ("/z", Reply(content=packed, headers={"Content-Encoding": "gzip"})),
    ):
        with pytest.raises(InputError, match="longer than 1,000,000 bytes"):
            web.get(service.say(path, reply))
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_drips_is_given_up(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web, _ = client(tmp_path, total_seconds=5.0, attempts=2)
    monkeypatch.setattr(room, "_PIECE_BYTES", 1)
    real = Time.__call__
    monkeypatch.setattr(Time, "__call__", lambda self: (setattr(self, "now", self.now + 1), real(self))[1])
    with pytest.raises(InputError, match="takes more than 5 s"):
        web.get(service.say("/x", Reply(content=b"0123456789" * 10)))


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        web, _ = client(tmp_path, attempts=1, read_seconds=0.2)
        with pytest.raises(InputError, match="stopped in the middle"):
            web.get(f"http://127.0.0.1:{silent.getsockname()[1]}/x")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "x", ""])
def test_only_the_web_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="begins with https"):
        client(tmp_path)[0].get(url)


@pytest.mark.parametrize("url", ["http://", "http://[", "http://nowhere.invalid/x", "http://127.0.0.1:1/x"])
def test_addresses_that_lead_nowhere(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError):
        client(tmp_path, attempts=1)[0].get(url, secrets={"api_key": SECRET})


def test_a_redirect_to_a_file_is_not_followed(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    with pytest.raises(InputError):
        web.get(service.say("/x", Reply(302, headers={"Location": "file:///etc/passwd"})))


def test_a_redirect_without_end(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    with pytest.raises(InputError):
        web.get(service.say("/x", Reply(302, headers={"Location": "/x"})))
    assert len(service.requests) < 10


# Keys


def test_a_key_reaches_the_server_and_nothing_else(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path, attempts=1, fresh_seconds=0)
    url = service.say("/x", Reply(content=b"x"), Reply(503), Reply(404))
    told = [repr(web.get(url, {"id": "1"}, secrets={"api_key": SECRET})) for _ in range(2)]
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            web.get(url, {"id": "2"}, secrets={"api_key": SECRET})
        told += [str(caught.value), repr(caught.value.__cause__)]
    service.stop()
    with pytest.raises(InputError) as caught:
        web.get(url, {"id": "2"}, secrets={"api_key": SECRET})
    told.append(str(caught.value))
    kept = b"".join(file.read_bytes() + file.name.encode() for file in tmp_path.iterdir()).decode()
    assert all("api_key=s3cret%2Fk%26y" in request.path for request in service.requests)
    assert "s3cret" not in kept + "".join(told) and "api_key" not in kept


def test_another_key_finds_the_same_answer(service: Service, tmp_path: Path) -> None:
    web, _ = client(tmp_path)
    url = service.say("/x", Reply(content=b"x"))
    assert web.get(url, secrets={"k": "1"}) == web.get(url, secrets={"k": "2"})


def test_a_folder_that_cannot_be_written_to(service: Service, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    web, _ = client(tmp_path / "file" / "cache")
    with pytest.raises(StoreError, match="cannot be written to"):
        web.get(service.say("/x", Reply(content=b"x")))


def test_a_full_disk(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web, _ = client(tmp_path)

    def full(self: Cache) -> Path:
        link = tmp_path / "full"
        link.symlink_to("/dev/full")
        return link

    monkeypatch.setattr(Cache, "draft", full)
    with pytest.raises(StoreError, match="cannot be kept: No space left"):
        web.get(service.say("/x", Reply(content=b"x" * 100_000)))
    assert list(tmp_path.iterdir()) == []
