"""Turns the records of `gateway.views` into HTML. Nothing is read here and nothing is decided.

Every value is escaped by Jinja2; the one style sheet is inlined and allowed by its hash, so the page runs
no script and loads nothing. Colour never stands alone: each state has a symbol and a word.
"""

import base64
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gateway.page.words import age, short, steps, symbol, tone, when
from gateway.views import Explanation, MessagePage, MessageView, Overview
from relays.core.types import State


def overview(view: Overview, recent: MessagePage, attention: MessagePage, now_s: float) -> str:
    """Return the page that says at a glance whether messages move."""
    totals: dict[str, int] = {}
    for lane in view.lanes:
        for state, number in lane.counts.items():
            totals[state] = totals.get(state, 0) + number
    shown = {"recent": recent.messages, "attention": attention.messages, "totals": totals}
    return _render("overview.html", now_s, view, **shown)


def messages(view: Overview, page: MessagePage, filters: dict[str, str], now_s: float) -> str:
    """Return the list of messages. `filters` are the query parameters in force, empty ones left out."""
    older = urlencode({**filters, "cursor": page.cursor}) if page.cursor else ""
    states = [state.value for state in State]
    return _render("messages.html", now_s, view, page=page, filters=filters, older=older, states=states)


def message(view: Overview, shown: MessageView, why: Explanation, now_s: float) -> str:
    """Return the page of one message: where it is, why, and what happened so far."""
    return _render("message.html", now_s, view, message=shown, why=why, steps=steps(shown.timeline, getattr))


def security_policy() -> str:
    """Return the Content-Security-Policy of these pages."""
    digest = base64.b64encode(sha256(_css().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


@lru_cache(maxsize=1)
def _css() -> str:
    return files("gateway.page").joinpath("templates", "page.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway.page"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(tone=tone, when=when, short=short, symbol=symbol)
    environment.globals.update(css=_css())
    return environment


def _render(template: str, now_s: float, view: Overview, **values: object) -> str:
    lane_names = {lane.id: f"{lane.source_name} → {lane.destination_name}" for lane in view.lanes}
    return (
        _environment()
        .get_template(template)
        .render(
            now_s=now_s,
            age=lambda then_s: age(then_s, now_s),
            overview=view,
            lane_names=lane_names,
            **values,
        )
    )
