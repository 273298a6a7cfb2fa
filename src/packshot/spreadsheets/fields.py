"""A product's fields: the one list that spreadsheets, the command line and the pages go by.

Each has the names that shops give its column, the most certain first. They come from Shopify's,
WooCommerce's, Magento's, Amazon's, eBay's, PrestaShop's, Shopware's, BigCommerce's and Google's
templates and public import threads, and from shops' lists in some twenty languages. They are in the
form of `header.plain_name`: lower case, one space between words, no punctuation. Accents don't
count.
"""
# ruff: noqa: RUF009 -- `_text` and `_number` return dataclass fields

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final, Literal

#: The category of products of which nobody named one.
DEFAULT_CATEGORY: Final = "Products"
#: The largest amount of money: NUMERIC(12,2).
MAX_MONEY: Final = Decimal("9999999999.99")
#: Most attributes of a product, and most bytes of all their names and texts in UTF-8.
MAX_ATTRIBUTES: Final = 50
MAX_ATTRIBUTE_BYTES: Final = 8_192
FieldKind = Literal["text", "money", "percentage"]


@dataclass(frozen=True)
class ProductField:
    """How people write and read a field. `of_sku`: all products of a SKU have the same value, so
    that a spreadsheet's row corrects it in each. `shared`: several columns may fill it, because
    each picture is a view of its own."""

    label: str  # on the pages
    kind: FieldKind
    longest: int | None  # characters of a text
    columns: tuple[str, ...]
    of_sku: bool
    shared: bool


def _text(
    label: str, longest: int | None, *columns: str, of_sku: bool = False, shared: bool = False
) -> Any:
    found = ProductField(label, "text", longest, split_names(*columns), of_sku, shared)
    return field(default=None, metadata={"field": found})


def _number(label: str, kind: FieldKind, *columns: str) -> Any:
    found = ProductField(label, kind, None, split_names(*columns), of_sku=True, shared=False)
    return field(default=None, metadata={"field": found})


def split_names(*lists: str) -> tuple[str, ...]:
    return tuple(name.strip() for names in lists for name in names.split(","))


