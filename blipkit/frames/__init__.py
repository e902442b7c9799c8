"""What is asked about: frames (drawn scenes with their right answers, or a folder's images), clips cut into frames, questions.

`load_frames` gives the frames that a profile names, each a `Frame`; `parse_questions` its questions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "frames": ["DRAWN", "Frame", "drawn_frames", "fixed_frame", "load_frames"],
        "images": ["read_image"],
        "questions": ["Question", "parse_questions", "tokenise"],
        "scenes": ["ACTIVITIES", "QUESTIONS", "Scene", "draw_scene"],
        "video": ["cut_video", "parse_every"],
    },
)
