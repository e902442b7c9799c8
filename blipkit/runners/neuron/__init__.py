"""What concerns Inferentia2 alone, and what of it can be known without the device.

`lowering` has components traced in an environment of its own (`recordings`, whose `findings` stand
in the compiler's way: `hlo` reads the program, `integers` follows by `bounds` how large integers
can be), `operation_changes` compares with earlier versions, `lowered` shows what came of both;
`casts` emulates the compiler's roundings, `one_frame` shows them; `options` are the compiler's,
`messages` explains what it and the runtime say. `doctor` looks at the machine, where `installed`
tries the libraries; `support` says how long the platform will live; `witnesses` are asked what the
device executed, `proof` judges it. The one file that imports torch_neuronx is
`runners/kinds/neuron.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "casts": ["cast_products", "emulate", "export"],
        "doctor": ["Part", "check_parts", "examine_parts"],
        "findings": ["Finding"],
        "lowered": ["lower_components"],
        "lowering": ["Lowering", "lowering_gate"],
        "messages": ["explain"],
        "one_frame": ["cast_one_frame"],
        "options": ["casts_as_read", "check_flags"],
        "proof": ["Execution", "Watch", "execution_gate"],
        "support": ["platform_facts", "support_gate"],
    },
)
