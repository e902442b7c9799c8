"""The model: a checkpoint loaded, taken apart into components of fixed shapes, and put back together as a pipeline.

A checkpoint holds transformers' own class, unmodified; `generate_answer` asks it. `isolate` gives the components, thin
adapters around its submodules; `Pipeline` answers with them; `wrappers` puts compiled ones back into the class. `whole`
checks that they add up, `figures` draws them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "buckets": ["Bucket", "choose_bucket", "parse_buckets"],
        "checkpoints": ["Checkpoint", "check_source", "load_checkpoint"],
        "components": ["Component", "TextEncoder", "isolate", "run_layers", "tensor_shapes"],
        "figures": ["draw_components"],
        "generate": ["generate_answer", "show_answers"],
        "pipeline": ["Answer", "Pipeline", "ranked_answer"],
        "speed": ["count_operations", "time_encoder"],
        "whole": ["check_padding", "compare_adapters"],
    },
)
