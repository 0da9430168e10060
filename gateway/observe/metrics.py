"""Metrics for Prometheus, in a registry of their own: `isthmus_...`, chains labelled by CAIP-2.

No message id is ever a label. Counters and histograms grow as lists of messages are saved
(`gateway.observe.store`); gauges are set from one `Overview` at the moment of a scrape, so that they say
what `/status` says.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from gateway.observe.stages import StageTimes
from gateway.views import ChainView, LaneView, Overview

_REQUEST_BUCKETS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10)


class Metrics:
    """All metrics of one gateway process. `registry` is what `/metrics` serves."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.messages = self._counter(
            "messages", "Messages that came into a state.", "source", "destination", "state"
        )
        self.stage_s = StageTimes(self.registry)
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.request_s = Histogram(
            "isthmus_http_request_seconds",
            "Time to answer a request.",
            ("route",),
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self.unexpected = self._counter("unexpected_errors", "Exceptions that no code expected.", "where")
        self._build = self._gauge("build_info", "Version of this gateway.", "name", "version")
        self._ready = self._gauge("ready", "1 when /readyz is green.")
        self._chain = {
            name: self._gauge(name, text, "chain")
            for name, text in (
                ("chain_up", "1 when the chain's endpoints answer."),
                ("chain_head_height", "Newest block that was seen."),
                ("chain_finalized_height", "Newest final block that was seen."),
                ("chain_head_lag_seconds", "Time since head and finality were read."),
                ("finality_lag_seconds", "Age of the newest final block."),
            )
        }
        self._lane = {
            name: self._gauge(name, text, "lane", "source", "destination")
            for name, text in (
                ("lane_running", "1 when the lane runs."),
                ("lane_unsafe", "1 when the lane is allowed by `unsafe = true` only."),
                ("backlog_oldest_seconds", "Age of the oldest open message in its state."),
            )
        }
        self._client_expiry = self._gauge(
            "client_expires_seconds", "Time until the light client on a lane's destination is lost.", "lane"
        )
        self._backlog = self._gauge("backlog_messages", "Messages by state.", "lane", "state")
        self._endpoint = self._gauge(
            "endpoint_usable",
            "1 when the endpoint is asked; 0 while it cools off or is in quarantine.",
            "chain",
            "endpoint",
        )
        self._attestor = self._gauge("attestor_live", "1 when the attestor answers.", "lane", "attestor")

    def show(self, view: Overview, now_s: float) -> None:
        """Set every gauge from what the gateway shows."""
        self._build.labels(view.name, view.version).set(1)
        self._ready.set(view.ready)
        for gauge in (self._backlog, self._attestor, self._endpoint):
            gauge.clear()
        for chain in view.chains:
            self._show_chain(chain, now_s)
        for lane in view.lanes:
            self._show_lane(lane, now_s)

    def _show_chain(self, view: ChainView, now_s: float) -> None:
        values = {
            "chain_up": float(view.state == "up"),
            "chain_head_height": view.head_height,
            "chain_finalized_height": view.finalized_height,
            "chain_head_lag_seconds": _since(view.observed_at_s, now_s),
            "finality_lag_seconds": _since(view.finalized_time_s, now_s),
        }
        for name, value in values.items():
            if value is not None:
                self._chain[name].labels(view.id).set(value)
        for endpoint in view.endpoints:
            self._endpoint.labels(view.id, endpoint.name).set(endpoint.state == "usable")

    def _show_lane(self, view: LaneView, now_s: float) -> None:
        labels = (view.id, view.source, view.destination)
        self._lane["lane_running"].labels(*labels).set(view.state == "running")
        self._lane["lane_unsafe"].labels(*labels).set(view.unsafe)
        self._lane["backlog_oldest_seconds"].labels(*labels).set(_since(view.oldest_open_s, now_s) or 0)
        if view.hosted is not None and view.hosted.expires_s:
            self._client_expiry.labels(view.id).set(view.hosted.expires_s - now_s)
        for state, number in view.counts.items():
            self._backlog.labels(view.id, state).set(number)
        for attestor in view.attestors:
            self._attestor.labels(view.id, attestor.name).set(attestor.state in {"self", "live"})

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"isthmus_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"isthmus_{name}", text, labels, registry=self.registry)


def _since(then_s: float | None, now_s: float) -> float | None:
    return None if then_s is None else max(0.0, now_s - then_s)
