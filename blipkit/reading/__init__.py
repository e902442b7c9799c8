"""Files that people and other machines wrote, read whole or refused: bytes, CSV, JSON and YAML;
and what a TorchScript file says of itself.

What a reader returns is bounded in size, count and depth, so that nobody after it need ask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "csv_text": ["csv_rows"],
        "files": ["read_bytes", "read_text"],
        "json_text": ["parse_json"],
        "traced_file": ["read_traced_file"],
        "yaml_text": ["parse_yaml"],
    },
)
