"""A client of a cluster: the caller's own, one of this machine, or one at an address."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import npcf
from npcf.errors import SettingError, UsageError, require_count, require_type
from npcf.foreign import kind_of, shown

LOCAL = re.compile(r"local:(\d{1,4})")
ADDRESS = re.compile(r"\w+://\S+")
LOOPBACK = {  # of a LocalCluster; its HTTP server would listen to the network, at a fixed port
    "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
}  # fmt: skip
ANSWERS_IN = 10  # seconds


def require_distributed() -> Any:
    """Return Dask's package `distributed`, or raise UsageError."""
    try:
        import distributed
    except ImportError:
        raise UsageError(
            "distributed", "is not installed",
            'A cluster needs it: pip install "npcf[distributed]".',
        ) from None  # fmt: skip
    return distributed


def require_client(client: Any) -> Any:
    """Return a client of a Dask cluster, or raise UsageError."""
    if not isinstance(client, require_distributed().Client):
        cure = "Pass one: client=distributed.Client(ADDRESS)."
        raise UsageError("client", f"is {kind_of(client)}, not a Dask client", cure, value=client)
    if client.asynchronous:
        cure = "Make one without asynchronous=True."
        raise UsageError("client", "is asynchronous", cure)
    return client


def require_address(argument: str, value: Any) -> str:
    """Return `value` if it is `local:N` or the address of a scheduler, or raise."""
    cure = "Give local:2, or a scheduler's address such as tcp://127.0.0.1:8786."
    address: str = require_type(argument, value, str, cure)
    local = LOCAL.fullmatch(address)
    if local is not None:
        require_count(argument, int(local[1]))
    elif not ADDRESS.fullmatch(address):
        raise SettingError(argument, f"is {shown(address)}, no address", cure, value=value)
    return address


@contextmanager
def connected(address: str, argument: str = "cluster") -> Iterator[Any]:
    """Give a client: of a scheduler at an address, or of `local:N` processes on this machine.

    The latter listen to this machine alone, without a dashboard, and end with the block.  A
    scheduler is met with the security (TLS) that Dask's own configuration names.
    """
    local = LOCAL.fullmatch(require_address(argument, address))
    distributed = require_distributed()
    if local is not None:
        with (
            distributed.LocalCluster(
                n_workers=int(local[1]), threads_per_worker=1, silence_logs=50, **LOOPBACK
            ) as cluster,
            distributed.Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    try:
        client = distributed.Client(address, timeout=ANSWERS_IN)
    except Exception as error:  # each transport and its security raise their own
        problem = f"no scheduler answers at {address} ({type(error).__name__}: {error})"
        raise UsageError(argument, problem, "Start one: dask scheduler.") from None
    with client:
        yield client


def dashboard(client: Any) -> str:
    """Return the address of the scheduler's dashboard, or "" if it has none."""
    services = client.scheduler_info(n_workers=0)["services"]
    return client.dashboard_link if "dashboard" in services else ""


def versions(client: Any) -> dict[str, str]:
    """Return what each worker runs, by address: versions and threads, as `npcf doctor` shows it."""
    threads = client.nthreads()
    found = client.run(_version, on_error="return")
    return {
        address: f"{said}, threads {threads.get(address, 0)}"
        for address, said in sorted(found.items())
    }


def _version() -> str:
    libraries = [f"{name} {version(name)}" for name in ("numpy", "numba")]
    return ", ".join([f"npcf {npcf.__version__}", *libraries])
