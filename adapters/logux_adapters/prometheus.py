"""Metrics of a Logux server for Prometheus, at `GET /metrics` on the server's own port.

    pip install "logux-store[prometheus]"

    from logux_adapters.prometheus import add_metrics
    add_metrics(server)

What can grow without end is never a label: actions are counted by the types that the server
defines, all others as `other`.
"""

from collections.abc import Callable, Iterator
from typing import Any

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "logux_adapters.prometheus needs the package prometheus-client: "
        'pip install "logux-store[prometheus]"',
        name=error.name,
    ) from error

from logux_store import Meta
from logux_store.server import BaseServer, Request, Response

__all__ = ["add_metrics"]

# The developer's callbacks take from a fraction of a millisecond to seconds.
SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


def add_metrics(
    server: BaseServer,
    *,
    path: str = "/metrics",
    access: Callable[[Request], bool] | None = None,
    registry: CollectorRegistry | None = None,
) -> CollectorRegistry:
    """Count what a server does and show it at `path`; returns the registry.

    `access(request)` says who may see it: without it everybody who reaches the port. `registry` is
    where the metrics go, one of their own if it is None.

    Metrics: the gauges `logux_connections`, `logux_users`, `logux_subscriptions`,
    `logux_waiting_actions`; the counters `logux_actions_total` (by type), `logux_undone_total` (by
    reason), `logux_errors_total`, `logux_client_errors_total` (by type), `logux_logins_total` (by
    outcome); the histograms `logux_processing_seconds` and `logux_subscribing_seconds`.
    """
    registry = CollectorRegistry() if registry is None else registry
    registry.register(Gauges(server))
    Counters(server, registry)

    def page(request: Request) -> Response:
        if access is not None and not access(request):
            return Response("Forbidden\n", 403)
        return Response(
            generate_latest(registry).decode(), headers={"content-type": CONTENT_TYPE_LATEST}
        )

    server.http("GET", path, page)
    return registry


class Gauges(Collector):
    """What is there at the moment of looking."""

    def __init__(self, server: BaseServer) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        server = self._server
        waiting = sum(len(queue.waiting) for queue in server.incoming.queues)
        subscriptions = sum(len(nodes) for nodes in server.subscriptions.channels.values())
        for name, text, value in (
            ("connections", "Open connections", len(server.connected)),
            ("users", "Users who are connected", len(server.user_ids)),
            ("subscriptions", "Nodes subscribed to channels", subscriptions),
            ("waiting_actions", "Actions that wait to be processed", waiting),
        ):
            yield GaugeMetricFamily(f"logux_{name}", text, value)


class Counters:
    """What has happened since the start."""

    def __init__(self, server: BaseServer, registry: CollectorRegistry) -> None:
        self._server = server

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"logux_{name}", text, labels, registry=registry)

        self.actions = counter("actions", "Processed actions", "type")
        self.undone = counter("undone", "Undone actions", "reason")
        self.errors = counter("errors", "Errors of callbacks")
        self.client_errors = counter("client_errors", "Wrong behaviour of clients", "type")
        self.logins = counter("logins", "Attempts to log in", "outcome")
        self.processing = Histogram(
            "logux_processing_seconds",
            "From access to the answer",
            ("type",),
            buckets=SECONDS,
            registry=registry,
        )
        self.subscribing = Histogram(
            "logux_subscribing_seconds", "To load a channel", buckets=SECONDS, registry=registry
        )
        server.on("processed", self._processed)
        server.on("subscribed", lambda *event: self.subscribing.observe(event[-1]))
        server.on("error", lambda *_: self.errors.inc())
        server.on("client_error", lambda error: self.client_errors.labels(error.type).inc())
        for outcome in ("authenticated", "unauthenticated"):
            server.on(outcome, self._count_login(outcome))

    def _processed(self, action: dict[str, Any], _meta: Meta, seconds: float) -> None:
        type = action["type"]
        if type == "logux/undo":
            self.undone.labels(known_reason(action)).inc()
        elif not type.startswith("logux/"):
            label = type if type in self._server.types.exact else "other"
            self.actions.labels(label).inc()
            self.processing.labels(label).observe(seconds)

    def _count_login(self, outcome: str) -> Callable[..., None]:
        return lambda *_: self.logins.labels(outcome).inc()


def known_reason(undo: dict[str, Any]) -> str:
    """The reason of an undo, if it is the protocol's own."""
    reason = undo.get("reason")
    known = ("denied", "error", "unknownType", "wrongChannel", "notFound")
    return reason if isinstance(reason, str) and reason in known else "other"
