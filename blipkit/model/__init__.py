"""The model: a checkpoint, taken apart into components and put back together.

A checkpoint holds transformers' own class, unmodified; `generate_answer` asks it. `isolate` gives
the components, thin adapters around its submodules, with the fixed shapes of a `Bucket`;
`Pipeline` answers with them, `wrappers` puts compiled ones back into the class. `whole` checks
that they add up, `timing` times one, `figures` draws them and lists a request's calls.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "buckets": ["Bucket", "choose_bucket", "parse_buckets"],
        "checkpoints": ["Checkpoint", "check_source", "load_checkpoint"],
        "components": ["Component", "TextEncoder", "isolate", "run_layers", "tensor_shapes"],
        "figures": ["draw_components", "show_steps"],
        "generate": ["generate_answer", "show_answers"],
        "pipeline": ["Answer", "Pipeline", "ranked_answer"],
        "timing": ["count_operations", "time_encoder"],
        "whole": ["check_padding", "compare_adapters"],
    },
)
