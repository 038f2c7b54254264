"""Webhooks over HTTP: what is stored, what is refused, and what the sender is told."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from tests.integration.api.web_door import LIMIT, ROLLED, SECRET, WebDoor, event_body, full, signed

PATH = "/webhooks/stripe/acme"


def reason_of(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"reason", "message"}
    return str(body["error"]["reason"])


async def test_a_signed_event_is_stored_and_acknowledged(door: WebDoor) -> None:
    body = event_body()
    answer = await door.client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()) == (200, {"receipt": "new"})
    assert [(event.entity, event.event_id) for event in door.intake.events] == [("acme", "evt_1")]
    assert "server" not in answer.headers


async def test_a_repeated_event_is_a_quiet_success(door: WebDoor) -> None:
    body = event_body()
    for expected in ("new", "duplicate"):
        answer = await door.client.post(PATH, content=body, headers=signed(body))
        assert (answer.status_code, answer.json()) == (200, {"receipt": expected})


async def test_nothing_is_acknowledged_before_intake_has_committed(door: WebDoor) -> None:
    door.intake.release = asyncio.Event()
    body = event_body()
    asking = asyncio.create_task(door.client.post(PATH, content=body, headers=signed(body)))
    await door.intake.entered.wait()
    assert not asking.done()
    door.intake.release.set()
    assert (await asking).status_code == 200


@pytest.mark.parametrize("secret", [SECRET, ROLLED])
async def test_each_secret_fits_while_one_is_rolled(door: WebDoor, secret: str) -> None:
    body = event_body()
    answer = await door.client.post(PATH, content=body, headers=signed(body, secret=secret))
    assert answer.status_code == 200


async def test_one_fitting_signature_among_several_is_enough(door: WebDoor) -> None:
    body = event_body()
    good = signed(body, secret=ROLLED)["stripe-signature"]
    moment, signature = good.split(",")
    header = f"{moment},v1={'0' * 64},{signature},v0=decoy"
    assert (await door.client.post(PATH, content=body, headers={"stripe-signature": header})).status_code == 200


@pytest.mark.parametrize("header", ["", "t=1", "nonsense", "t=x,v1=y", "t=1,v0=abc", "t=1,v1=abc", "a" * 4000])
async def test_an_unreadable_signature_is_refused_and_nothing_stored(door: WebDoor, header: str) -> None:
    answer = await door.client.post(PATH, content=event_body(), headers={"stripe-signature": header} if header else {})
    assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST")
    assert door.intake.events == []


async def test_a_signature_of_bytes_beyond_ascii_is_refused(door: WebDoor) -> None:
    headers = [(b"stripe-signature", b"t=1795435200,v1=\xff\xe9")]
    answer = await door.client.post(PATH, content=event_body(), headers=headers)
    assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST")


async def test_a_changed_body_is_refused(door: WebDoor) -> None:
    headers = signed(event_body())
    answer = await door.client.post(PATH, content=event_body("evt_2"), headers=headers)
    assert (answer.status_code, door.intake.events) == (400, [])


@pytest.mark.parametrize(("seconds", "status"), [(-300, 200), (300, 200), (-301, 400), (301, 400), (10**8, 400)])
async def test_a_signature_may_be_neither_old_nor_early(door: WebDoor, seconds: int, status: int) -> None:
    body = event_body()
    headers = signed(body, ahead=timedelta(seconds=seconds))
    answer = await door.client.post(PATH, content=body, headers=headers)
    assert answer.status_code == status
    assert len(door.intake.events) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"event"',
        b"NaN",
        b"{}",
        event_body(id=7),
        event_body(id=""),
        event_body(object="charge"),
        event_body(livemode="no"),
        event_body(created="yesterday"),
        event_body(created=-1),
        event_body(created=10**30),
        event_body(data=None),
        event_body(data={"object": "text"}),
        event_body(data={"object": {}}),
        event_body(object="v2.core.event", created="never"),
        b'{"client_secret": ' + b"[" * 1500 + b"]" * 1500 + b"}",
        b'{"client_secret": ' + b"[" * 1010 + b"]" * 1010 + b"}",
    ],
)
async def test_what_is_no_event_is_refused_without_repeating_it(door: WebDoor, body: bytes) -> None:
    answer = await door.client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, reason_of(answer)) == (400, "INVALID_REQUEST")
    assert door.intake.events == []


async def test_a_body_that_is_not_utf8_is_refused(door: WebDoor) -> None:
    answer = await door.client.post(PATH, content=b"\xff\xfe", headers={"stripe-signature": "t=1795435200,v1=ab"})
    assert answer.status_code == 400


async def test_an_answer_repeats_nothing_of_what_was_sent(door: WebDoor) -> None:
    body = event_body(id=["4242424242424242"], object="jenny@example.com")
    for headers in (signed(body), {"stripe-signature": "t=4242424242424242,v1=jenny"}):
        text = (await door.client.post(PATH, content=body, headers=headers)).text
        assert "4242" not in text
        assert "jenny" not in text


async def test_an_unknown_entity_is_not_found(door: WebDoor) -> None:
    body = event_body()
    answer = await door.client.post("/webhooks/stripe/<script>", content=body, headers=signed(body))
    assert (answer.status_code, reason_of(answer)) == (404, "ENTITY_UNKNOWN")
    assert "script" not in answer.text


@pytest.mark.parametrize("path", ["/", "/webhooks/stripe", "/webhooks/stripe/", "/webhooks/stripe/acme/", "/docs"])
async def test_other_paths_are_not_found(door: WebDoor, path: str) -> None:
    answer = await door.client.post(path)
    assert (answer.status_code, reason_of(answer)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"])
async def test_other_methods_are_refused(door: WebDoor, method: str) -> None:
    answer = await door.client.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_body_of_exactly_the_limit_is_taken(door: WebDoor) -> None:
    body = event_body(padding="x" * (LIMIT - len(event_body(padding=""))))
    assert len(body) == LIMIT
    assert (await door.client.post(PATH, content=body, headers=signed(body))).status_code == 200


async def test_one_byte_more_is_too_large(door: WebDoor) -> None:
    body = event_body(padding="x" * (LIMIT + 1 - len(event_body(padding=""))))
    answer = await door.client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, door.intake.events) == (413, [])


async def test_a_full_intake_asks_for_another_try(door: WebDoor) -> None:
    door.intake.fails = full()
    body = event_body()
    answer = await door.client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, reason_of(answer), answer.headers["retry-after"]) == (503, "OVERLOADED", "3")


async def test_a_fault_of_ours_is_a_fixed_sentence(door: WebDoor) -> None:
    door.intake.fails = RuntimeError("secret detail")
    body = event_body()
    answer = await door.client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, reason_of(answer)) == (500, "INTERNAL")
    assert "secret detail" not in answer.text


async def test_readiness_names_what_is_missing(door: WebDoor) -> None:
    answer = await door.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["database", "worker"]})
    door.readiness.set("database", True)
    door.readiness.set("worker", True)
    answer = await door.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": []})
    assert (await door.client.get("/healthz")).status_code == 200
    assert (await door.client.head("/healthz")).status_code == 200
    assert (await door.client.post("/healthz")).status_code == 405


async def test_many_at_once_are_all_answered(door: WebDoor) -> None:
    bodies = [event_body(f"evt_{number}") for number in range(40)]
    answers = await asyncio.gather(*(door.client.post(PATH, content=body, headers=signed(body)) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert {event.event_id for event in door.intake.events} == {json.loads(body)["id"] for body in bodies}
