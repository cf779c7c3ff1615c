"""What `mtg-db serve` answers, over real sockets, and its OpenAPI document."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import requests
from conftest import jpeg, mtg_db
from jsonschema import Draft202012Validator
from served import PATIENCE_S, Server, Shop, ask, first, frame, make_shop

from mtg_image_db import BuildOptions, Database, build_database
from mtg_image_db.collection.cards import CollectionCard
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.serving.api import Api
from mtg_image_db.serving.images import Images
from mtg_image_db.serving.names import Names


def test_a_query_answers_what_the_command_prints(
    server: Server, shop: Shop, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(frame(first(shop)))
    done = mtg_db(
        *("query", photo, "--json", "-k", "3", "--db", shop.folder / "index_out"),
        *("--cache", shop.folder / "image_cache"),
        cwd=tmp_path,
    )
    printed = json.loads(done.stdout)
    reply = ask(server, "POST", f"/api/query?k=3&name={photo}", data=photo.read_bytes()).json()
    assert printed.pop("seconds") > 0
    assert reply.pop("seconds") > 0
    assert reply == printed


def test_a_camera_takes_each_card_once(own: Server, shop: Shop) -> None:
    (one, other), both = (
        (frame(first(shop, n)) for n in (0, 1)),
        frame(first(shop, 0), first(shop, 1)),
    )
    states = [
        [card["state"] for card in own.post("/api/look?camera=mine", picture)["cards"]]
        for picture in (one, one, both, both, other, other, one, one)
    ]
    assert states[:2] == [["seen"], ["taken"]]
    assert sorted(states[2]) == ["held", "seen"]
    assert sorted(states[3]) == ["held", "taken"]
    assert states[4:] == [["held"], ["held"], ["seen"], ["taken"]]
    names = [entry["card"]["name"] for entry in own.get("/api/entries")["entries"]]
    wanted = list(shop.names.values())
    assert names == [wanted[0], wanted[1], wanted[0]]
    newest = own.get("/api/entries?last=1")["entries"]
    assert [entry["card"]["name"] for entry in newest] == names[-1:]


def test_two_looks_at_once_take_a_card_once(own: Server, shop: Shop) -> None:
    picture = frame(first(shop))
    with ThreadPoolExecutor(2) as pool:
        looks = list(pool.map(partial(own.post, "/api/look?camera=mine"), [picture] * 2))
    assert sorted(look["cards"][0]["state"] for look in looks) == ["seen", "taken"]
    assert own.post("/api/look?camera=mine", picture)["cards"][0]["state"] == "held"
    assert len(own.get("/api/entries")["entries"]) == 1


def test_a_camera_that_knows_its_card_from_before_a_restart_does_not_take_it_again(
    shop: Shop, tmp_path: Path
) -> None:
    picture = frame(first(shop))
    with Server(shop.folder, tmp_path / "mine.sqlite") as before:
        for _ in range(2):
            look = before.post("/api/look?camera=mine", picture)
        before.kill()
    [taken] = look["taken"]
    with Server(shop.folder, tmp_path / "mine.sqlite") as after:
        for _ in range(3):
            [card] = after.post("/api/look?camera=mine", picture)["cards"]
            assert (card["state"], card["entry"]) == ("held", taken["id"])
        assert len(after.get("/api/entries")["entries"]) == 1


def test_a_live_picture_names_the_same_cards_with_an_outline_or_filling_it(shop: Shop) -> None:
    database = Database.open(shop.folder / "index_out")
    for picture in (frame(first(shop)), frame(first(shop), first(shop, 1)), jpeg(first(shop, 2))):
        whole = {card.named for card in database.query(picture)}
        assert {card.named for card in database.recognise(picture, live=True).cards} == whole
        assert None not in whole
    assert [card.verdict for card in database.recognise(frame(), live=True).cards] == ["none"]


def test_a_key_takes_at_once_also_what_has_no_name(own: Server, shop: Shop) -> None:
    look = own.post("/api/look?camera=mine&take=now", frame(first(shop)))
    assert [card["state"] for card in look["cards"]] == ["taken"]
    assert own.post("/api/look?camera=mine&take=now", frame(first(shop)))["taken"] == []
    assert own.post("/api/look?camera=other&take=never", frame(first(shop)))["taken"] == []


def test_the_same_photo_is_not_added_twice_unless_wanted(own: Server, shop: Shop) -> None:
    photo = frame(first(shop))
    added = own.post("/api/photos?name=one.jpg", photo)
    assert [entry["photo"] for entry in added["entries"]] == ["one.jpg"]
    assert added["photo"] == {"name": "one.jpg", "width": 1280, "height": 720}
    again = own.post("/api/photos?name=two.jpg", photo)
    assert (again["again"], again["entries"]) == ("one.jpg", [])
    assert len(own.post("/api/photos?name=two.jpg&anyway=1", photo)["entries"]) == 1


def test_an_answer_changes_the_card_and_undo_takes_it_back(own: Server, shop: Shop) -> None:
    [entry] = own.post("/api/photos", frame(first(shop)))["entries"]
    path = f"/api/entries/{entry['id']}"
    [card, *_] = own.get("/api/cards/search?q=" + list(shop.names.values())[1])["cards"]
    [printing, *_] = own.get(f"/api/cards/{card['oracle_id']}/printings")["printings"]
    said = {"scryfall_id": printing["scryfall_id"], "quantity": 3, "condition": "good"}
    changed = ask(own, "POST", f"{path}/answer", json=said).json()
    assert (changed["card"]["label"], changed["card"]["quantity"]) == (printing["label"], 3)
    skipped = ask(own, "POST", f"{path}/answer", json={"skip": True}).json()
    assert (skipped["status"], skipped["card"]) == ("skipped", None)
    assert own.post("/api/undo")["undone"] == changed
    assert ask(own, "POST", f"{path}/answer", json={}).json() == entry
    assert ask(own, "DELETE", path).status_code == 204
    assert ask(own, "GET", path).status_code == 404
    assert own.post("/api/undo") == {"undone": entry, "what": "remove"}
    assert own.get(path) == entry


def test_piles_are_kept_apart(own: Server, shop: Shop) -> None:
    [entry] = own.post("/api/photos", frame(first(shop)))["entries"]
    box = ask(own, "POST", "/api/piles", json={"name": "Box", "condition": "played"}).json()
    moved = ask(own, "POST", f"/api/entries/{entry['id']}/move", json={"pile": box["id"]}).json()
    assert moved["card"]["condition"] == "played"
    renamed = ask(own, "PATCH", f"/api/piles/{box['id']}", json={"name": "Tin"}).json()
    assert (renamed["name"], renamed["cards"], renamed["condition"]) == ("Tin", 1, "played")
    counts = {pile["name"]: pile["entries"] for pile in own.get("/api/piles")["piles"]}
    assert counts == {"Collection": 0, "Tin": 1}
    assert own.get("/api/entries?pile=1")["entries"] == []
    assert ask(own, "DELETE", f"/api/piles/{box['id']}").status_code == 400
    assert ask(own, "DELETE", f"/api/piles/{box['id']}?with_cards=1").status_code == 204


def test_an_export_is_what_scan_writes(own: Server, shop: Shop) -> None:
    [entry] = own.post("/api/photos", frame(first(shop)))["entries"]
    [face] = [
        face
        for face in Database.open(shop.folder / "index_out").faces()
        if face.face_id == entry["card"]["face_id"]
    ]
    finish, lang = entry["card"]["finish"], entry["card"]["lang"]
    cards = [CollectionCard(face.printing, 1, finish, "near_mint", lang)]
    for form in FORMATS:
        reply = ask(own, "GET", f"/api/collection/export?to={form}")
        assert reply.content == render(cards, form)
        assert reply.headers["content-disposition"].startswith("attachment")


def test_names_are_found_half_typed_and_misspelled(server: Server, shop: Shop) -> None:
    for name in list(shop.names.values())[:5]:
        plain = name.split(" // ")[0]
        wrong = plain[:2] + plain[3].lower() + plain[2] + plain[4:]
        begun = " ".join(word[:4] for word in plain.split())
        for typed in (name, plain.lower(), plain[: len(plain) * 2 // 3], begun, wrong):
            found = server.get(f"/api/cards/search?limit=3&q={typed}")["cards"]
            assert name in [card["name"] for card in found], typed
    assert server.get("/api/cards/search?q=")["cards"] == []
    assert server.get("/api/cards/search?q=%20%2F%2F")["cards"] == []


def test_prices_are_those_of_the_database_in_force(shop: Shop) -> None:
    database = Database.open(shop.folder / "index_out")
    priced = [face for face in database.faces() if face.printing.prices.usd]
    wanted = {face.scryfall_id: face.printing.prices for face in priced[:3]}
    assert Names(database).prices({*wanted, "nothing"}) == wanted
    assert wanted


def test_without_an_image_in_the_cache_there_is_no_address_of_one(
    shop: Shop, tmp_path: Path
) -> None:
    [face, *_] = shop.pictures
    images = Images(shop.folder / "image_cache")
    assert images.url(face) == f"/images/{face}"
    assert images.url(f"{face}:face:7") is None
    assert images.url("../" + face) is None
    assert Images(tmp_path).url(face) is None


def test_images_come_from_the_cache(server: Server, shop: Shop) -> None:
    [card, *_] = server.get("/api/cards/search?q=" + next(iter(shop.names.values())))["cards"]
    reply = ask(server, "GET", card["image"])
    assert reply.headers["content-type"] == "image/jpeg"
    [cached] = (shop.folder / "image_cache").rglob(f"{card['image'][len('/images/') :]}.*")
    assert reply.content == cached.read_bytes()


def test_events_tell_what_was_taken_changed_and_undone(own: Server, shop: Shop) -> None:
    heard: list[tuple[str, Any]] = []
    with requests.get(f"{own.url}/api/events", stream=True, timeout=PATIENCE_S) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b": here"
        [entry] = own.post("/api/photos", frame(first(shop)))["entries"]
        changed = ask(own, "POST", f"/api/entries/{entry['id']}/answer", json={"quantity": 2})
        own.post("/api/undo")
        own.post("/api/undo")
        while len(heard) < 4:
            line = next(lines)
            if line.startswith(b"event: "):
                heard.append((line[7:].decode(), json.loads(next(lines)[6:])))
    wanted = [("taken", entry), ("changed", changed.json()), ("changed", entry), ("undone", entry)]
    assert heard == wanted


def test_more_pictures_than_there_are_places_are_told_when_to_come_again(own: Server) -> None:
    # Each takes a place when it begins to send, and keeps it: nothing has to be slow for that.
    waiting = []
    try:
        for _ in range(300):
            one = socket.create_connection(("127.0.0.1", own.port), PATIENCE_S)
            waiting.append(one)
            head = "POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            one.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            answer = one.recv(2000)
            if not answer.startswith(b"HTTP/1.1 100"):
                break
        status, _, rest = answer.partition(b"\r\n")
        assert status == b"HTTP/1.1 503 Service Unavailable"
        assert b"retry-after: 1" in rest
        for one in waiting[:-1]:
            one.sendall(b"no pixels")
            assert one.recv(2000).startswith(b"HTTP/1.1 422")
    finally:
        for one in waiting:
            one.close()
    assert ask(own, "POST", "/api/query", data=b"no pixels").status_code == 422


def test_a_newer_database_is_used_as_soon_as_it_is_published(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 6)
    build = BuildOptions(cache=shop.folder / "image_cache", out=shop.folder / "index_out")
    picture = frame(first(shop))
    with Server(shop.folder, tmp_path / "mine.sqlite") as server:
        before = server.get("/api/health")
        first_answer = server.post("/api/query", picture)
        build_database(replace(build, limit=before["faces"] - 1))
        after = server.get("/api/health")
        assert after["faces"] == before["faces"] - 1
        assert "A newer database is used now" in server.said
        assert server.get("/api/cards/search?q=a") is not None
        (shop.folder / "index_out" / "CURRENT").write_text("nonsense")
        assert server.get("/api/health") == after
        again = server.post("/api/query", picture)
        assert [card["verdict"] for card in again["cards"]] == ["confident"]
        assert again["query"] == first_answer["query"]


# The document


def test_every_answer_is_as_the_document_says(own: Server, shop: Shop) -> None:
    document = own.get("/api/openapi.json")
    seen = set()

    def checked(method: str, path: str, route: str, **more: Any) -> Any:
        reply = ask(own, method, path, **more)
        said = document["paths"][route][method.lower()]["responses"][str(reply.status_code)]
        if "$ref" in said:
            said = document["components"]["responses"][said["$ref"].rpartition("/")[2]]
        seen.add((method.lower(), route, reply.status_code))
        kind = reply.headers.get("content-type", "").partition(";")[0]
        if "content" not in said:
            assert reply.content == b""
            return None
        if kind != "application/json":
            assert kind in said["content"]
            return None
        schema = said["content"]["application/json"]["schema"]
        schema = {**schema, "components": document["components"]}
        Draft202012Validator(schema).validate(reply.json())
        return reply.json()

    picture = frame(first(shop))
    for path in ("/api/health", "/api/openapi.json", "/api/piles", "/api/entries"):
        checked("GET", path, path)
    checked("POST", "/api/query", "/api/query", data=picture)
    for _ in range(2):
        checked("POST", "/api/look?camera=a", "/api/look", data=picture)
    checked("POST", "/api/look?camera=a", "/api/look", data=frame())
    checked("POST", "/api/photos", "/api/photos", data=frame(first(shop, 2)))
    checked("POST", "/api/photos", "/api/photos", data=b"")
    hidden = first(shop, 3).copy()
    hidden.paste((20, 20, 20), (0, hidden.height * 93 // 100, *hidden.size))
    checked("POST", "/api/photos?name=b", "/api/photos", data=frame(hidden))
    entry = checked("GET", "/api/entries/1", "/api/entries/{entry}")
    for name in ("card", "strip"):
        path = f"/api/entries/1/{name}.jpg"
        checked("GET", path, f"/api/entries/{{entry}}/{name}.jpg")
    checked("GET", "/api/entries", "/api/entries")
    answer = "/api/entries/{entry}/answer"
    said = {"scryfall_id": entry["card"]["scryfall_id"], "finish": "nonfoil"}
    checked("POST", "/api/entries/1/answer", answer, json=said)
    checked("POST", "/api/entries/1/answer", answer, json={"quantity": 0})
    box = checked("POST", "/api/piles", "/api/piles", json={"name": "Box"})
    checked("POST", "/api/entries/1/move", "/api/entries/{entry}/move", json={"pile": box["id"]})
    checked("PATCH", f"/api/piles/{box['id']}", "/api/piles/{pile}", json={"finish": "foil"})
    checked("GET", "/api/piles", "/api/piles")
    [card, *_] = checked(
        "GET", f"/api/cards/search?q={entry['card']['name'][:4]}", "/api/cards/search"
    )["cards"]
    path = f"/api/cards/{card['oracle_id']}/printings"
    checked("GET", path, "/api/cards/{oracle_id}/printings")
    checked("GET", card["image"], "/images/{face_id}")
    checked("GET", "/api/collection/export?to=moxfield", "/api/collection/export")
    checked("GET", "/api/collection/export?to=mtga", "/api/collection/export")
    checked("DELETE", "/api/entries/1", "/api/entries/{entry}")
    checked("GET", "/api/entries/1", "/api/entries/{entry}")
    checked("DELETE", f"/api/piles/{box['id']}?with_cards=1", "/api/piles/{pile}")
    for _ in range(12):
        checked("POST", "/api/undo", "/api/undo")
    listed = {
        (method, path)
        for path, some in document["paths"].items()
        for method in some
        if path != "/api/events"
    }
    assert listed == {(method, path) for method, path, status in seen if status < 300}


def test_the_document_is_valid_and_lists_every_route(own: Server) -> None:
    document = own.get("/api/openapi.json")
    for some in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(some)
    listed = {(method.upper(), path) for path, some in document["paths"].items() for method in some}
    api = Api.__new__(Api)
    served = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in api.routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert listed == served
