"""What is counted while a server runs, for Prometheus: GET /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from orrery.server.engine_process import EngineProcess

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The numbers of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        model = ["model"]
        self.requests = Counter("orrery_requests", "Answered requests", ["path", "status"], registry=self.registry)
        self.generated = Counter("orrery_generated_tokens", "Tokens written", model, registry=self.registry)
        self.prompt = Counter("orrery_prompt_tokens", "Tokens read", model, registry=self.registry)
        self.cached = Counter(
            "orrery_cached_prompt_tokens", "Tokens read that needed no computing", model, registry=self.registry
        )
        self.first_token = Histogram(
            "orrery_time_to_first_token_seconds", "From a request to its first token", model,
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.next_token = Histogram(
            "orrery_time_per_token_seconds", "From one token to the next", model, buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.restarts = Counter(
            "orrery_engine_restarts", "Times that the engine process was started again", registry=self.registry
        )
        self.running = Gauge("orrery_requests_running", "Answers that are being written", model, registry=self.registry)
        self.waiting = Gauge(
            "orrery_requests_waiting", "Answers that wait for their first token", registry=self.registry
        )
        self.cache = Gauge("orrery_kv_cache_ratio", "Share of the cache that is in use", model, registry=self.registry)
        self.memory = Gauge(
            "orrery_model_bytes", "Bytes of a loaded model and its cache", model, registry=self.registry
        )
        self.counted_restarts = 0

    def text(self, engine: EngineProcess) -> bytes:
        """All numbers in Prometheus's format."""
        self.restarts.inc(engine.restarts - self.counted_restarts)
        self.counted_restarts = engine.restarts
        self.waiting.set(engine.waiting)
        for gauge in (self.running, self.cache, self.memory):
            gauge.clear()
        for name, state in (engine.state.loaded if engine.state else {}).items():
            self.running.labels(name).set(state.running)
            self.cache.labels(name).set(state.held / state.capacity)
            self.memory.labels(name).set(state.bytes)
        return generate_latest(self.registry)
