"""Writes docs/licences.md: the licence of every pinned package, from what is installed here."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Licences of what Packshot runs on

Packshot itself is Apache-2.0. These are the packages of `requirements.txt`, each with the licence
it states in its metadata. Written by `python scripts/list_licences.py`; a test compares it with
`requirements.txt`.

Not permissive: psycopg and zipstream-ng (LGPL-3.0), libvips inside pyvips-binary (LGPL), libheif
and libde265 inside pi-heif (LGPL-3.0; its own code is BSD-3-Clause, and no encoder is in it)
and certifi (MPL-2.0);
opencv-python-headless brings FFmpeg (LGPL-2.1) with it. They are used unchanged, as separate
libraries that can be replaced; keep it that way when you pass an image on, with their licences.

The cut-out network is fetched by `packshot cutout-model`, never committed: the weights of U-2-Net
(Qin et al., github.com/xuebinqin/U-2-Net) are Apache-2.0, and their conversion to ONNX, by
[rembg](https://github.com/danielgatis/rembg), is MIT. [NOTICE](../NOTICE) has the attribution and
the MIT text, [LICENSE](../LICENSE) the Apache text: pass both on with an image that holds the file.

| package | licence |
|---|---|
"""


def main() -> None:
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    rows = [f"| {name} | {licence(name)} |" for name in sorted(set(names), key=str.lower)]
    (ROOT / "docs" / "licences.md").write_text(HEAD + "\n".join(rows) + "\n")


def licence(name: str) -> str:
    """What the package states; some packages are only installed on other systems."""
    try:
        return _stated(distribution(name))
    except PackageNotFoundError:
        return "(not installed on this system)"


def _stated(package: Distribution) -> str:
    metadata = package.metadata
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    classifiers = metadata.get_all("Classifier") or []
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License")]
    if named:
        return ", ".join(named)
    stated = (metadata.get_all("License") or ["see its files"])[0]
    return str(stated).strip().splitlines()[0][:80]


if __name__ == "__main__":
    main()
