"""A tier on Ray Serve: replicas of the same app, on this machine or on a cluster.

Ray stays inside one machine or fleet: the API tier's backends are URLs, so that the images of two
vendors need not share a cluster. A replica that cannot be loaded, or answers a probe otherwise than
the reference, is never put before requests. Processes of Ray's own listen on all addresses of this
machine, whatever it is told, which is one reason to take it only where it is wanted.
"""

import contextlib
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.applications import Starlette

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine.scratch import socket_folder
from blipkit.service.running import heeds_closed_shell, listen, url_at
from blipkit.service.wire import PATH

CONNECT_S = 60.0  # that a cluster that exists may take to let us in
LOOK = "see whether it runs, and whether RAY_AUTH_TOKEN, or RAY_AUTH_MODE, is as there"
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
# of its HAProxy and of the proxy behind that; by themselves they are the same for every cluster
PORTS = (
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT",
)
# ports that neither Linux and macOS give to connections by themselves, nor Ray to what it starts
NOT_GIVEN = range(20_000, 30_000)
OURS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class Cluster:
    """Where it runs.

    address: of a cluster that exists, "" for one of our own; host, port: where it is asked; fast:
    with Ray's settings for throughput, which a cluster that exists has or has not.
    """

    address: str = ""
    host: str = "127.0.0.1"
    port: int = 8001
    fast: bool = True

    @property
    def where(self) -> str:
        """As messages name it."""
        return self.address or "this machine"


@dataclass(frozen=True)
class Deployed:
    """What runs there. name: of Serve's application; build: makes a replica's app, given its id;
    in_flight: requests of each replica; drain_s: that these may take at the end.
    """

    name: str
    build: Callable[[str], Starlette]
    replicas: int = 1
    in_flight: int = 4
    drain_s: float = 20.0


@contextlib.contextmanager
def on_ray(deployed: Deployed, cluster: Cluster) -> Iterator[str]:
    """Replicas that answer, as long as the context is open; the URL of their tier.

    BadInput where the port cannot be had; BlipkitError where Ray cannot start, or no replica can.
    """
    cluster = with_port(cluster)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(socket_folder())
        set_variables(cluster, folder)
        stack.callback(end_left_over, folder)
        import ray

        try:
            connect(cluster, folder)
            stack.callback(ray.shutdown)
            logging.getLogger("ray.serve").setLevel(logging.WARNING)
            run(deployed, cluster, stack)
        except BlipkitError:
            raise
        except Exception as error:  # Ray's own have no common ancestor
            raise BlipkitError(f"Ray Serve on {cluster.where}: {error}") from error
        yield url_at(cluster.host, cluster.port)


def connect(cluster: Cluster, folder: str) -> None:
    """Start Ray, or find the cluster that exists; BlipkitError says what to look at there."""
    import ray

    waiting = contextlib.nullcontext()
    if cluster.address:  # where nothing of ours runs yet, that would be left
        silent = f"Ray on {cluster.where} did not let us in within {CONNECT_S:g} s; {LOOK}"
        waiting = ended_after(CONNECT_S, silent)
    try:
        with waiting:
            ray.init(**ray_options(cluster, folder))
    except ConnectionError as error:
        raise BlipkitError(f"Ray on {cluster.where}: {error}; {LOOK}") from None


@contextlib.contextmanager
def ended_after(seconds: float, problem: str) -> Iterator[None]:
    """End this process, with a message, where the context is open for longer: for a cluster that
    dies meanwhile Ray waits in code that neither an error nor a signal breaks off.
    """

    def end() -> None:
        print(f"blipkit: {problem}", file=sys.stderr, flush=True)
        os._exit(BlipkitError.exit_status)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def with_port(cluster: Cluster) -> Cluster:
    """The same, with a port that is free on this machine; BadInput where it is not.

    On a cluster that exists it is taken elsewhere, so that nothing can be said here.
    """
    if cluster.address:
        return cluster
    with listen(cluster.port, cluster.host):
        pass
    if cluster.port:
        return cluster
    (port,) = free_ports(1, cluster.host)
    return replace(cluster, port=port)


def run(deployed: Deployed, cluster: Cluster, stack: contextlib.ExitStack) -> None:
    """Start Serve where it does not run, and the replicas; the stack ends what was started."""
    from ray import serve

    before = serve.status()
    if deployed.name in before.applications:
        problem = f"{cluster.where} serves an application {deployed.name} already"
        raise BlipkitError(f"{problem}; end that one, or take another cluster")
    check_room(deployed, cluster)
    serve.start(http_options={"host": cluster.host, "port": cluster.port})
    if before.proxies:
        check_port(cluster)
    stack.callback(end, deployed.name, not before.proxies)
    serve.run(application(deployed), name=deployed.name, route_prefix="/")


