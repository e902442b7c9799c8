"""Does what one NeuronCore is to hold fit there? Counted before anything is loaded."""

from collections import Counter
from collections.abc import Iterable

from blipkit.errors import BlipkitError
from blipkit.runners.artifacts import Artifact

GB = 1e9
# One field report of 2026 (SDK 2.31, inf2): loading failed at about 18 graphs of 0.75 GB on a core.
CORE_LIMIT_GB = 18 * 0.75
DEVICE = "an Inferentia2 device has 32 GiB for its 2 cores"


def check_core_memory(artifacts: Iterable[Artifact], cores: int = 1) -> None:
    """Refuse to load more graphs than a NeuronCore was seen to hold; `trace` puts the weights into
    each of them.

    artifacts: of all buckets, of one arm; cores: over how many they are spread.
    """
    graphs = {artifact.folder: artifact for artifact in artifacts if artifact.arm.spec.holds_core}
    total_gb = sum(graph.manifest.bytes for graph in graphs.values()) / GB / cores
    if total_gb < CORE_LIMIT_GB:
        return
    arms = ", ".join(sorted({str(graph.arm) for graph in graphs.values()}))
    seen = f"{arms} puts {total_gb:.1f} GB on a NeuronCore, graphs: {len(graphs)}"
    limit = f"loading failed from {CORE_LIMIT_GB:g} GB on in the one report there is"
    advice = f"leave buckets out of common.buckets, of {in_words(graphs.values())}"
    raise BlipkitError(f"{seen}, each with its weights; {limit} ({DEVICE}); {advice}")


def in_words(graphs: Iterable[Artifact]) -> str:
    """Each bucket with the size of its graphs, the largest first."""
    sizes: Counter[str] = Counter()
    for graph in graphs:
        sizes[str(graph.bucket)] += graph.manifest.bytes
    return ", ".join(f"{bucket} ({size / GB:.2f} GB)" for bucket, size in sizes.most_common())
