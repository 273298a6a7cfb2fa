"""How often pictures can be locked, by kind, and why the others can't.

    python -m bench.pixel_lock --pairs 200 --keep DIR     (about 2 s of one core a pair)

Pairs are made by bench/fidelity_pairs.py from seeds, half of them damaged. DIR keeps the measures,
so that other limits can be tried quickly, and a PNG of every locked pair: the picture before and
after the lock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import fidelity_pairs as made
from packshot.fidelity.fitting import wilson
from packshot.fidelity.lockable import LockMeasures
from packshot.fidelity.locking import check, lock
from packshot.fidelity.locks import LOCKED, LockRefused, LockResult
from packshot.pictures.imaging import OutputSpec, encode_array, to_array
from packshot.pictures.model_file import model_path

Row = dict[str, Any]
SPEC = OutputSpec(max_side=2048)
DRAWN = 20
EACH = 2  # faithful pairs of a photo, and as many damaged ones


def collect(wanted: int, folder: Path) -> list[Row]:
    """Rows of pairs; those that the folder has already are not made again."""
    done = folder / "locks.jsonl"
    rows = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    known = {row["raw"] for row in rows}
    goods = made.products(DRAWN)
    for number, turn in ((n, t) for t in range(1000) for n in range(len(goods))):
        if len(rows) >= wanted:
            break
        raw = f"{goods[number].name}-{turn}"
        if raw not in known:
            new = list(_rows(goods, number, turn, folder))
            with done.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in new)
            rows += new
    return rows


def _rows(goods: list[made.Product], number: int, turn: int, folder: Path) -> Iterator[Row]:
    random, good = np.random.default_rng([number, turn, 99]), goods[number]
    photo, cut = made.raw_photo(good, random)
    data = encode_array(photo)
    for pair in made.pairs_of(good, cut, goods, random, EACH, EACH):
        started = time.process_time()
        found = lock(data, pair.enhanced, SPEC, None, model_path(None))
        seconds = time.process_time() - started
        name = f"{good.name}-{turn}"
        if found.finished is not None:
            _draw(folder / f"{name}-{pair.kind.replace(': ', '-')}.png", pair.enhanced, found)
        yield found.lock.model_dump(mode="json") | {
            "raw": name, "source": good.source, "kind": pair.kind, "faithful": pair.faithful,
            "combined": pair.combined, "seconds": seconds,
        }  # fmt: skip


def _draw(path: Path, picture: bytes, found: LockResult) -> None:
    assert found.finished is not None
    sides = [to_array(each)[..., :3] for each in (picture, found.finished.data)]
    cv2.imwrite(str(path), np.hstack(sides)[..., ::-1])


def code_of(row: Row) -> str:
    """The result by the current limits, which may have changed since the pair was measured."""
    if set(row["measures"]) != set(LockMeasures.__dataclass_fields__):
        return str(row["code"] or LOCKED)
    try:
        check(LockMeasures(**row["measures"]))
    except LockRefused as refusal:
        return refusal.code
    return LOCKED


def report(rows: list[Row]) -> Iterator[str]:
    codes = [(row, code_of(row)) for row in rows]
    for faithful in (True, False):
        kinds: dict[str, list[str]] = defaultdict(list)
        for row, code in codes:
            if row["faithful"] == faithful:
                kinds[row["kind"]].append(code)
        every = [code for each in kinds.values() for code in each]
        yield ""
        yield _line("faithful" if faithful else "damaged", every)
        for kind, found in sorted(kinds.items()):
            yield _line(f"  {kind}", found)
    locked = [row for row, code in codes if code == LOCKED and row["share"]]
    if locked:
        shares, errors = ([row[name] for row in locked] for name in ("share", "most_error"))
        yield f"\nshare of the product's pixels, median: {np.median(shares):.2f}"
        yield f"error of 99.9 % of them: median {np.median(errors):.0f}, most {max(errors):.0f}"
    yield f"seconds of one core, median: {np.median([row['seconds'] for row in rows]):.2f}"


def _line(name: str, codes: list[str]) -> str:
    locked = codes.count(LOCKED)
    low, high = wilson(locked, len(codes))
    why = ", ".join(f"{code} {n}" for code, n in Counter(codes).most_common() if code != LOCKED)
    share = f"{100 * locked / max(1, len(codes)):3.0f} % ({100 * low:.0f} to {100 * high:.0f})"
    return f"{name:24} {locked:3} of {len(codes):3}, {share:16} {why}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--keep", type=Path, default=Path("/tmp/pixel-lock"))
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    print("\n".join(report(collect(chosen.pairs, chosen.keep))))


if __name__ == "__main__":
    main()