#: Columns with a price that counts only during a sale, and with what a product costs otherwise:
#: see `sale_prices`.
SALE_PRICES: Final = """
    sale price, special price, offer price, discounted price, discount price, promo price,
    promotional price, variant sale price, product sale price, aktionspreis, angebotspreis,
    sonderpreis, prix promo, prix promotionnel, prix soldé, precio oferta, precio de oferta,
    precio rebajado, prezzo scontato, prezzo offerta, actieprijs, aanbiedingsprijs, cena promocyjna,
    akční cena, akciós ár, preț promoțional, tarjoushinta, indirimli fiyat, kampanya fiyatı,
    preço promocional, τιμή προσφοράς, акционная цена, цена со скидкой, акційна ціна, セール価格,
    特価, 促销价, 折扣价, 할인가, 할인가격, سعر العرض, tarif promo, prezzo in offerta,
    precio promocional, السعر المخفض
"""
REGULAR_PRICES: Final = """
    regular price, original price, full price, price before discount, regulärer preis, normalpreis,
    originalpreis, prix normal, prix régulier, tarif régulier, precio normal, precio original,
    prezzo di listino, prezzo originale, prezzo pieno, reguliere prijs, normale prijs,
    cena regularna, ordinarie pris, ord pris, běžná cena, prețul normal, preço original,
    цена без скидки, цена до скидки, 通常価格, harga normal, ราคาปกติ
"""
#: May be the cost, so that a sale price beside one is what customers pay.
UNIT_PRICES: Final = """
    unit price, einzelpreis, stückpreis, prix unitaire, precio unitario, prezzo unitario, stukprijs,
    cena jednostkowa
"""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """A product's fields as a spreadsheet gives them; each is optional there."""

    sku: str | None = _text(
        "SKU",
        100,
        """
        sku, variant sku, product sku, item sku, seller sku, vendor sku, skus, seller sku id,
        product id style id, seller product id, référence vendeur, sku sprzedającego,
        판매자 상품코드, 商家编码, sku vendeur, sku du vendeur, sku vendedor, sku del vendedor,
        sku venditore, sku del venditore, sku interne, sku interno, sku intern, vendor sku code,
        sku code, sku id, sku no, sku number, stock keeping unit, default code, internal reference,
        merchant sku, product code sku, custom label, custom label sku, custom sku, product code,
        item code, article code, style code, stock code, code, item no, item number, product no,
        product number, article no, article number, article, art no, style no, style, part number,
        part no, mpn, manufacturer part number, vendor part number, model no, model number, model,
        ref, reference,
        product reference, ordernumber, variation no, variation number, p model, oxartnum, style id,
        item id, product id, g id, asin, artikelnummer, artikelnr, art nr, article nr, produkt id,
        best nr, artikel id, artikelcode, cat no, catalog no, catalogue no, catalog number,
        catalogue number, kat nr, katalog nr, katalognummer, stock no, item nr, product nr,
        produktnummer, produktnr, produktcode, bestellnummer, bestellnr, bestandseinheit,
        modellnummer, modellnr, herstellernummer, teilenummer, teilenr, warennummer, sku nr,
        référence produit, référence article, réf article, réf produit, code article, code produit,
        numéro article, numéro d article, n article, no article, n d article, modèle, referencia,
        referencia producto, referencia no, no de referencia, n de referencia, no referencia,
        n referencia, número de referencia, no de référence, n de référence, numéro de référence,
        numero riferimento, numero di riferimento, n riferimento, referencia del producto, código,
        cód, código producto, código de producto, código del producto, código artículo,
        código de artículo, código del artículo, número de artículo, no de artículo, cód artículo,
        modelo, codice, codice articolo, codice prodotto, cod articolo, cod art, cod prodotto,
        numero articolo, n articolo, riferimento, rif, modello, productnummer, bestelnummer,
        bestelnr, modelnummer, art code, kod, kod produktu, kod towaru, indeks, indeks produktu,
        symbol, symbol produktu, nr katalogowy, numer katalogowy, nr artykułu, numer artykułu,
        nr produktu, numer produktu, código do produto, varenummer, varenr, varekode,
        artikkelnummer, modell, katalogové číslo, kód zboží, tuotekoodi, tuotenumero, tuotenro,
        cikkszám, termékkód, cod produs, cod articol, stok kodu, ürün kodu, артикул, код товара,
        код, код товару, κωδικός, κωδικός προϊόντος, 商品コード, 商品番号, 商品管理番号, 品番, 型番,
        货号, 商品编码, 商品编号, 款号, 编号, 貨號, 商品編號, 상품코드, 상품번호, 품번, 모델명,
        رمز المنتج, كود المنتج, رقم المنتج, एसकेयू, उत्पाद कोड, ean, ean code, ean 13, gtin,
        gtin 13, gtin 14, upc, upc code, jan, isbn, barcode, model kodu, kodas, prekės kodas, kods,
        preces kods, kood, tootekood, šifra, šifra artikla, šifra izdelka, číslo produktu,
        код на продукта, αριθμός προϊόντος, κωδικός είδους, vörunúmer, كود, الكود, رمز, رقم الصنف,
        کد محصول, کد کالا, आइटम कोड, पार्ट नंबर, mã sp, 商品货号, 产品编号, 产品货号, 自社品番,
        メーカー品番, 제품코드, 품목코드, clave, sygnatura, child sku, design no, design number,
        ugs, kode produk, kode barang, mã sản phẩm, mã hàng, מק ט, קוד מוצר, артикул продавца,
        materialnummer, kode variasi, รหัสสินค้า, id
        """,
    )
    name: str | None = _text(
        "Name",
        200,
        """
        name, product name, title, product title, item name, item title, variant title,
        display name, product, item, short description, description, product description,
        item description, long description, bezeichnung, art bez, artikelbez, produktname,
        produktbezeichnung, artikelname, artikelbezeichnung, titel, produkttitel, produkt, artikel,
        kurzbeschreibung, beschreibung, produktbeschreibung, artikelbeschreibung, nom,
        nom du produit, nom produit, nom de l article, titre, libellé, désignation, intitulé,
        produit, nombre, nombre producto, nombre del producto, nombre de producto, nombre artículo,
        nombre del artículo, título, denominación, producto, descripción, nome, nome prodotto,
        nome articolo, titolo, denominazione, prodotto, articolo, descrizione, naam, productnaam,
        artikelnaam, producttitel, omschrijving, artikelomschrijving, productomschrijving,
        beschrijving, nazwa, nazwa produktu, nazwa towaru, nazwa artykułu, tytuł, produkt nazwa,
        opis, nome do produto, descrição, descrição do produto, namn, navn, benämning, produktnamn,
        artikelbenämning, varenavn, produktnavn, tuotenimi, nimi, název, název produktu, megnevezés,
        név, terméknév, termék neve, denumire, denumire produs, nume produs, ürün adı, ürün ismi,
        название, название товара, наименование, наименование товара, назва, назва товару,
        найменування, όνομα, όνομα προϊόντος, ονομασία, περιγραφή, 商品名, 品名, 商品名称, 产品名称,
        名称, 商品名稱, 标题, 상품명, 제품명, 품명, اسم المنتج, الاسم, नाम, उत्पाद का नाम, bez,
        tytuł oferty, product display name, vendor article name, име, nama produk, particulars,
        p name, oxtitle, libellé court, libellé produit, название позиции, 宝贝标题, 宝贝名称,
        pavadinimas, prekės pavadinimas, nosaukums, preces nosaukums, nimetus, naziv,
        item text name, item text name1, naziv artikla, naziv proizvoda, naziv izdelka, ime,
        ime izdelka, názov, názov produktu, názov tovaru, наименование на продукта, heiti,
        vöruheiti, اسم الصنف, نام محصول, نام کالا, tên sp, 产品名, 품목명, nama barang,
        tên sản phẩm, שם מוצר, שם המוצר, ชื่อสินค้า
        """,
        of_sku=True,
    )
    view: str | None = _text(
        "View",
        40,
        """
        view, image position, image view, photo view, image no, image number, position, angle, side,
        shot, image order, ansicht, perspektive, bildnummer, bildnr, vue, vista, numéro image,
        numero imagen, numero immagine, weergave, aanzicht, widok, nr zdjęcia
        """,
    )
    category: str | None = _text(
        "Category",
        100,
        """
        category, categories, product category, item category, category name, product category 1,
        category 1, category path, main category, product type, department, collection, collections,
        google product category, sub category, group, product group, item group, family,
        product family, kategorie, kategorien, produktkategorie, artikelkategorie, hauptkategorie,
        warengruppe, produktgruppe, artikelgruppe, gruppe, produkttyp, produktart, artikeltyp,
        sortiment, rubrik, catégorie, catégorie produit, catégorie de produit, type de produit,
        type produit, famille, famille produit, groupe, groupe produit, rayon, gamme, categoría,
        categorías, categoría producto, categoría del producto, tipo de producto, tipo producto,
        familia, grupo, departamento, colección, categoria prodotto, categoria merceologica,
        tipo prodotto, tipologia, famiglia, gruppo, gruppo merceologico, reparto, categorieën,
        productcategorie, productgroep, artikelgroep, productsoort, groep, soort, kategoria,
        kategorie produktu, kategoria produktu, grupa, grupa towarowa, grupa produktów,
        typ produktu, rodzaj, dział, kategorie ebene 1, kategori, varugrupp, varegruppe, tuoteryhmä,
        termékcsoport, categorie, категория, категорія, κατηγορία, カテゴリ, カテゴリー, 类别, 分类,
        类目, 類別, 分類, 카테고리, 분류, الفئة, التصنيف, श्रेणी, article type, spec product type,
        kategoria główna, p cat 0, default category, категория продавца, название группы,
        تصنيف المنتج, kategorija, kategooria, categ id, product category name, kategori produk,
        danh mục, קטגוריה, หมวดหมู่, wgr, warengr, produktkat, artikelkat, type, item type, typ, tipo
        """,
        of_sku=True,
    )
    raw_image: str | None = _text(
        "Picture (address or file)",
        None,
        """
        image, images, photo, photos, picture, pictures, img, imgs, gallery, media, bild, bilder,
        bildadresse, bildpfad, produktbild, produktbilder, artikelbild, artikelbilder, hauptbild,
        abbildung, foto, fotos, produktfoto, produktfotos, lien image, lien photo, image produit,
        images produit, photo produit, photos produit, visuel, imagen, imágenes, url de imagen,
        url de la imagen, enlace imagen, imagen producto, imagen del producto, immagine, immagini,
        immagine prodotto, immagini prodotto, afbeelding, afbeeldingen, hoofdafbeelding,
        productafbeelding, productafbeeldingen, productfoto, zdjęcie, zdjęcia, link do zdjęcia,
        zdjęcie produktu, zdjęcia produktu, obraz, obrazy, obrazek, imagem, imagens, bilde, billede,
        billeder, fotografia, kuva, kuvat, kép, képek, imagine, imagini, resim, görsel, fotoğraf,
        фото, изображение, изображения, картинка, ссылка на фото, зображення, εικόνα, φωτογραφία,
        画像, 画像url, 商品画像, 图片, 主图, 图片链接, 商品图片, 이미지, 사진, 상품이미지, الصورة,
        صورة, صورة المنتج, चित्र, 圖片, 商品圖片, 商品画像パス, cover,
        product media gallery image url, pic url, product media main image url, nuotrauka, attēls,
        pilt, slika, fotografija, снимка, obrázok, obrázek, mynd, تصویر, ảnh, gambar, hình ảnh,
        תמונה, รูปภาพ, p image, oxpic, 대표이미지, 추가이미지, 宝贝图片, ссылка изображения,
        ссылки на дополнительные фото, image 1920
        """,
        shared=True,
    )
    filename: str | None = _text(
        "File name",
        255,
        """
        filename, file names, file, files, image file, image filename, image name, image names,
        photo file, photo filename, photo name, picture name, picture file, picture filename,
        product image file, dateiname, datei, dateien, bilddatei, bilddateiname, bildname,
        fotodatei, nom de fichier, nom du fichier, nom fichier, fichier, fichier image,
        fichier photo, archivo, nombre de archivo, nombre del archivo, nombre archivo,
        archivo de imagen, fichero, nome file, file immagine, bestandsnaam, plik, nazwa pliku,
        plik zdjęcia
        """,
        shared=True,
    )
    mrp: Decimal | None = _number(
        "MRP",
        "money",
        """
        mrp, maximum retail price, max retail price, mrp price, variant compare at price,
        compare at price, compare price
        """,
        REGULAR_PRICES,
        """
        list price, rrp, msrp, srp, recommended retail price, suggested retail price, retail price,
        old price, strike price, uvp, unverbindliche preisempfehlung, listenpreis,
        bruttolistenpreis, streichpreis, alter preis, ursprungspreis, prix public,
        prix public conseillé, prix conseillé, prix de vente conseillé, ppc, prix barré,
        ancien prix, prix catalogue, pvpr, precio recomendado, precio de lista, precio lista,
        precio anterior, precio tachado, prezzo listino, prezzo consigliato, prezzo barrato,
        adviesprijs, catalogusprijs, oude prijs, van prijs, cena katalogowa, cena sugerowana,
        stara cena, cena przed obniżką, pseudoprice ek, rekommenderat pris, vejledende pris,
        старая цена, стара ціна, 定価, 市场价, 原价, 정가, 소비자가, liste fiyatı, piyasa fiyatı,
        preço de tabela, původní cena, doporučená cena, listaár, eredeti ár, ovh, preț de listă,
        preț recomandat, αρχική τιμή, ррц, рекомендованная цена, 希望小売価格, メーカー希望小売価格,
        吊牌价, 划线价, 表示価格, piyasa satış fiyatı, السعر قبل الخصم, एमआरपी,
        product compare to price, compare to price, prix public ttc, vejl pris, veiledende pris,
        מחיר מחירון, harga coret, giá gốc, giá niêm yết, السعر الأصلي, market price, oxtprice,
        list price gross
        """,
    )
    price: Decimal | None = _number(
        "Price",
        "money",
        """
        price, variant price, selling price, sell price, sp, our price, current price, final price,
        gross price, price gross, net price, your price, sales price, product price,
        start price, startpreis, default price, your selling price, meesho price, price incl gst,
        standard price, web price, price inc tax, price incl tax, price inc gst, preis,
        verkaufspreis, vk, vk preis, vk brutto, vk preis brutto, preis brutto, bruttopreis,
        preis inkl mwst, endpreis, ladenpreis, prix, prix de vente,
        prix ttc, prix de vente ttc, pv ttc, precio, pvp, precio venta,
        precio de venta, precio final, precio con iva, precio iva incluido, precio con impuestos,
        precio impuestos, cena z podatkiem, cena z podatkiem brutto, preço com iva, cena s dph,
        prezzo, prezzo vendita, prezzo di vendita, prezzo ivato,
        prezzo iva inclusa, prijs, verkoopprijs, prijs incl btw, cena,
        cena sprzedaży, cena detaliczna, cena brutto, preço, preço de venda, pris,
        कीमत, मूल्य, std vk brutto, price ek, salgspris, utsalgspris, försäljningspris,
        pris inkl moms, hinta, ár, bruttó ár, eladási ár, preț, fiyat, satış fiyatı, цена,
        розничная цена, цена продажи, ціна, τιμή, τιμή πώλησης, 価格, 販売価格, 税込価格, 价格,
        售价, 销售价, 单价, 가격, 판매가, 판매가격, السعر, سعر البيع, trendyol da satılacak fiyat,
        價格, 售價, new price, brutto vk, harga, harga jual, giá bán, giá, מחיר, λιανική τιμή, ราคา,
        ราคาขาย, kaina, hind, cijena, cijena s pdv, maloprodajna cijena, cena z ddv, verð, قیمت, दर,
        đơn giá, precio público, precio al público, 零售价, 税込販売価格,
        variation sales price price, price net, vk netto, vk preis netto, preis netto, nettopreis,
        price tax excluded, precio sin iva, precio sin impuestos, prix ht, prix hors taxes,
        prezzo senza iva, prezzo iva esclusa, cena netto, prezzo tasse escl, cena bez podatku,
        cena bez podatku netto, preço sem iva, prijs excl btw, netto prijs, cena bez dph,
        price per piece, price per unit, price per pc, price pc, customer price, endkundenpreis,
        price each, preis pro stück, preis je stück, standardpreis,
        vk 1 brutto, preis stk, prix pièce, prix à l unité, prijs per stuk, سعر المنتج, 一口价,
        oxprice, rate
        """,
        SALE_PRICES,
        UNIT_PRICES,
    )
    discount: Decimal | None = _number(
        "Discount",
        "money",
        """
        discount, discount amount, discount value, rabatt, nachlass, preisnachlass, remise,
        réduction, descuento, sconto, korting, rabat, zniżka, desconto
        """,
    )
    gst: Decimal | None = _number(
        "GST",
        "percentage",
        """
        gst, gst rate, gst percent, gst percentage, gst slab, tax slab, tax, tax rate, tax percent,
        tax percentage, vat,
        vat rate, vat percent, igst, igst rate, sales tax, mwst, mwst satz, mehrwertsteuer,
        mehrwertsteuersatz, ust, ust satz, umsatzsteuer, steuer, steuersatz, tva, taux tva,
        taux de tva, iva, tipo iva, tipo de iva, aliquota, aliquota iva, btw, btw tarief,
        btw percentage, stawka vat, podatek, podatek vat, moms, momssats, dph, áfa, alv, kdv,
        kdv oranı, ндс, пдв, φπα, 税率, 消費税率, 부가세, percent vat, oxvat, pvm, pvn, pdv, ddv,
        जीएसटी, integrated tax rate, integrated tax
        """,
    )


PRODUCT_FIELDS: Final[dict[str, ProductField]] = {
    each.name: each.metadata["field"] for each in fields(Fields)
}


def _names(**wanted: Any) -> tuple[str, ...]:
    return tuple(
        name
        for name, found in PRODUCT_FIELDS.items()
        if all(getattr(found, key) == value for key, value in wanted.items())
    )


TEXTS: Final = _names(kind="text")
MONEY: Final = _names(kind="money")
PERCENTAGES: Final = _names(kind="percentage")
NUMBERS: Final = (*MONEY, *PERCENTAGES)
SHARED: Final = _names(shared=True)
#: What a spreadsheet's row says of all products of its SKU.
OF_SKU: Final = (*NUMBERS, *_names(kind="text", of_sku=True))
#: The most characters of each text.
LONGEST: Final = {name: found.longest for name, found in PRODUCT_FIELDS.items() if found.longest}
