"""Takes one product from claimed to pending_review. This is the heart of Packshot."""

from __future__ import annotations

from pydantic import ValidationError

from packshot.enhancers.contract import Analysis, Enhancer, Photo
from packshot.products.batch_items import ANALYSIS
from packshot.work.claiming.claim import Claim
from packshot.work.making.normalised_copy import load_photo
from packshot.work.making.parts import Parts
from packshot.work.making.reference_views import with_other_views
from packshot.work.making.variants import make_variants


def run(claim: Claim, parts: Parts) -> None:
    """Make what this product's round still lacks, then pass it to a reviewer.

    Every result is saved at once, so that a restart pays only for what is missing. Raises
    ProductError, Unavailable or LostClaim.
    """
    photo = with_other_views(claim, load_photo(claim, parts), parts)
    analysis = analyse(claim, photo, parts)
    make_variants(claim, photo, analysis, parts)
    parts.claims.complete(claim)


def analyse(claim: Claim, photo: Photo, parts: Parts) -> Analysis:
    """The round's saved analysis; if there is none, request one and save it."""
    saved = read_saved_analysis(claim, parts.enhancer)
    if saved is not None:
        return saved
    parts.defer_to_batch_job(claim, [ANALYSIS])
    parts.check_before_paying(claim)
    with claim.progress.time("analyse"):
        analysis = parts.enhancer.analyse(photo, claim.brief, claim.answer)
    paid, name = analysis.model_dump(), parts.enhancer.name
    parts.keep_trying(lambda: parts.claims.save_analysis(claim, name, paid))
    return analysis


def read_saved_analysis(claim: Claim, enhancer: Enhancer) -> Analysis | None:
    """The analysis of an earlier attempt; None if another enhancer or version made it."""
    if claim.analysis is None or claim.analysed_by != enhancer.name:
        return None
    try:
        saved = Analysis.model_validate(claim.analysis)
    except ValidationError:
        return None
    return saved if len(saved.variants) >= claim.wanted else None
