"""What the gateway counts: plain integers, read when somebody asks.

``metrics.accepted += 1`` costs a tenth of a prometheus-client counter, and all of it happens on
the event loop's thread.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Protocol = Literal["smtp", "submission", "imap", "pop3", "managesieve"]


@dataclass(slots=True)
class Metrics:
    connections: Counter[str] = field(default_factory=Counter)  # by listener, since the start
    turned_away: Counter[str] = field(default_factory=Counter)  # connections, by reason
    open_connections: int = 0
    commands: Counter[str] = field(default_factory=Counter)  # by protocol
    refusals: Counter[str] = field(default_factory=Counter)  # commands answered no, by protocol
    accepted: int = 0  # messages
    octets_in: int = 0  # of accepted messages
    octets_out: int = 0  # of messages read
    login_failures: int = 0


metrics = Metrics()


class _GatewayCollector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        counted = self._metrics
        for name, text, label, counts in (
            ("connections", "Connections accepted", "listener", counted.connections),
            ("turned_away", "Connections turned away", "reason", counted.turned_away),
            ("commands", "Commands", "protocol", counted.commands),
            ("refusals", "Commands answered with no", "protocol", counted.refusals),
        ):
            family = CounterMetricFamily(f"postroom_{name}", text, labels=[label])
            for value, count in dict(counts).items():
                family.add_metric([value], count)
            yield family
        for name, text, number in (
            ("accepted_messages", "Messages that got their 250", counted.accepted),
            ("accepted_octets", "Octets of accepted messages", counted.octets_in),
            ("read_octets", "Octets of messages read", counted.octets_out),
            ("login_failures", "Wrong names or passwords", counted.login_failures),
        ):
            yield CounterMetricFamily(f"postroom_{name}", text, value=number)
        yield GaugeMetricFamily(
            "postroom_open_connections", "Connections open now", value=counted.open_connections
        )


def registry_of(metrics: Metrics) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_GatewayCollector(metrics))
    return registry


def serve_metrics(address: str, port: int) -> None:
    """Answer Prometheus on a thread of its own. Raises OSError."""
    start_http_server(port, addr=address, registry=registry_of(metrics))
