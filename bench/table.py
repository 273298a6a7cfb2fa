"""Prints the table of results, with the aim beside each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import ge, le
from typing import Literal


@dataclass(frozen=True)
class Line:
    """One measured number and its aim; a number without an aim is for comparison."""

    what: str
    value: float
    unit: str = ""
    aim: float | None = None
    better: Literal["more", "less"] = "more"
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        compare = ge if self.better == "more" else le
        return bool(compare(self.value, self.aim))


def show(title: str, lines: Sequence[Line]) -> None:
    print(f"\n{title} (load {os.getloadavg()[0]:.1f})")
    for line in lines:
        print("  " + as_text(line), flush=True)


def as_text(line: Line) -> str:
    value = f"{number(line.value)} {line.unit}".strip()
    aim = "" if line.aim is None else ("at least " if line.better == "more" else "at most ")
    aim += "" if line.aim is None else f"{number(line.aim)} {line.unit}".strip()
    verdict = {None: "", True: "met", False: "NOT MET"}[line.met]
    return f"{line.what:58} {value:>14}  {aim:20} {verdict:8} {line.note}".rstrip()


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_markdown(title: str, lines: Sequence[Line]) -> str:
    """The same as a table for docs/performance.md."""
    rows = [f"| {title} | measured | aim | |", "|---|---:|---:|---|"]
    for line in lines:
        sign = "" if line.aim is None else ("≥ " if line.better == "more" else "≤ ")
        aim = "" if line.aim is None else f"{sign}{number(line.aim)} {line.unit}".strip()
        verdict = {None: "", True: "met", False: "**not met**"}[line.met]
        value = f"{number(line.value)} {line.unit}".strip()
        remark = " ".join(filter(None, (verdict, line.note)))
        rows.append(f"| {line.what} | {value} | {aim} | {remark} |")
    return "\n".join(rows)
