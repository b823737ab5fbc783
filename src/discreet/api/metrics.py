"""Count and time calls by operation, never by caller."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Measured:
    """The counters of this process, or of all processes of a server that count together."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "discreet_http_requests_total",
            "Calls of the HTTP API.",
            ["operation", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "discreet_http_request_seconds",
            "Seconds until the answer began.",
            ["operation"],
            registry=self.registry,
        )

    def shown(self) -> CollectorRegistry:
        """Return what to show: with several processes, the sum of what each has counted."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return together


class Measuring:
    """ASGI middleware that counts calls. Unknown paths are counted together."""

    def __init__(self, app: ASGIApp, measured: Measured) -> None:
        self._app = app
        self._measured = measured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                operation = getattr(scope.get("route"), "operation_id", None) or "none"
                self._measured.calls.labels(operation, str(message["status"])).inc()
                self._measured.seconds.labels(operation).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)
