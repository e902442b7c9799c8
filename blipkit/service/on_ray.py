"""The inference tier on Ray Serve: replicas of the same app, on this machine or on a cluster.

Ray stays inside one machine or fleet: the API tier's backends are URLs, so that the images of two
vendors need not share a cluster. A replica that cannot be loaded, or answers a probe otherwise than
the reference, is never put before requests. Processes of Ray's own listen on all addresses of this
machine, whatever it is told, which is one reason to take it only where it is wanted.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette

from blipkit.errors import BlipkitError
from blipkit.machine.scratch import socket_folder
from blipkit.service.inference import Inference, Model, Room, inference_app
from blipkit.service.metrics import Meter
from blipkit.service.wire import PATH

NAME = "inference"
DRAIN_S = 20.0
OBJECTS = 80 * 2**20  # bytes of Ray's store for objects, of which we have none; it takes no less
# What Ray documents for throughput, and that it counts nobody's use. Read as ray is imported.
FAST = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
}
# of files that its HAProxy keeps: variable -> name in a folder that is removed at the end
FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
}
OURS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class Cluster:
    """Where it runs.

    address: of a cluster that exists, "" for one of our own; host, port: where it is asked; fast:
    with Ray's settings for throughput, which a cluster that exists has or has not.
    """

    replicas: int = 1
    address: str = ""
    host: str = "127.0.0.1"
    port: int = 8001
    fast: bool = True


@contextlib.contextmanager
def on_ray(load: Callable[[], Model], room: Room, cluster: Cluster) -> Iterator[str]:
    """Replicas that answer, as long as the context is open; the URL of their tier.

    load: makes the model, in each replica. BlipkitError where Ray cannot start, or no replica can.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(socket_folder())
        set_variables(cluster, folder)
        import ray
        from ray import serve

        try:
            ray.init(**ray_options(cluster, folder))
            stack.callback(ray.shutdown)
            logging.getLogger("ray.serve").setLevel(logging.WARNING)
            serve.start(http_options={"host": cluster.host, "port": cluster.port})
            stack.callback(serve.delete, NAME)
            serve.run(application(load, room, cluster.replicas), name=NAME, route_prefix="/")
        except (RuntimeError, ConnectionError, ValueError, TimeoutError) as error:
            where = cluster.address or "this machine"
            raise BlipkitError(f"Ray Serve on {where}: {error}") from error
        yield f"http://{cluster.host}:{cluster.port}"


def set_variables(cluster: Cluster, folder: str) -> None:
    """What Ray reads as it is imported; what its user has set holds. folder: for its files."""
    os.environ.update(OURS)
    if cluster.address:  # which was started with its own
        return
    wanted = {name: str(Path(folder, file)) for name, file in FILES.items()}
    if cluster.fast:
        wanted.update(FAST)
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def ray_options(cluster: Cluster, folder: str) -> dict[str, object]:
    """What `ray.init` is told. folder: for its files."""
    options: dict[str, object] = {"log_to_driver": False, "logging_level": "error"}
    if cluster.address:
        options["address"] = cluster.address
        return options
    options["include_dashboard"] = False
    options["object_store_memory"] = OBJECTS
    options["_temp_dir"] = folder
    options["_node_ip_address"] = "127.0.0.1"
    return options


def application(load: Callable[[], Model], room: Room, replicas: int):
    """What Serve runs: so many replicas, each with that much room; what waits for it is bounded."""
    from ray import serve

    def build() -> Starlette:
        return replica_app(load, room)

    deployment = serve.deployment(
        serve.ingress(build)(),
        name=NAME,
        num_replicas=replicas,
        max_ongoing_requests=room.in_flight,
        max_queued_requests=room.in_flight * replicas,
        max_constructor_retry_count=1,
        graceful_shutdown_timeout_s=DRAIN_S,
    )
    return deployment.bind()


def replica_app(load: Callable[[], Model], room: Room) -> Starlette:
    """The app of a replica, whose model is loaded and answers its probes."""
    tier = Inference(load, room, Meter("inference", {}), lambda line: None)
    tier.load_now()
    if reason := tier.why_not_ready():
        raise BlipkitError(reason)
    return inference_app(tier)


def serve_on_ray(
    load: Callable[[], Model], room: Room, cluster: Cluster, say: Callable[[str], None]
) -> None:
    """Serve until told to end. say: told where it is asked, once it is ready."""
    ended = threading.Event()
    with on_ray(load, room, cluster) as url:
        for sig in (signal.SIGTERM, signal.SIGINT):  # ray has handlers of its own once it runs
            signal.signal(sig, lambda *_: ended.set())
        say(f"{url}{PATH}: ready")
        ended.wait()
