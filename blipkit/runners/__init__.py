"""Runners: what compiles a component and executes it.

Each is a file of `kinds/` that says all about itself, as `spec` has it; an `Arm` is a runner with
its precision. `trace` compiles into artifacts, `assemble` puts them into a pipeline, `plug_in` into
transformers' own class; what holds a NeuronCore runs in a process of its own (`loader`, `workers`),
once it is known to fit there (`core_memory`) and to answer twice (`second_call`). `adopted` takes
up what somebody else compiled. `compiled`, `formats` and `plugged` answer the questions of 02;
`neuron/` has what is Inferentia2's alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adopted": ["Offer", "adopt"],
        "arms": [
            "Arm",
            "all_arms",
            "check_machine",
            "evidence_of",
            "same_precision_baseline",
            "parse_arm",
        ],
        "artifacts": ["Artifact", "Artifacts", "CompiledComponent"],
        "assemble": ["load_artifact", "plug_in"],
        "compile": ["NotCompiled", "trace", "trace_arms"],
        "compiled": ["compile_again", "compile_arms", "forecast_compiles"],
        "formats": ["show_number_formats"],
        "loader": ["ComponentLoader"],
        "plugged": ["ask_plugged_in"],
        "spec": ["Build", "Precision", "RunnerSpec", "runner_names", "spec_of"],
    },
)
