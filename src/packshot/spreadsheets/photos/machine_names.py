"""Names that cameras, phones, scanners, browsers, messengers and picture generators give files."""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = re.compile(
    r"(?:img|dsc|dscn|dscf|_dsc|_mg|imag|pxl|mvi|mvimg|fb_img|cimg|hpim|dji|gopr|whatsapp image"
    r"|screenshot|screen shot)[ _-]*\d.*"
    r"|img_e\d.*|p\d{7}|sam_\d{4}|\d{8}_\d{6}.*|\d{4}-\d\d-\d\d[ _T-]\d\d[.:_-]?\d\d.*"
    r"|received_\d{6}.*|signal-\d{4}-.*|chatgpt image .*|fullsizerender.*|s-l\d{3,4}|il_\d+xn\..*"
    r"|(?:photo|image|video|img)_\d{4}-\d\d-\d\d.*|videocapture_\d.*|snapchat-\d.*|mmexport\d{10}.*"
    r"|微信图片[_ ]?\d.*|qq图片\d.*|kakaotalk_\d.*|line_album_.*|line_\d{10}.*|temp_image_.*"
    r"|gemini_generated_image_.*|dall.e \d{4}-.*|generated image .*"
    r"|(?:bildschirmfoto|capture d.écran|captura de pantalla|schermafbeelding|schermata) .*"
    r"|(?:captura de (?:tela|ecrã)|skärmavbild|skärmbild|skjermbilde|skærmbillede|näyttökuva"
    r"|zrzut ekranu|snímek obrazovky|snímka obrazovky|képernyőkép|captură de ecran"
    r"|ekran (?:resmi|görüntüsü|alıntısı)|снимок экрана|скриншот|знімок екрана"
    r"|στιγμιότυπο|スクリーンショット|截屏|截图|屏幕截图|螢幕截圖|스크린샷)[ _-]*\d.*"
    r"|photo_\d+_\d{4}-.*|(?:photo|foto)(?: on)? \d\d[-.]\d\d[-.]\d\d.*|camscanner .*"
    r"|(?:vid|p|win|image|photoroom|picsart|inshot|lightroom|wx_camera)[_-](?:20\d{6}|\d{13}).*"
    r"|(?:mg_|csc_|imgp|pict|sdim|kimg|sany|dcp_)\d{4}|image from ios|adobe express - file"
    r"|(?:shutterstock|adobestock|istock|depositphotos|gettyimages|pexels|unsplash)[_-].*"
    r"|[\w+%-]{11}\._[\w,]+_|[0-9a-f]{32}|[0-9a-f]{40}"
    r"|(?:photo|image|picture|foto|bild|scan|untitled|unbenannt|sans titre|senza titolo|unnamed"
    r"|ohne titel|sin título|sem título|naamloos"
    r"|download)(?:[ _-]*\(?\d{1,4}\)?)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}.*",
    re.IGNORECASE,
)


def is_machine_name(text: str) -> bool:
    """Whether a name without its ending is a machine's, and tells nothing of its product."""
    return bool(_NAMES.fullmatch(text))