def end(name: str, started: bool) -> None:
    """End what `run` started. started: Serve too, which somebody else may use by now."""
    from ray import serve

    serve.delete(name)
    if started and not serve.status().applications:
        serve.shutdown()


def end_left_over(folder: str) -> None:
    """End what still works in a folder that is ours: Ray's HAProxy outlives Ray where all of it is
    told to end at once, as by `timeout` or a service manager.
    """
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if any(folder in word for word in process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                process.kill()


def check_room(deployed: Deployed, cluster: Cluster) -> None:
    """Refuse more replicas than CPUs: Serve would wait for them for ever, and say nothing."""
    import ray

    free = ray.available_resources().get("CPU", 0)
    if deployed.replicas > free:
        problem = f"{deployed.replicas} replicas need a CPU each; {cluster.where} has {free:g} free"
        raise BlipkitError(f"{problem}: take fewer --replicas")


def check_port(cluster: Cluster) -> None:
    """Refuse another address than Serve has where it runs already: it ignores a second one."""
    from ray.serve.context import _get_global_client

    there = _get_global_client().http_config
    if (there.host, there.port) != (cluster.host, cluster.port):
        seen = f"Serve runs on {cluster.where} already, and listens on {there.host}:{there.port}"
        advice = f"pass --host {there.host} --port {there.port}"
        raise BlipkitError(f"{seen}, not on {cluster.host}:{cluster.port}; {advice}")


def set_variables(cluster: Cluster, folder: str) -> None:
    """What Ray reads as it is imported; what its user has set holds. folder: for its files."""
    os.environ.update(OURS)
    if cluster.address:  # which was started with its own
        return
    wanted = {name: str(Path(folder, file)) for name, file in FILES.items()}
    ports = map(str, free_ports(len(PORTS)))
    wanted.update(zip(PORTS, ports, strict=True))
    if cluster.fast:
        wanted.update(FAST)
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody has, so that two clusters can run on one machine.

    They are bound some seconds later, while Ray makes its connections: none of those gets one.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as stack:
        for port in random.sample(NOT_GIVEN, len(NOT_GIVEN)):
            if len(ports) == count:
                break
            with contextlib.suppress(BadInput):  # somebody has it
                stack.enter_context(listen(port, host))
                ports.append(port)
    if len(ports) < count:
        first, last = NOT_GIVEN[0], NOT_GIVEN[-1]
        raise BadInput(f"no {count} ports are free from {first} to {last}: end what listens there")
    return ports


def ray_options(cluster: Cluster, folder: str) -> dict[str, object]:
    """What `ray.init` is told. folder: for its files."""
    options: dict[str, object] = {"log_to_driver": False, "logging_level": "error"}
    if cluster.address:
        options["address"] = cluster.address
        return options
    options["address"] = "local"  # whatever RAY_ADDRESS says, or runs here already
    options["include_dashboard"] = False
    options["object_store_memory"] = OBJECTS
    options["_temp_dir"] = folder
    options["_node_ip_address"] = "127.0.0.1"
    return options


def application(deployed: Deployed):
    """What Serve runs; what waits for its replicas is bounded."""
    from ray import serve

    def build() -> Starlette:
        return deployed.build(serve.get_replica_context().replica_tag)

    deployment = serve.deployment(
        serve.ingress(build)(),
        name=deployed.name,
        num_replicas=deployed.replicas,
        max_ongoing_requests=deployed.in_flight,
        max_queued_requests=deployed.in_flight * deployed.replicas,
        max_constructor_retry_count=1,
        graceful_shutdown_timeout_s=deployed.drain_s,
    )
    return deployment.bind()


def serve_on_ray(deployed: Deployed, cluster: Cluster, say: Callable[[str], None]) -> None:
    """Serve until told to end. say: told where it is asked, once it is ready."""
    ended = threading.Event()
    told_by = [signal.SIGTERM, signal.SIGINT]
    if heeds_closed_shell():
        told_by.append(signal.SIGHUP)
    with on_ray(deployed, cluster) as url:
        for sig in told_by:  # ray has handlers of its own once it runs
            signal.signal(sig, lambda *_: ended.set())
        say(f"{url}{PATH}: ready")
        ended.wait()
