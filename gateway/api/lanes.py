"""`/v1/lanes` and `/v1/chains`: what is connected, with what trust, and how to stop and start a lane."""

from http import HTTPStatus

from gateway.api import models
from gateway.api.problems import not_found
from gateway.api.routes import Call, RouteTable
from gateway.config.schema import Scope
from gateway.views import ChainView, LaneView

TABLE = RouteTable()

_LANE = "/v1/lanes/{lane_id:[A-Za-z0-9._-]{1,128}}"
_MISSING = (HTTPStatus.NOT_FOUND,)


@TABLE.route("GET", "/v1/lanes", "All lanes, with trust, state and backlog.", answer=models.LaneList)
async def list_lanes(call: Call) -> models.LaneList:
    """Return every lane."""
    return models.LaneList(lanes=(await call.services.reader.overview()).lanes)


@TABLE.route("GET", _LANE, "One lane.", answer=LaneView, problems=_MISSING)
async def show_lane(call: Call) -> LaneView:
    """Return one lane."""
    _, lane = await call.services.lane(call.path("lane_id"))
    return lane


@TABLE.route(
    "POST",
    _LANE + ":halt",
    "Stop a lane until a person resumes it.",
    answer=LaneView,
    body=models.HaltBody,
    scope=Scope.ADMIN,
    problems=(*_MISSING, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
)
async def halt_lane(call: Call) -> LaneView:
    """Halt, and return the lane as it stands then."""
    await call.services.operator.halt(call.path("lane_id"), call.body.reason)
    return await show_lane(call)


@TABLE.route(
    "POST",
    _LANE + ":resume",
    "Let a halted lane go on.",
    answer=LaneView,
    scope=Scope.ADMIN,
    problems=(*_MISSING, HTTPStatus.CONFLICT),
)
async def resume_lane(call: Call) -> LaneView:
    """Resume, and return the lane as it stands then."""
    await call.services.operator.resume(call.path("lane_id"))
    return await show_lane(call)


@TABLE.route("GET", "/v1/chains", "All chains, with head and finality.", answer=models.ChainList)
async def list_chains(call: Call) -> models.ChainList:
    """Return every chain."""
    return models.ChainList(chains=(await call.services.reader.overview()).chains)


@TABLE.route(
    "GET",
    "/v1/chains/{chain_id:[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}}",
    "One chain, by its CAIP-2 id.",
    answer=ChainView,
    problems=_MISSING,
)
async def show_chain(call: Call) -> ChainView:
    """Return one chain."""
    chains = (await call.services.reader.overview()).chains
    for chain in chains:
        if chain.id == call.path("chain_id"):
            return chain
    raise not_found("chain", call.path("chain_id"), ", ".join(chain.id for chain in chains))
