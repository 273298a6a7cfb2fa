"""Sale prices beside usual ones, as shops export them: which one a product costs."""

from __future__ import annotations

from typing import Any

import pytest

from packshot.spreadsheets import Import, ImportChoices, read_products, read_table

Amounts = list[tuple[Any, Any]]


def imported(text: str, **mapping: str) -> Import:
    choices = ImportChoices(mapping=mapping, defaults={"category": "Shoes"})
    return read_products(read_table(text.encode(), "p.csv"), choices)


def amounts(found: Import) -> Amounts:
    """MRP and price of each row."""
    return [(row.mrp, row.price) for row in found.rows]


def details(found: Import) -> list[str]:
    return [one.detail for one in found.problems]


@pytest.mark.parametrize(
    "names",
    [
        *("price,special_price", "Price,Sale Price", "Preis,Aktionspreis", "Prix,Prix soldé"),
        *("Cena,Akční cena", "Fiyat,İndirimli Fiyat", "Цена,Цена со скидкой", "가격,할인가"),
        *("standard_price,sale_price", "Our price,Special price", "Sales price,Promo price"),
    ],
)
def test_a_product_on_sale_costs_its_sale_price(names: str) -> None:
    found = imported(f"sku,{names}\nA,20.00,15.00\nB,20.00,\nC,20.00,0.00\n")
    assert amounts(found) == [(20, 15), (20, 20), (20, 20)]
    [detail] = details(found)
    usual = names.partition(",")[0]
    assert detail.endswith(f"else {usual} is; {usual} is read as the MRP, too")


@pytest.mark.parametrize(
    "names",
    [
        *("Regular price,Sale price", "Regulärer Preis,Angebotspreis", "Full price,Offer price"),
        *("Tarif régulier,Tarif promo", "Prezzo di listino,Prezzo in offerta"),
    ],
)
def test_a_product_without_a_sale_costs_its_regular_price(names: str) -> None:
    """Also in a file with few of WooCommerce's columns, as for an update of prices."""
    assert amounts(imported(f"sku,{names}\nA,20,15\nB,20,\n")) == [(20, 15), (20, 20)]
    recommended = imported("sku,MRP,Sale price\nA,20,15\nB,20,\n")
    assert amounts(recommended) == [(20, 15), (20, None)]


def test_a_regular_price_counts_beside_an_mrp() -> None:
    found = imported("sku,MRP,Regular price,Sale price\nA,25,20,15\nB,25,20,\n")
    assert amounts(found) == [(25, 15), (25, 20)]


def test_a_regular_price_counts_beside_a_sale_between_dates() -> None:
    text = "sku,Regular price,Sale price,Date sale price starts,Date sale price ends\n"
    assert amounts(imported(f"{text}A,20,15,2020-01-01,\nB,20,,,\n")) == [(None, 20)] * 2
    assert amounts(imported(f"{text}A,20,15,,\nB,20,,,\n")) == [(20, 15), (20, 20)]


@pytest.mark.parametrize("nothing", ["-", "–", "n/a", "€0.00", "0.00 EUR", "0"])
def test_what_has_no_sale_price_costs_its_usual_one(nothing: str) -> None:
    found = imported(f"sku,price,sale price\nA,20.00,15.00\nB,20.00,{nothing}\n")
    assert amounts(found) == [(20, 15), (20, 20)]


def test_a_sale_price_that_is_no_number_is_named() -> None:
    found = imported("sku,price,sale price\nA,20.00,15.00\nB,20.00,1s\n")
    assert "must be a number, not '1s'" in details(found)


def test_a_usual_price_that_is_no_number_is_named_once() -> None:
    found = imported("sku,price,sale price\nA,20.00,15.00\nB,2x,\nC,on request,\n")
    wrong = [(one.row, one.column) for one in found.problems if one.row]
    assert wrong == [(3, "price"), (4, "price")]


def test_a_column_of_its_own_for_the_mrp_stays_that() -> None:
    found = imported("SKU,Retail Price,Price,Sale Price\nA,25,20,15\nB,25,20,\n")
    assert amounts(found) == [(25, 15), (25, 20)]


def test_a_sale_price_counts_only_while_the_product_is_on_sale() -> None:
    found = imported("SKU,Price,Sale Price,On Sale\nA,20,15,No\nB,20,15,Yes\n")
    assert amounts(found) == [(20, 20), (20, 15)]


def test_a_sale_between_dates_is_named_and_not_counted() -> None:
    text = "sku,price,special_price,special_price_from_date\nA,20,15,{}\n"
    dated = imported(text.format("2020-01-01"))
    assert amounts(dated) == [(None, 20)]
    assert details(dated) == [
        "is kept as an attribute, because it counts only between dates: price is read as the price"
    ]
    assert amounts(imported(text.format(""))) == [(20, 15)]


def test_the_users_choice_of_the_price_is_followed() -> None:
    text = "sku,price,sale_price\nA,20,15\nB,20,\n"
    assert amounts(imported(text, price="price")) == [(None, 20), (None, 20)]
    assert amounts(imported(text, price="mrp", sale_price="price")) == [(20, 15), (20, 20)]
