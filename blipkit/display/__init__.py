"""What is shown: figures, frames, tables and sliders that all folders share.

Pictures and tables are HTML that needs nothing else, with their text for a terminal. Every folder
draws its own figures with `axes` and `show`; captions are made from the data and serve as alt
text.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "figures": ["COLOURS", "MARKERS", "STYLES", "axes", "show", "show_frames"],
        "html": ["display_html"],
        "sliders": ["explore", "is_live"],
        "tables": [
            "number",
            "show_folded",
            "show_ratio",
            "show_table",
            "table_html",
            "terminal_table",
        ],
    },
)
