"""C2PA: pictures of models are signed, read by the library's own reader, and never lost by it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import ValidationError
from sqlalchemy import delete, select, update
from support.c2pa_certificates import Files, make_files
from support.fakes import FakeEnhancer, photo_bytes
from support.products import BOX, taken
from support.shop import Shop

from packshot.database.models import Product, ProductImage
from packshot.errors import SettingsError
from packshot.marketplaces.rendering import Source, render
from packshot.pictures.answer_metadata import manifest_store, read_metadata
from packshot.pictures.imaging import OutputSpec, encode_array
from packshot.pictures.provenance import Provenance
from packshot.pictures.signing import (
    MANIFEST_STORE,
    History,
    Ingredient,
    Signing,
    is_signed,
    read_signing,
    sign,
)
from packshot.products.object_keys import answer_key
from packshot.settings import Settings
from packshot.storage.digests import seal
from packshot.work import pipeline

PROVENANCE = Provenance("compositeWithTrainedAlgorithmicMedia", "gemini-x")

BYTES_ONLY = """
title = "Ours"
checked = 2026-11-29
[render]
[[rule]]
measure = "bytes"
most = 1000
severity = "warn"
advice = "Smaller."
source = "ours"
confidence = "high"
[[rule]]
measure = "source_type"
allowed = ["compositeWithTrainedAlgorithmicMedia"]
severity = "warn"
advice = "Say it."
source = "ours"
confidence = "high"
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("c2pa"))


@pytest.fixture(scope="module")
def signing(files: Files) -> Signing:
    return read_signing(files.cert, files.key)


def answer_of_a_model(signing: Signing) -> bytes:
    """A picture that carries its own manifest, as Google's do, and XMP."""
    plain = Source(photo_bytes(7), Provenance("trainedAlgorithmicMedia", "gemini-x"))
    made, _ = render(replace(plain, signing=signing), OutputSpec())
    assert is_signed(made)
    return made


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path, files: Files) -> Iterator[Shop]:
    shop = Shop(sqlite_url, tmp_path / "media", c2pa_cert=files.cert, c2pa_key=files.key)
    yield shop
    shop.close()


def make_pictures(shop: Shop, enhancer: FakeEnhancer, **parts: Any) -> int:
    """A product with one picture, by the real pipeline and its child processes."""
    given = replace(
        shop.services.parts, enhancer=enhancer, read_raw=lambda url: photo_bytes(), **parts
    )
    number = shop.services.catalog.create([BOX]).products[0].id
    pipeline.run(taken(given.claims, number), given)
    return number


def stored(shop: Shop, number: int) -> bytes:
    image = shop.services.catalog.product(number).images[0]
    return shop.services.storage.get(str(image.media_url).removeprefix("/media/"))


def test_a_models_picture_names_the_photo_and_the_answer(
    shop: Shop, files: Files, signing: Signing
) -> None:
    answer = answer_of_a_model(signing)
    model = FakeEnhancer(name="gemini", made_by_ai=True, paint=lambda variant: answer)
    number = make_pictures(shop, model)
    found = files.read(stored(shop, number), "image/jpeg")
    assert found["validation_state"] == "Trusted"
    active = found["manifests"][found["active_manifest"]]
    titles = {each["title"]: each["relationship"] for each in active["ingredients"]}
    assert titles == {"The model's answer": "parentOf", "The seller's photo": "inputTo"}
    assert len(found["manifests"]) == 2  # the answer's own is in it
    [actions] = [each["data"]["actions"] for each in active["assertions"]]
    agents = [(each["action"], each.get("softwareAgent", {}).get("name")) for each in actions]
    assert agents == [
        ("c2pa.opened", None),
        ("c2pa.edited", "fake-1"),
        ("c2pa.edited", "Packshot"),
    ]
    assert actions[1]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert b"compositeWithTrainedAlgorithmicMedia" in stored(shop, number)  # the XMP is there too


