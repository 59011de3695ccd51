"""What Prometheus is told."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from labelonce.serving.waking import Wake

RUN_SECONDS: Final = (1, 2, 5, 10, 30, 60, 300, 1800, 7200)


class Figures:
    """The figures of one service. Projects are those that are served: no sender can make labels of his own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry, each = self.registry, ["project"]
        self.tasks = Gauge(
            "labelonce_tasks", "Tasks of the project at the end of the last run.", each, registry=registry
        )
        self.duplicates = Gauge(
            "labelonce_duplicates",
            "Tasks that are marked as duplicates at the end of the last run.",
            each,
            registry=registry,
        )
        self.lag = Gauge(
            "labelonce_lag_seconds", "Age of the oldest event that no run has handled.", each, registry=registry
        )
        self.succeeded = Gauge(
            "labelonce_last_success_timestamp_seconds",
            "When a run ended well last, Unix time.",
            each,
            registry=registry,
        )
        self.runs = Counter("labelonce_runs", "Runs that have ended.", each, registry=registry)
        self.errors = Counter("labelonce_errors", "Runs that failed.", each, registry=registry)
        self.seconds = Histogram(
            "labelonce_run_seconds", "How long runs took.", each, buckets=RUN_SECONDS, registry=registry
        )
        self.webhooks = Counter(
            "labelonce_webhooks", "Webhooks: accepted, ignored (nothing to do), refused.", ["result"], registry=registry
        )
        for result in ("accepted", "ignored", "refused"):
            self.webhooks.labels(result)

    def follow(self, project: int, wake: Wake) -> None:
        """Begin the figures of a project."""
        self.lag.labels(project).set_function(lambda: wake.lag)
        for one in (self.runs, self.errors, self.seconds):
            one.labels(project)
