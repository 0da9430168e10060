"""The status page's three addresses. Same data as the API; `gateway.page.render` draws."""

from http import HTTPStatus

from aiohttp import web

from gateway.api import messages, models
from gateway.api.ports import MessageFilter
from gateway.api.routes import HTML, Call, RouteTable
from gateway.page import render

TABLE = RouteTable()

_RECENT = 15


@TABLE.route("GET", "/", "The status page.", media=(HTML,))
async def overview_page(call: Call) -> web.Response:
    """Return lanes, chains, what needs attention, and the latest messages."""
    reader = call.services.reader
    recent = await reader.messages(MessageFilter(), limit=_RECENT, cursor="")
    parked = await reader.messages(MessageFilter(state="parked"), limit=_RECENT, cursor="")
    return _page(render.overview(await reader.overview(), recent, parked, call.services.clock.now_s()))


@TABLE.route("GET", "/messages", "Messages, as a page.", media=(HTML,), query=models.MessageQuery)
async def messages_page(call: Call) -> web.Response:
    """Return the list with its filters."""
    page = await messages.list_messages(call)
    filters = {
        name: str(call.request.query[name]) for name in ("lane", "state") if name in call.request.query
    }
    return _page(
        render.messages(await call.services.reader.overview(), page, filters, call.services.clock.now_s())
    )


@TABLE.route(
    "GET",
    "/messages/{message_id:[0-9a-f]{8,64}}",
    "One message, as a page.",
    media=(HTML,),
    problems=(HTTPStatus.NOT_FOUND,),
)
async def message_page(call: Call) -> web.Response:
    """Return where the message is, why, and what happened so far."""
    reader, message_id = call.services.reader, call.path("message_id")
    shown = await reader.message(message_id)
    why = await reader.explain(message_id)
    return _page(render.message(await reader.overview(), shown, why, call.services.clock.now_s()))


def _page(html: str) -> web.Response:
    return web.Response(
        text=html, content_type=HTML, headers={"Content-Security-Policy": render.security_policy()}
    )
