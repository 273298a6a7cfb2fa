"""Which letters stand beside each letter with an accent, in the languages of old encodings.

`aeou-ź-_bn` is what stands before a letter, the letter, and what stands behind it; `_` is the
border of a word.
Counted in the words of free programs' translations; neighbours that are rare are left out.
Text in a western language that is missing here may be taken for one in another encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Of one language: letter -> the letters before it and those behind it.
Neighbours = Mapping[str, tuple[str, str]]


def _read(*languages: str) -> tuple[Neighbours, ...]:
    return tuple(
        {letter: (before, behind) for before, letter, behind in map(_parts, language.split())}
        for language in languages
    )


def _parts(word: str) -> list[str]:
    return word.split("-")


WESTERN: Final = _read(
    # French
    "_chijlrt-à-_dhnoy _abghiklnprtwxy-â-_acgklmnrsty _aenr-ç-aou "
    "bcdfghilmnprstuvyz-è-_cdglmnqrstv _bcdfghilmnprstuvx-é-_abcdefgijlmnoprstv "
    "_bcdfghimnprtuvy-ê-_clmnptv abdhoru-ë-_lrs _adhknort-î-_clnt aeou-ï-_acdefgklmnqrstw "
    "bcdhlmnprst-ô-_lmnt cozù-ù-_nù mors-û-lrt bdgkmnt-ü-eiknrz _bcns-œ-u",
    # German
    "aeiouäöü-ß-_begiklrstz _bdefghklmnprstwz-ä-cdfghilnpqrstuß _defghklmnrtwz-ö-cdfghlmnprstß "
    "_bfghklmnrstw-ü-bcdfghlmnprstß",
    # Spanish
    "_bcghilmnprstuvz-á-_bcfglmnprstx _bcdfghilmnprstuvy-é-_abcdflnprstxz "
    "_abcdefgjlmnprstuv-í-_abcdefglmnorstx _aeiu-ñ-aeo bcdgilmnprstyz-ó-_dglmnrs "
    "_abcdghlmnprtyz-ú-_abceflmnrst gnp-ü-eikosí",
    # Italian
    "_cilnprt-à-_n _fimorstz-è-_grsv bdfhiklmnoprstuvwyz-é-_acdfklmnoqrstuv bcdlmnpsuè-ì-_cnrtò "
    "chilmruì-ò-_anrù ginst-ù-_",
    # Portuguese
    "_-à-_qs _bcdfgilmnprstuvz-á-_bcfglqrstuvx _bcdfghlmnprstuz-â-mn filmnprstxç-ã-_eos "
    "aceilnpru-ç-aoãõú _bcdghilmnprstuv-é-_cdgilmnpqrstuv bcdghilmnoprtuv-ê-_mnsx "
    "_abcdfghlmnrstuv-í-_bcdfglmnoprstv _bcdfgilmnprstv-ó-_cdgilnprstvx dlmnprtv-ô-_dmnrs "
    "_aimprstç-õ-e _abehilmnprtç-ú-_bcdlmnprstv",
    # Catalan
    "_bcdeghilmnprstuv-à-_bcfglmnpqrstuvx aelnpr-ç-_adoà _bcdfgilmnprstuvü-è-_bcdgilnprstvx "
    "_bcfilmrtuvy-é-_imns _abcdflmnprstuvx-í-_bcdefglmnprstvx aeiu-ï-bdmnstu "
    "_bcdfglmnprstwxç-ò-_dfglmnprstx cdilprt-ó-_s _bdgjmnprstx-ú-_bflmnrst giq-ü-elè",
    # Swedish
    "_fghjklmnrstvå-ä-dfgklmnprstxö _bfghklmnprstv-å-_degklnrstvä "
    "_bdfhiklmnoprstuwy-é-_acdefklmnoqrstuv _dfghjklmnrstä-ö-_adgjklmnprsv",
    # Danish and Norwegian
    "_bghklmnprstv-å-_bdegklnprstv _bdfghjklmnrstv-æ-_bcdfgklnrstv "
    "_bcdfghiklmnprstuvw-é-_degklmnoqrst _bdfghjklmnprst-ø-_bdegjklmnrstvy",
    # Finnish
    "_hijklmnprstvyä-ä-_hijklmnprstvyä _iklnprtyö-ö-_ahijklmnprstyä _aitu-š-aeiktu d-ž-ai",
    # Estonian
    "_jklmnprstvä-ä-bdeghilmnrstä _ahjklmnprstv-õ-bdeghijlmnprstuv _fkmprstväö-ö-_diklnrtöü "
    "_hklmnprstü-ü-bghklmnprstü _aitu-š-aeikotuv de-ž-aeiou",
    # Icelandic
    "_dfghjklmnprstí-á-_abdefghiklmnrstðþ _bdfghlmnrstv-æ-_gjklmnrstvð "
    "bdhilnprstvwyá-é-_klrstuý _abdghjklmnprstvú-í-_abdgklmnrstuvðó "
    "aefiruyæíóöý-ð-_abfgilmnrsuv _bdegjklmnprstíþ-ó-_adgklmnprstvðþ "
    "_dfghjklmrstvðö-ö-_fglmnprstð _bdghjklmnprst-ú-_abdegiklmnprství _bdklnrséþ-ý-_jlmnprstðú "
    "_egláó-þ-aejrvyæíóý",
    # Dutch
    "bcdfhilnrstz-è-_cgmnrsvz _bdfhiklmnprstuvwzé-é-_cdegjklmnoqrstuvé abehio-ë-_filnrsvx "
    "aeo-ï-_adelmnrst _gjkort-ö-belnrtv bdeghklnpstwz-ü-aeghknrstz",
    # Afrikaans
    "del-ê-_er eio-ë-_filnrt",
    # Albanian
    "_aeiouy-ç-_aefiku bcdghjklmnprstz-ë-_lmnprstvz",
    # Irish
    "_bcdefghlmnprstu-á-_bcdilmnrst _bcdfghlmnprstv-é-_ai _abcdfhlmnprstu-í-_cdlnorst "
    "_cdfghilmnprst-ó-_cdfgilmnrstv _bcdhilnrst-ú-_bcdilnprs",
)
CENTRAL: Final = _read(
    # Polish
    "bcdgikmnprstwzłż-ó-bcdjlrtwłźż dijklmnrstwzłż-ą-_bcdgkptzćźż _aeiyąęś-ć-_w "
    "bdgijklmnprtwzł-ę-_bcdkpstzś _abdegikopsuwyzó-ł-_acdeknotuyóąę aeioy-ń-_cks "
    "_aeijoryę-ś-_clnrwć _adeouóą-ź-_abdlnoprw _adeouyóą-ż-_adeiklnosyóą",
    # Czech
    "bdhklmnprstvzčďřšž-á-_bcdhlmnrstuvzčř dklmntv-é-_hmnr "
    "bcdjlmnpstvzčřšž-í-_bcdhjklmnrstvzčřť egkmrvz-ó-dnt _aehs-ú-cdhklnprstvč klnrtv-ý-_cmprsvš "
    "_aeinoruyáíú-č-_aeiknotuáí _aeruěž-ď-_atuá bdmntv-ě-_cdjklnrstzřšťž "
    "_adeijlortuvůž-ň-_akostu _adehioptváíě-ř-_aeiáí _adeijlmnortuvyzáíýěž-š-_aeiklnoprtáí "
    "_asuíěš-ť-_ou cdhjklmnprstvzč-ů-_hjlmsvzňž _adeiloruyáíěů-ž-_adeiklnostuáíš",
    # Slovak
    "bdhklmnprtuvzš-á-_cdjklmnprstuvzž mpv-ä-stzčť klmnrtv-é-_hmnr "
    "bcdilnprstvzčšž-í-_bcjkmnprstvzš dfgiklmnrtz-ó-dgmnpr dhkmnprtv-ô-bdlnrstvzňšž "
    "_bdjklnprstvľ-ú-_bcdklprstvzčšť hknrtv-ý-_bcmprsv _adeijlmnortuyäú-č-_aeiknotuí "
    "_aeiuvž-ď-_aotu dhpt-ĺ-bpňž _aehkou-ľ-_aknosuvú _adeklortváôĺľŕž-ň-_aou hmv-ŕ-btň "
    "_aeijnoruvyzáíôúýčš-š-_aeiklnopstáíšť _aeisäúš-ť-_a _adeioruyáôĺ-ž-_abdeiklnosuíď",
    # Hungarian
    "_bdefghjklmnprstvz-á-bcghjklmnrstv _cdfghklmnprstvyz-é-cdfgklmnprstvz "
    "_cdehklmnprstvyzá-í-lmnprtv _bdfgiklmprstz-ó-_bdfghijklnrstvz "
    "_bfghjklmnrstyz-ö-bgklmnrstvz _bdfghijlmnrstyz-ú-_cgjlnrstz _dfgiklnrstvyz-ü-_bgklnrstvz "
    "_bdfghlnprstvz-ő-_bdefijklnprstvz fghjmnrstvyz-ű-_beijknrstvz",
    # Romanian
    "cdfghkmnprstvz-â-ilmnrtz _ce-î-mn bcdfglmnprstvzşţ-ă-_clmnrstuşţ _aeinoruă-ş-_aeiotuă "
    "_aceilnpruă-ţ-_aeiuă",
    # Croatian and Slovenian
    "_aeiouš-ć-_aeinu _aeinouš-č-_aeijklnu _aeiož-đ-_aeiou _aeijlnoruvz-š-_aeikntućč "
    "_adeioru-ž-_aeijlnuđ",
)
TURKISH: Final = _read(
    # Turkish, with the neighbours of İ at i
    "adhiklvwy-â-_dhilnrtw _aeiklrtuüı-ç-_aeilmoöüı chlmst-î-_c _bdgksyçş-ö-gklmnprsyzğ "
    "_bcdgklmnrstyzş-ü-_klmnprstvyzğş aeiouüı-ğ-_aeilmnruüı _bcdfklmnprstyzçğş-ı-_cklmnrsyzçğş "
    "_aehiruüı-ş-_aeiklmtuvöı _abcdfghklmnprstvyzçğş-i-_abcdfgklmnoprstyzçğş",
)
BALTIC: Final = _read(
    # Lithuanian
    "_bdgijklmnrst-ą-_jrsčž _aeinorsuąš-č-aeię bdgklmnprstvęš-ė-_djklmnrstž "
    "_begjklmnrstvč-ę-_sė _ejklnrt-į-_dgjkprstv _aeiknoru-š-adeijklmoprstuvyčė "
    "_bcdgijklnprt-ū-bdgklnrstvzš bdgijklmnrstv-ų-_ _adeioruąė-ž-abdeikmnortuvy",
    # Latvian
    "_abdgijklmnprstvzš-ā-_cdjklmnrstvņš _aceinu-č-adeiouī _bcdhlmnprstvzģķš-ē-_dgjlmnrstģš "
    "_egioēļž-ģ-ehiuē _bcdlmnprstvzķž-ī-_bcdgjkmnrstvš _aeikorņš-ķ-aeiuēī "
    "_aeikotuāē-ļ-_aiknouāēģņšū _aeiotzāēļ-ņ-aeiouāēš _aegiknopruāēīļ-š-_aeimoprstuāēīķ "
    "_bgijlmnprstļš-ū-_dklnrstvzš adeilnuā-ž-_abeiouāģī",
)
