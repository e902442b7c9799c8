"""Reports of a neuron-monitor, made up in the documented form."""

QUANTILES = ("p0", "p1", "p25", "p50", "p75", "p99", "p100")


def report(
    pid=7, completed=123, numerical=0, timed_out=0, latency=0.01, error="", busy=(42.01, 0.0)
) -> dict:
    """One report of neuron-monitor, as its user guide shows it; busy: percent of each core."""
    outcomes = {
        "completed": completed,
        "completed_with_err": 0,
        "completed_with_num_err": numerical,
    }
    outcomes |= {"timed_out": timed_out, "incorrect_input": 0, "failed_to_queue": 0}
    quantiles = dict.fromkeys(QUANTILES, latency) if latency else None
    stats = {"period": 1.03, "execution_summary": outcomes, "error": ""}
    stats |= {"latency_stats": {"total_latency": quantiles, "device_latency": quantiles}}
    cores = {str(core): {"neuroncore_utilization": percent} for core, percent in enumerate(busy)}
    cores["0"]["flops"] = 1234567891011
    memory = {
        "period": 1.0,
        "neuron_runtime_used_bytes": {"host": 6997643264, "neuron_device": 12519788544},
    }
    figures = {
        "execution_stats": stats,
        "neuroncore_counters": {"neuroncores_in_use": cores},
        "memory_used": memory,
    }
    process = {"pid": pid, "neuron_runtime_tag": str(pid), "error": error, "report": figures}
    return {
        "neuron_runtime_data": [process],
        "system_data": {},
        "instance_info": {"instance_type": "inf2.xlarge"},
    }
