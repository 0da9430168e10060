"""Health, status, metrics, version, and the API's own description."""

from http import HTTPStatus

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from gateway.api import models
from gateway.api.routes import HTML, JSON, TEXT, Call, RouteTable, respond
from gateway.api.services import Services
from gateway.views import Overview

TABLE = RouteTable()


@TABLE.route("GET", "/livez", "The process answers.", answer=models.Liveness)
async def liveness(call: Call) -> models.Liveness:
    """Return at once, whatever the chains do."""
    return models.Liveness(live=True)


@TABLE.route(
    "GET",
    "/readyz",
    "Messages make progress: every chain is up, every lane moves. 503 with names when not.",
    answer=models.Readiness,
)
async def readiness(call: Call) -> web.Response:
    """Return 200 or 503 with the same body."""
    view = await call.services.reader.overview()
    answer = models.Readiness(
        ready=view.ready,
        problems=view.problems,
        chains={chain.id: chain.state for chain in view.chains},
        lanes={lane.id: lane.state for lane in view.lanes},
    )
    return respond(answer, status=HTTPStatus.OK if view.ready else HTTPStatus.SERVICE_UNAVAILABLE)


@TABLE.route(
    "GET", "/status", "The gateway at a glance, as JSON or as a page.", answer=Overview, media=(JSON, HTML)
)
async def status(call: Call) -> Overview | web.Response:
    """Return what the client prefers: a page for browsers, JSON for everything else."""
    if prefers_html(call.request.headers.get("Accept", "")):
        from gateway.api.pages import overview_page

        return await overview_page(call)
    view: Overview = await call.services.reader.overview()
    return view


@TABLE.route("GET", "/metrics", "Metrics for Prometheus.", media=(TEXT,))
async def metrics(call: Call) -> web.StreamResponse:
    """Return all metrics; gauges say what `/status` says at this moment."""
    services: Services = call.services
    services.metrics.show(await services.reader.overview(), services.clock.now_s())
    return await make_aiohttp_handler(services.metrics.registry)(call.request)


@TABLE.route("GET", "/version", "Which gateway this is.", answer=models.VersionAnswer)
async def version(call: Call) -> models.VersionAnswer:
    """Return name and version."""
    view = await call.services.reader.overview()
    return models.VersionAnswer(name=view.name, version=call.services.version)


def prefers_html(accept: str) -> bool:
    """Say whether this Accept header ranks HTML above JSON."""
    ranks = {HTML: 0.0, JSON: 0.0}
    for part in accept[:1000].split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        if media in ranks:
            ranks[media] = float(quality) if quality.replace(".", "", 1).isdigit() else 0.0
    return ranks[HTML] > ranks[JSON]
