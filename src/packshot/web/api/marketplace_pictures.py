"""Makes approved pictures into the form of a marketplace, for exports and compliance checks."""

from __future__ import annotations

import logging
from dataclasses import replace

from packshot.errors import FetchError, NotFound, PictureError, SettingsError
from packshot.marketplaces.compliance import check, fails
from packshot.marketplaces.presets import Preset, read_preset
from packshot.marketplaces.rendering import Source, render
from packshot.pictures.provenance import EDITED, Provenance
from packshot.pictures.signing import is_signed
from packshot.products.answers.products import ImageOut
from packshot.products.export.rows import ApprovedImage
from packshot.products.export.zip_file import PreparedPicture
from packshot.web.requests.context import services
from packshot.web.requests.refusals import FieldError, InvalidRequest
from packshot.wiring import Services

log = logging.getLogger("packshot.web")


def named_preset(name: str) -> Preset:
    try:
        return read_preset(name, services().settings.presets_dir)
    except SettingsError as error:
        raise InvalidRequest([FieldError("/query/preset", "not_allowed", error.message)]) from None


def prepare_for_marketplace(
    preset: Preset, parts: Services, image: ApprovedImage, data: bytes, main: bool
) -> PreparedPicture:
    prepared = render_for(preset, parts, image, data, image.raw_key, main)
    is_to_be_signed = parts.parts.signing is not None and image.enhancer == "gemini"
    if is_to_be_signed and not is_signed(prepared.data):
        log.error("picture %d is not signed in an export", image.image_id)
    return prepared


def render_for(
    preset: Preset,
    parts: Services,
    image: ApprovedImage | ImageOut,
    data: bytes,
    raw_key: str | None,
    main: bool,
) -> PreparedPicture:
    """The picture in the marketplace's form, signed, and its measurement. A picture that a model
    generated stays marked."""
    signing = parts.parts.signing if image.enhancer == "gemini" else None
    needs_raw = preset.measures_enlargement or signing is not None
    source_type = preset.render.source_type if image.enhancer == "gemini" else EDITED
    known = Provenance(source_type, image.model, image.created_at)
    source = Source(
        data,
        provenance=known if image.enhancer is not None else None,
        raw=_raw_photo(raw_key, parts) if needs_raw else None,
        signing=signing,
    )
    try:
        made, measures = parts.pixels.run(render, source, preset.render.spec)
    except PictureError as error:
        if signing is None or not error.retryable:  # the child process ended
            raise
        made, measures = parts.pixels.run(render, replace(source, signing=None), preset.render.spec)
    fits_as_main = not fails(check(measures, preset))
    return PreparedPicture(made, check(measures, preset, main), fits_as_main)


def _raw_photo(key: str | None, parts: Services) -> bytes | None:
    """The stored copy of the raw photo; None if it was removed to save space or can't be read."""
    try:
        return parts.storage.get(key) if key is not None else None
    except NotFound:
        return None
    except FetchError as error:
        log.error("%s: an export does without it", error.message)
        return None
