"""A database as a large shop has it: a million products, three pictures and four calls each."""

from __future__ import annotations

import json
from contextlib import closing

from sqlalchemy import text

from packshot.database.engine import Database
from packshot.database.tables import bring_to_head

SQLITE_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
)
NAMESPACE = "00000000-0000-0000-0000-000000000000"
PRODUCTS = """
INSERT INTO products (id, sku, name, category, raw_image, mrp, price, discount, gst, status,
    version, batch_id, round, queued_at, attempts, media_namespace)
{numbers} SELECT n, 'SKU-' || n, 'Product ' || n, 'category ' || (n % 50),
    'https://x.example/' || n || '.jpg', 5, 4, 1, 0,
    CASE WHEN n > :count - 1000 THEN 'pending' WHEN n % 100 < 2 THEN 'failed'
         WHEN n % 100 < 12 THEN 'pending_review' WHEN n % 100 < 20 THEN 'rejected'
         ELSE 'approved' END,
    4, 'batch ' || (n / 1000), 1, '2026-01-01 00:00:00', 0,
    '{namespace}'
FROM numbers"""
TERMS = """
INSERT INTO product_terms (term, product_id)
SELECT {term}, id FROM products"""
ANALYSIS = {
    "product": "a running shoe with a low shaft",
    "shape": "a long wedge, rounded in front",
    "colours": ["red", "white", "grey"],
    "material": "mesh with a rubber sole",
    "parts": ["1 shoe", "2 laces", "1 tongue", "1 sole"],
    "label_text": ["ACME", "ULTRA 3"],
    "logo": "ACME on the side",
    "faults": ["underexposed", "a warm colour cast"],
    "variants": [
        {"title": "white", "prompt": "The shoe on pure white with a soft shadow, filling 86 %"},
        {"title": "studio", "prompt": "The shoe on a soft grey sweep, lit from the upper left"},
        {"title": "natural", "prompt": "The shoe on a wooden floor in daylight, from the side"},
    ],
}
ROUNDS = f"""
INSERT INTO rounds (product_id, number, wanted, enhancer, opened_at, analysis)
SELECT id, 1, 3, 'gemini', '2026-01-01 00:00:00', '{json.dumps(ANALYSIS)}' FROM products"""
IMAGES = """
INSERT INTO product_images (product_id, image_url, status, created_at, updated_at, round, variant,
    object_key, verdict)
SELECT id, 'https://x.example/e.jpg', CASE WHEN status = 'pending_review' THEN 'pending' WHEN
    status = 'approved' AND {variant} = 0 THEN 'approved' ELSE 'rejected' END,
    '2026-01-02 00:00:00', '2026-01-02 00:00:00', 1, {variant},
    'enhanced/' || id || '/{variant}.jpg', CASE WHEN id % 10 = {variant} THEN 'warn' ELSE 'pass' END
FROM products WHERE status NOT IN ('pending', 'failed')"""
CALLS = """
INSERT INTO calls (product_id, round, variant, kind, model, sent_at, completed_at, outcome, cost)
SELECT id, 1, {variant}, 'image', 'gemini', '2026-01-02 00:00:00', '2026-01-02 00:00:10', 'ok',
    0.034
FROM products WHERE status <> 'pending'"""


def fill(url: str, count: int) -> Database:
    """Create the tables and write the rows in SQL, as fast as the database takes them."""
    bring_to_head(url)
    database = Database(url)
    numbers = SQLITE_NUMBERS
    if not database.is_sqlite:
        numbers = "WITH numbers(n) AS (SELECT generate_series(1, :count))"
    statements = [PRODUCTS.format(numbers=numbers, namespace=NAMESPACE), ROUNDS]
    statements += [TERMS.format(term=f"lower({column})") for column in ("sku", "name")]
    statements += [IMAGES.format(variant=variant) for variant in range(3)]
    statements += [CALLS.format(variant=variant) for variant in ("NULL", 0, 1, 2)]
    with database.write() as session:
        if not database.is_sqlite:
            session.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in statements:
            bound = {"count": count} if ":count" in statement else {}
            session.execute(text(statement), bound)
    if not database.is_sqlite:  # as its autovacuum does; nothing gives SQLite statistics
        with closing(database.engine.raw_connection()) as connection:  # not in a transaction
            connection.cursor().execute("VACUUM ANALYZE")
    return database
