"""Serving: what answers requests, where it is placed, and which worker serves which request when.

A request is a frame's index, or its JPEG; serving it is everything from there to the answers of all
questions. `scheduler` decides who serves what and knows no clock; `protocol` has the messages
between clients and servers, which a `connection` hears and tells; `server` puts them on real
threads and sockets; `answering` loads what answers; `placement` says what the servers share;
`process` is the child that does all this.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answering": ["CALLS", "FROM_JPEG", "NOTHING", "Answering", "known_calls", "make_handler"],
        "connection": ["Connection"],
        "placement": ["PLACEMENTS", "Servers", "copies_of", "neuron_cores", "predicted_gib"],
        "process": ["Host", "Plan", "Service", "load"],
        "protocol": ["REPLY", "REQUEST", "Asked", "STATUSES", "Served", "digest"],
        "scheduler": ["Dispatcher", "Request"],
        "server": ["Server", "ServerCounts", "ServerReport"],
    },
)
