"""Profiles and knobs: what a run may be told, each value typed, with its unit, its meaning and
where it came from.

A knob is a field of a Section; a section stands beside the code that uses it, in the file
`sections.py` names. A profile (params/*.yaml) says what differs from the defaults.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "common": ["Common"],
        "knobs": ["BUSY", "SHARE", "ZERO_OR_MORE", "Section", "check_fields", "knob"],
        "profile": ["Profile", "load_profile", "read_profile", "section_in"],
        "sections": ["chapters", "main_chapters", "section_class", "section_of"],
    },
)
