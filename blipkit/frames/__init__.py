"""What is asked about: frames, and the questions about them.

`load_frames` gives the frames that a profile names, synthetic scenes with their right answers or a
folder's images, each a `Frame`; `parse_questions` its questions; `cut_video` makes a folder of
frames out of a clip.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "frames": ["SYNTHETIC", "Frame", "synthetic_frames", "fixed_frame", "load_frames"],
        "images": ["image_in", "read_image"],
        "jpeg": ["as_jpegs", "to_jpeg"],
        "questions": ["Question", "parse_questions", "tokenise"],
        "scenes": ["ACTIVITIES", "QUESTIONS", "Scene", "draw_scene"],
        "source": ["FrameSource"],
        "video": ["cut_video", "parse_every"],
    },
)