def test_a_locked_picture_says_that_the_photo_was_placed_in_it(
    files: Files, signing: Signing
) -> None:
    photo = Ingredient("The seller's photo", photo_bytes(), "inputTo")
    history = History(
        PROVENANCE,
        parent=Ingredient("The model's answer", photo_bytes(5), "parentOf"),
        raw=photo,
        model="gemini-x",
        placed=replace(photo, relationship="componentOf"),
    )
    found = files.read(sign(photo_bytes(6), history, signing), "image/jpeg")
    assert found["validation_state"] == "Trusted"
    active = found["manifests"][found["active_manifest"]]
    assert [each["relationship"] for each in active["ingredients"]] == [
        "parentOf",
        "inputTo",
        "componentOf",
    ]
    [actions] = [each["data"]["actions"] for each in active["assertions"]]
    assert [each["action"] for each in actions] == [
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.placed",
        "c2pa.edited",
    ]
    assert "own pixels" in actions[2]["description"]
    assert actions[2]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


def test_every_export_that_changes_bytes_signs_again(shop: Shop, files: Files) -> None:
    number = make_pictures(shop, FakeEnhancer(name="gemini", made_by_ai=True))
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(enhancer="gemini"))
    shop.services.catalog.review(number, "approved", who="ann")
    for query, parent in (("", "The model's answer"), ("&preset=amazon", "The approved picture")):
        answer = shop.ask("GET", f"/api/export?format=zip{query}")
        archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["signed"] is True
        entry = manifest["pictures"][0]
        assert entry["signed"] is True
        found = files.read(archive.read(entry["file"]), "image/jpeg")
        assert found["validation_state"] == "Trusted"
        ingredients = found["manifests"][found["active_manifest"]]["ingredients"]
        assert [each["title"] for each in ingredients] == [parent, "The seller's photo"]


