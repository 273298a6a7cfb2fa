"""Runs one contestant of bench/local.py alone and prints its cost as JSON.

    python -m bench.local_alone three|one|rembg PHOTO...

The first photo warms it up. rembg's Python needs nothing of Packshot's.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIDE = 2048


def three() -> Callable[[bytes], None]:
    """The enhancer alone: a photo as the server hands it over, analysed and three variants made."""
    from packshot.enhancers.local import darkroom
    from packshot.enhancers.local.options import PictureOptions
    from packshot.pictures import model_file

    options = PictureOptions("network", model_file.model_path(None), 1.0)

    def work(data: bytes) -> None:
        for plan in darkroom.analyse(data, 3, options).variants:
            darkroom.make(data, plan.title, options)

    return work


def one() -> Callable[[bytes], None]:
    """From the photo's bytes to one finished picture with its previews."""
    from packshot.enhancers.local import darkroom
    from packshot.enhancers.local.options import PictureOptions
    from packshot.pictures import imaging, model_file

    options = PictureOptions("network", model_file.model_path(None), 1.0)
    output = imaging.OutputSpec(aspect="1:1")

    def work(data: bytes) -> None:
        copy = imaging.normalise(data).data
        title = darkroom.analyse(copy, 1, options).variants[0].title
        imaging.finish(darkroom.make(copy, title, options)[0], output)

    return work


def rembg() -> Callable[[bytes], None]:
    """From the photo's bytes to one picture on white, as rembg's readme does it."""
    from PIL import Image, ImageOps
    from rembg import new_session, remove

    session = new_session("u2netp")

    def work(data: bytes) -> None:
        photo = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        cut = remove(photo, session=session)
        white = Image.new("RGB", cut.size, "white")
        white.paste(cut, mask=cut.getchannel("A"))
        white.thumbnail((SIDE, SIDE))
        white.save(io.BytesIO(), "JPEG", quality=90)

    return work


CONTESTANTS = {"three": three, "one": one, "rembg": rembg}


def main(name: str, *photos: str) -> None:
    work = CONTESTANTS[name]()
    data = [Path(photo).read_bytes() for photo in photos]
    if name == "three":
        from packshot.pictures import imaging

        data = [imaging.normalise(each).data for each in data]
    work(data[0])
    began = time.process_time()
    for each in data:
        work(each)
    seconds = (time.process_time() - began) / len(data)
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


def peak_megabytes() -> float:
    """The peak of this program; ru_maxrss would include the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
