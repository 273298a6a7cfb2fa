"""How well the fidelity check tells a changed product from a faithful edit, by kind.

    python -m bench.fidelity              the report (half an hour of one core; --pairs 300: less)
    python -m bench.fidelity --again      use the pairs and masks of the last run (a quarter of it)
    python -m bench.fidelity --fit        also write src/packshot/fidelity/weights.toml
    python -m bench.fidelity --time       only time checks of the samples (half a minute)

Pairs are made by bench/fidelity_pairs.py from seeds, a quarter more with underexposed photos by
bench/fidelity_dark.py: no weights are fitted to them, but two hard limits were chosen on them
(repainted, missing). Fitting is cross-validated by product: a
family of flavours is never in both parts. A pair that can't be compared counts as flagged, even if
it is faithful. The thresholds let 5 % of the faithful edits be flagged, hard limits included;
where these alone flag more, 5 % of the others.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import fidelity_dark as dark
from bench import fidelity_local as local
from bench import fidelity_pairs as made
from packshot.errors import PackshotError
from packshot.fidelity import checking, comparing, network, scoring
from packshot.fidelity.checking import values_of
from packshot.fidelity.fitting import FittedWeights, LabelledRow, as_toml, fit, wilson
from packshot.fidelity.jobs import FidelityFiles
from packshot.fidelity.sides import WORK_SIDE, side_of
from packshot.pictures.imaging import encode_array, to_array
from packshot.pictures.model_file import model_path

DRAWN = 30
FOLDS = 10


# ---- measuring


@dataclass(frozen=True)
class Kept:
    """All pairs of one raw photo with their masks, stored so that measuring again is fast."""

    raw: comparing.RawSide | None
    pairs: list[tuple[LabelledRow, bytes, Any]]  # row, enhanced picture, likelihood


def collect(wanted: int, folder: Path, kind: str) -> list[LabelledRow]:
    """Rows of measured pairs of one kind (rows, dark, held_out); those that the folder has already
    are not measured again."""
    goods = made.held_out() if kind == "held_out" else made.products(DRAWN)
    done = folder / f"{kind}.jsonl"
    rows = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    known, started = {row["raw"] for row in rows}, time.time()
    for turn, number in product(range(1000), range(len(goods))):
        if len(rows) >= wanted:
            break
        raw = f"{goods[number].name}-{turn}{'-dark' if kind == 'dark' else ''}"
        if raw not in known:
            path = folder / f"{raw}.pkl"
            kept = _kept(path, _make_dark if kind == "dark" else _make, goods, number, turn)
            new = [row | {"raw": raw} for row in _rows(kept)]
            with done.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in new)
            rows += new
            print(f"\r{len(rows)} pairs, {time.time() - started:.0f} s", end="", flush=True)
    print()
    return rows


Maker = Callable[[list[made.Product], int, made.Random], Kept]


def _kept(path: Path, make: Maker, goods: list[made.Product], number: int, turn: int) -> Kept:
    if path.exists():
        found: Kept = pickle.loads(path.read_bytes())
        return found
    kept = make(goods, number, np.random.default_rng([number, turn, 77]))
    path.write_bytes(pickle.dumps(kept))
    return kept


def _make(goods: list[made.Product], number: int, random: made.Random) -> Kept:
    good = goods[number]
    photo, cut = made.raw_photo(good, random)
    damages = 5 if good.source != "held out" else 4
    pairs = chain(
        made.pairs_of(good, cut, goods, random, 4, damages), local.pairs_of(good, cut, random)
    )
    return _with_masks(photo, pairs)


def _make_dark(goods: list[made.Product], number: int, random: made.Random) -> Kept:
    good = goods[number]
    whole = dark.underexposed(made.whole_photo(good, random), random)
    photo = np.ascontiguousarray(whole[..., :3])
    return _with_masks(photo, dark.pairs_of(good, whole, random, 3))


def _with_masks(photo: Any, pairs: Iterator[made.Pair]) -> Kept:
    network_file, found = model_path(None), []
    try:
        raw = comparing.read_raw(encode_array(photo), network_file)
    except PackshotError:
        raw = None
    for pair in pairs:
        good = pair.product
        row = {
            "product": good.name, "family": good.family or good.name, "source": good.source,
            "kind": pair.kind, "faithful": pair.faithful, "combined": pair.combined,
            "size": round(pair.size, 4),
        }  # fmt: skip
        likely = network.likelihood(to_array(pair.enhanced, WORK_SIDE), network_file)
        found.append((row, pair.enhanced, likely))
    return Kept(raw, found)


def _rows(kept: Kept) -> Iterator[LabelledRow]:
    for row, enhanced, likely in kept.pairs:
        yield row | _compared(kept.raw, enhanced, likely)


def _compared(raw: comparing.RawSide | None, enhanced: bytes, likely: Any) -> LabelledRow:
    rgb = to_array(enhanced, WORK_SIDE)
    try:
        if raw is None:
            raise PackshotError("no product")
        side = side_of(rgb, cv2.resize(likely, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR))
        compared = comparing.compare(raw, side, rgb)
    except PackshotError:
        return {"problem": "no_product"}
    row: LabelledRow = {"problem": compared.problem}
    if compared.measures is not None:
        row |= {"measures": values_of(compared), "lines": len(compared.lines or ())}
    return row


# ---- judging


@dataclass(frozen=True)
class Judged:
    row: LabelledRow
    total: float  # score minus the "warn" threshold of its fold's fit
    verdict: str


def cross_validated(
    rows: Sequence[LabelledRow], dark_rows: Sequence[LabelledRow]
) -> tuple[list[Judged], list[Judged]]:
    """Each row judged by weights fitted to `rows` without its family."""
    families = sorted({row["family"] for row in rows})
    order = np.random.default_rng(3).permutation(len(families))
    fold_of = {families[int(index)]: place % FOLDS for place, index in enumerate(order)}
    judged: tuple[list[Judged], list[Judged]] = ([], [])
    for fold in range(FOLDS):
        found = fit([row for row in rows if fold_of[row["family"]] != fold])
        for some, into in zip((rows, dark_rows), judged, strict=True):
            own = [row for row in some if fold_of.get(row["family"], 0) == fold]
            into += judged_by(found, own)
    return judged


def judged_by(found: FittedWeights, rows: Sequence[LabelledRow]) -> list[Judged]:
    return [Judged(row, found.total(row) - found.weights.warn, found.verdict(row)) for row in rows]


# ---- reporting


def report(judged: Sequence[Judged]) -> None:
    kept = [one for one in judged if one.row["faithful"]]
    changed = [one for one in judged if not one.row["faithful"]]
    print(f"\n{len(judged)} pairs of {len({one.row['product'] for one in judged})} products: "
          f"{len(kept)} faithful, {len(changed)} damaged")  # fmt: skip
    print(f"AUC {auc(kept, changed):.3f} {_bootstrap(judged)}")
    print("\n| kind | n | AUC | caught (95 %) | fail | not comparable |\n|---|---|---|---|---|---|")
    for name in ("all damage", *sorted({one.row["kind"] for one in changed})):
        some = [one for one in changed if name in ("all damage", one.row["kind"])]
        _line(name, some, auc(kept, some))
    for name, some in _text_by_height(changed).items():
        _line(name, some, auc(kept, some) if some else 0.0)
    print("\n| faithful edit | n | | flagged (95 %) | fail | not comparable |")
    print("|---|---|---|---|---|---|")
    for name in ("all faithful", *sorted({one.row["kind"] for one in kept})):
        _line(name, [one for one in kept if name in ("all faithful", one.row["kind"])], None)
    for source in sorted({one.row["source"] for one in kept}):
        _line(f"products: {source}", [one for one in kept if one.row["source"] == source], None)


def _text_by_height(changed: Sequence[Judged]) -> dict[str, list[Judged]]:
    lines = [one for one in changed if one.row["kind"].startswith("text")]
    return {
        "text, all": lines,
        "text >= 3 %": [one for one in lines if one.row["size"] >= 0.03],
        "text < 3 %": [one for one in lines if one.row["size"] < 0.03],
    }


def _line(name: str, some: Sequence[Judged], area: float | None) -> None:
    count = len(some)
    flagged = sum(one.verdict != "pass" for one in some)
    low, high = wilson(flagged, count)
    share = [
        sum(one.verdict == v for one in some) / max(1, count) for v in ("fail", "not_comparable")
    ]
    shown = "" if area is None else f"{area:.3f}"
    print(f"| {name} | {count} | {shown} | {flagged / max(1, count):.0%} ({low:.0%} to {high:.0%}) "
          f"| {share[0]:.0%} | {share[1]:.0%} |")  # fmt: skip


def auc(kept: Sequence[Judged], changed: Sequence[Judged]) -> float:
    a = np.minimum([one.total for one in kept], 1e6)
    b = np.minimum([one.total for one in changed], 1e6)
    return float(np.mean((b[:, None] > a) + 0.5 * (b[:, None] == a)))


def _bootstrap(judged: Sequence[Judged], turns: int = 200) -> str:
    by_family: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        by_family[one.row["family"]].append(one)
    names, random, areas = sorted(by_family), np.random.default_rng(1), []
    for _ in range(turns):
        drawn = [one for name in random.choice(names, len(names)) for one in by_family[str(name)]]
        kept = [one for one in drawn if one.row["faithful"]]
        areas.append(auc(kept, [one for one in drawn if not one.row["faithful"]]))
    low, high = np.percentile(areas, [2.5, 97.5])
    return f"(95 %: {low:.3f} to {high:.3f}, by product)"


def time_samples() -> None:
    """CPU seconds of whole checks as in a pixel process: decode, measure, draw the change map."""
    files, photos, pictures = FidelityFiles(model_path(None)), [], []
    for number, good in enumerate(made.products(0)):
        if good.source == "samples":
            random = np.random.default_rng([number, 91])
            photo, cut = made.raw_photo(good, random)
            raw, picture = encode_array(photo), made.enhance(cut, "background", random)
            started = time.process_time()
            side = comparing.read_raw(raw, files.network)
            photos.append(time.process_time() - started)
            checking.check(side, picture, files)
            started = time.process_time()
            checking.check(side, picture, files)
            pictures.append(time.process_time() - started)
    print(f"{len(photos)} samples, median CPU seconds: {np.median(pictures):.2f} a picture, "
          f"{np.median(photos):.2f} once a photo")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=1100)
    parser.add_argument("--keep", type=Path, default=Path("var/bench-fidelity"), help="a folder")
    parser.add_argument("--again", action="store_true", help="measure the kept pairs again")
    parser.add_argument("--fit", action="store_true", help="write weights.toml")
    parser.add_argument("--time", action="store_true", help="only time checks of the samples")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.time:
        time_samples()
        return
    given.keep.mkdir(parents=True, exist_ok=True)
    if given.again:
        for path in given.keep.glob("*.jsonl"):
            path.unlink()
    rows = collect(given.pairs, given.keep, "rows")
    usual, underexposed = cross_validated(rows, collect(given.pairs // 4, given.keep, "dark"))
    report(usual)
    print("\nUnderexposed photos (no weights were fitted on them):")
    report(underexposed)
    found = fit(rows)
    others = collect(min(100, given.pairs // 10), given.keep, "held_out")
    print("\nPhotos that nothing was fitted on:")
    report(judged_by(found, others))
    if given.fit:
        command = f"python -m bench.fidelity --pairs {given.pairs} --fit"
        note = f"Written by `{command}` from {len(rows)} labelled pairs; see docs/fidelity.md."
        scoring.WEIGHTS.write_text(as_toml(found.weights, note))


if __name__ == "__main__":
    main()