def test_what_is_measured_is_what_goes_out_signed(
    sqlite_url: str, tmp_path: Path, files: Files
) -> None:
    """Bytes and metadata are those of the signed file, in the ZIP's table and in the API."""
    (tmp_path / "mine.toml").write_text(BYTES_ONLY)
    given = {"c2pa_cert": files.cert, "c2pa_key": files.key, "presets_dir": tmp_path}
    shop = Shop(sqlite_url, tmp_path / "media", **given)
    number = make_pictures(shop, FakeEnhancer(name="gemini", made_by_ai=True))
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(enhancer="gemini"))
    asked = shop.ask("GET", f"/api/products/{number}/compliance?preset=mine").get_json()
    shop.services.catalog.review(number, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=mine")
    shop.close()
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    table = list(csv.DictReader(io.StringIO(archive.read("compliance.csv").decode())))
    sizes = [f"{len(archive.read(row['file'])):,}" for row in table if row["rule"] == "bytes"]
    assert [row["measured"] for row in table if row["rule"] == "bytes"] == sizes
    rows = [row for picture in asked["data"]["pictures"] for row in picture["rows"]]
    assert [row["measured"] for row in rows if row["rule"] == "bytes"] == sizes
    types = {row["measured"] for row in (*table, *rows) if row["rule"] == "source type"}
    assert types == {"compositeWithTrainedAlgorithmicMedia"}
    assert all(is_signed(archive.read(row["file"])) for row in table)


def test_a_local_picture_is_not_signed_and_the_manifest_says_so(shop: Shop) -> None:
    number = make_pictures(shop, FakeEnhancer())
    shop.services.catalog.review(number, "approved", who="ann")
    archive = zipfile.ZipFile(
        io.BytesIO(shop.ask("GET", "/api/export?format=zip&preset=amazon").get_data())
    )
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["signed"] is False
    assert {entry["signed"] for entry in manifest["pictures"]} == {False}
    with shop.services.database.read() as session:
        assert set(session.scalars(select(ProductImage.answer))) == {None}


def test_a_picture_that_cant_be_signed_is_kept(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Signing(b"no chain", b"no key", "es256")
    model = FakeEnhancer(name="gemini", made_by_ai=True)
    number = make_pictures(shop, model, signing=broken)
    product = shop.services.catalog.product(number)
    assert (product.status, len(product.images)) == ("pending_review", 3)
    assert not is_signed(stored(shop, number))
    assert "a picture is not signed: it can't be signed" in caplog.text
    made, _ = render(Source(photo_bytes(), PROVENANCE, signing=broken), OutputSpec())
    assert not is_signed(made)


def test_the_record_keeps_what_the_answer_carried(shop: Shop, signing: Signing) -> None:
    answer = answer_of_a_model(signing)
    make_pictures(shop, FakeEnhancer(made_by_ai=True, paint=lambda variant: answer))
    with shop.services.database.read() as session:
        kept = session.scalars(select(ProductImage.answer)).first()
    assert kept == read_metadata(answer)
    assert kept["bytes"] == len(answer)
    assert b64decode(kept["c2pa"]["store"]) == manifest_store(answer)
    assert "trainedAlgorithmicMedia" in kept["xmp"]
    assert read_metadata(b"\xff\xd8\xff\xeb").keys() == {"sha256", "bytes", "mime_type"}


def test_a_picture_whose_record_was_lost_keeps_what_its_answer_carried(shop: Shop) -> None:
    """The process ended between the store and the record, with the answer still there."""
    model = FakeEnhancer(made_by_ai=True)
    parts = replace(shop.services.parts, enhancer=model, read_raw=lambda url: photo_bytes())
    number = shop.services.catalog.create([BOX]).products[0].id
    claim = taken(parts.claims, number)
    pipeline.run(claim, parts)
    with shop.services.database.write() as session:
        session.execute(delete(ProductImage).where(ProductImage.variant == 1))
        session.execute(update(Product).values(status="pending"))
    key = answer_key(claim.namespace, number, 1, 1)
    shop.services.storage.put(key, seal(key, photo_bytes(1)), "application/octet-stream")
    pipeline.run(taken(parts.claims, number), parts)
    with shop.services.database.read() as session:
        kept = session.scalars(select(ProductImage.answer).where(ProductImage.variant == 1)).one()
    assert kept == read_metadata(photo_bytes(1))


@pytest.mark.parametrize(
    "kind", ["png", *(pytest.param(each, marks=pytest.mark.extra) for each in ("webp", "avif"))]
)
def test_each_format_is_signed_and_its_manifest_found(
    kind: Any, files: Files, signing: Signing
) -> None:
    spec = OutputSpec(max_side=300, format=kind)
    source = Source(photo_bytes(), PROVENANCE, raw=photo_bytes(1), signing=signing)
    made, measures = render(source, spec)
    assert measures.format == kind
    assert files.read(made, f"image/{kind}")["validation_state"] == "Trusted"
    if kind != "avif":
        store = manifest_store(made)
        assert store is not None and len(store) > 2000


def test_a_jpegs_manifest_stands_before_its_pixels() -> None:
    """What follows them is no manifest, and isn't searched: a ZIP asks this of every picture."""
    assert not is_signed(photo_bytes() + MANIFEST_STORE)


def test_a_signature_stays_within_the_bytes_of_a_marketplace(signing: Signing) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (700, 700, 3), np.uint8)
    source = Source(encode_array(noise), PROVENANCE, signing=signing)
    most = len(render(replace(source, signing=None), OutputSpec())[0]) + 100
    made, measures = render(source, OutputSpec(max_bytes=most))
    assert is_signed(made)
    assert measures.bytes == len(made) <= most


def test_the_same_picture_is_never_signed_alike(signing: Signing) -> None:
    """docs/api.md says so; without a signature the bytes are the same."""
    history = History(PROVENANCE, Ingredient("x", photo_bytes(), "parentOf"))
    assert sign(photo_bytes(), history, signing) != sign(photo_bytes(), history, signing)


# -- at the start ----------------------------------------------------------------------------


def test_a_bad_certificate_or_key_stops_the_start(tmp_path: Path, files: Files) -> None:
    other = make_files(tmp_path / "other")
    expired = make_files(tmp_path / "expired", days=(-9, -1))
    for_servers = make_files(tmp_path / "servers", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    locked = make_files(tmp_path / "locked", password=b"secret")
    text = tmp_path / "text.pem"
    text.write_text("no PEM")
    for cert, key, words in (
        (tmp_path / "nowhere", files.key, "C2PA_CERT=.*nowhere: can't be read: No such file"),
        (files.cert, tmp_path / "nowhere", "C2PA_KEY=.*nowhere: can't be read"),
        (text, files.key, "C2PA_CERT is not a certificate chain in PEM"),
        (files.cert, text, "C2PA_KEY is not a private key in PEM"),
        (locked.cert, locked.key, "without a password"),
        (files.cert, other.key, "does not belong to the first certificate"),
        (expired.cert, expired.key, "not valid today: it ends on .*, renew it"),
        (for_servers.cert, for_servers.key, "C2PA_CERT can't be used|can't sign"),
    ):
        with pytest.raises(SettingsError, match=words):
            read_signing(cert, key)


def test_a_certificate_without_its_key_is_refused(files: Files) -> None:
    with pytest.raises(ValidationError, match="go together"):
        Settings(c2pa_cert=files.cert)
