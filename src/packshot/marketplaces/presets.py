"""Reads presets: a dated TOML file for each marketplace, from the package or the shop's folder."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from packshot.errors import SettingsError
from packshot.marketplaces.measures import PictureMeasures
from packshot.marketplaces.names import NameTemplate
from packshot.pictures.imaging import OutputSpec, PictureFormat

RuleVerdict = Literal["pass", "warn", "fail", "unknown"]
#: What can be measured, and those of it whose values are words; the others are numbers.
MEASURES: Final = {
    each.name: str(each.type) for each in fields(PictureMeasures) if each.name != "unmeasured"
}
WORDS: Final = frozenset(name for name, kind in MEASURES.items() if kind.startswith("str"))
#: cv.iptc.org/newscodes/digitalsourcetype, retired terms included.
SOURCE_TYPES: Final = frozenset(
    [
        "algorithmicMedia",
        "algorithmicallyEnhanced",
        "composite",
        "compositeCapture",
        "compositeSynthetic",
        "compositeWithTrainedAlgorithmicMedia",
        "computationalCapture",
        "dataDrivenMedia",
        "digitalArt",
        "digitalCapture",
        "digitalCreation",
        "humanEdits",
        "minorHumanEdits",
        "multiFrameComputationalCapture",
        "negativeFilm",
        "positiveFilm",
        "print",
        "screenCapture",
        "softwareImage",
        "trainedAlgorithmicMedia",
        "virtualRecording",
    ]
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _ratio(text: str) -> str:
    width, _, height = text.partition(":")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise ValueError("must be a ratio such as 3:4")
    return text


def _source_type(text: str) -> str:
    if text not in SOURCE_TYPES:
        raise ValueError(f"{text} is not one of IPTC's: {', '.join(sorted(SOURCE_TYPES))}")
    return text


def _measure(text: str) -> str:
    if text not in MEASURES:
        raise ValueError(f"{text} can't be measured; known are {', '.join(MEASURES)}")
    return text


def _names(text: str) -> str:
    NameTemplate.parse(text)
    return text


#: Measures that are fractions of the picture or its border, and those in pixels.
SHARES: Final = frozenset({"border_white", "border_light", "fill"})
SIDES: Final = frozenset({"longest_side", "shortest_side"})


class Rule(_Strict):
    """One rule: `least` and `most` limit a number, `allowed` lists words. A picture that breaks it
    gets `severity` as its verdict, and `advice`. `only`: the rule is for main pictures."""

    measure: Annotated[str, AfterValidator(_measure)]
    only: Literal["main"] | None = None
    least: float | None = None
    most: float | None = None
    allowed: tuple[str, ...] = ()
    severity: Literal["warn", "fail"]
    advice: str
    source: str
    confidence: Literal["high", "medium", "low"]

    @model_validator(mode="after")
    def _check_limits(self) -> Rule:
        bounded = self.least is not None or self.most is not None
        if self.measure in WORDS and (bounded or not self.allowed):
            raise ValueError(
                f"{self.measure} is a word: a rule for it needs allowed, and no bounds"
            )
        if self.measure not in WORDS and (self.allowed or not bounded):
            raise ValueError(
                f"{self.measure} is a number: a rule for it needs least or most, and not allowed"
            )
        if self.measure == "source_type":
            for word in self.allowed:
                if word != "none":
                    _source_type(word)
        return self

    @property
    def required(self) -> str:
        """In words: `at least 85 %`, `at least 1,000 px (advised)`, `jpeg or png`."""
        bounds = [("at least", self.least), ("at most", self.most)]
        limits = [
            f"{word} {amount_in_words(self.measure, bound)}"
            for word, bound in bounds
            if bound is not None
        ]
        required = " or ".join(self.allowed) or ", ".join(limits)
        return f"{required} (advised)" if self.severity == "warn" else required


def amount_in_words(measure: str, number: float) -> str:
    """`85 %`, `1,000 px`, `1.25`: up to six decimals of the number, so that a value just beyond a
    limit doesn't look equal."""
    if measure in SHARES:
        return f"{_digits(number * 100, decimals=4)} %"
    return f"{_digits(number, decimals=6)}{' px' if measure in SIDES else ''}"


def _digits(number: float, decimals: int) -> str:
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Render(_Strict):
    """How pictures for this marketplace are made; they are never enlarged."""

    aspect: Annotated[str, AfterValidator(_ratio)] | None = None
    max_side: int = Field(2048, ge=100, le=10_000)
    format: PictureFormat = "jpeg"
    quality: int = Field(90, ge=50, le=100)
    background: tuple[int, int, int] | None = None
    max_bytes: int | None = Field(None, ge=50_000)
    names: Annotated[str, AfterValidator(_names)] | None = None
    source_type: Annotated[str, AfterValidator(_source_type)] = (
        "compositeWithTrainedAlgorithmicMedia"
    )

    @property
    def spec(self) -> OutputSpec:
        return OutputSpec(
            aspect=self.aspect,
            max_side=self.max_side,
            quality=self.quality,
            background=self.background,
            max_bytes=self.max_bytes,
            min_side=1,
            continue_backdrop=True,
            format=self.format,
        )


class Preset(_Strict):
    """The rules of a marketplace, as published on the day `checked`."""

    title: str
    checked: date
    render: Render
    rules: tuple[Rule, ...] = Field(alias="rule", min_length=1)

    @property
    def measures_enlargement(self) -> bool:
        """Whether the raw photo is needed to check a picture."""
        return any(rule.measure == "enlargement" for rule in self.rules)


OURS: Final = files("packshot.marketplaces") / "presets"


def preset_names(folder: Path | None) -> list[str]:
    """The names of all presets. A file in the shop's folder replaces Packshot's of that name."""
    return sorted(_files(folder))


def preset_titles(folder: Path | None) -> dict[str, str]:
    """Titles by name; for a preset that can't be read its name is the title."""
    return {name: _title(name, folder) for name in preset_names(folder)}


def _title(name: str, folder: Path | None) -> str:
    try:
        return read_preset(name, folder).title
    except SettingsError:
        return name


def read_preset(name: str, folder: Path | None) -> Preset:
    """Raises SettingsError with the file and what is wrong with it."""
    presets = _files(folder)
    found = presets.get(name) or presets.get(name.lower())
    if found is None:
        known = ", ".join(sorted(presets))
        raise SettingsError(f"there is no preset of that name; known are {known}")
    try:
        return _parse(name, found.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"the preset {name}.toml is not UTF-8 (line {line})") from None
    except OSError as error:
        raise SettingsError(f"the preset {name}.toml can't be read: {error.strerror}") from None


def _files(folder: Path | None) -> dict[str, Traversable]:
    """The preset files by name; a file in the shop's folder replaces Packshot's."""
    entries: list[Traversable] = [*OURS.iterdir()]
    if folder is not None:
        entries += sorted(folder.glob("*.toml"))
    return {
        entry.name.removesuffix(".toml"): entry for entry in entries if entry.name.endswith(".toml")
    }


@cache
def _parse(name: str, text: str) -> Preset:
    try:
        return Preset.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the preset {name}.toml is not valid TOML: {error}") from None
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"the preset {name}.toml: {place}: {first['msg']}") from None
