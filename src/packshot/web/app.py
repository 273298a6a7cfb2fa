"""The web application: all endpoints and pages, on the services they use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from apiflask import APIFlask

import packshot
from packshot.keys import Keys
from packshot.web import desk, media, operations, static_files
from packshot.web.api import (
    compliance,
    exports,
    imports,
    openapi,
    products,
    review,
    sessions,
    uploads,
)
from packshot.web.requests import auth, headers, limits, problems, thread_shares
from packshot.web.requests.endpoints import refuse_impossible_ids, refuse_unread_query
from packshot.web.requests.prefix import PrefixMiddleware
from packshot.wiring import Services

#: Each with a blueprint.
API: Final = (products, review, exports, compliance, uploads, imports, sessions)


def create_app(
    services: Services, *, clock: Callable[[], float] = time.time, threads: int | None = None
) -> APIFlask:
    """The application on these services. `clock` gives Unix time; `threads` is how many request
    threads the server has in this process, None if it starts as many as it needs."""
    app = APIFlask(
        __name__,
        title="Packshot",
        version=packshot.__version__,
        spec_path=None,
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes it; static_files.py serves them
    )
    app.extensions["packshot"] = services
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.policies["json.dumps_kwargs"] = {}  # nor sorts `tojson`: menus keep their order
    problems.register(app)
    # In this order: each request gets an id, then a share of the threads, is authenticated,
    # counted.
    headers.register(app)
    thread_shares.register(app, threads)
    auth.register(app, Keys(services.settings.api_keys), clock)
    limits.register(app, services.database, services.settings, clock)
    app.before_request(refuse_impossible_ids)
    app.before_request(refuse_unread_query)
    operations.register(app, services.health, time.monotonic)
    for part in (*API, media, operations):
        app.register_blueprint(part.bp)
    openapi.configure(app)
    static_files.register(app)
    app.register_blueprint(desk.bp)
    app.wsgi_app = PrefixMiddleware(app.wsgi_app, services.settings.script_name or "")  # type: ignore[assignment, method-assign]
    return app
