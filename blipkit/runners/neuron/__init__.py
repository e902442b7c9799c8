"""What is Inferentia2's alone, and what of it can be known without the device.

`lowering` records components in an environment of its own, `lowered` shows what came of it;
`casts` emulates the compiler's roundings, `one_frame` shows them; `options` are the compiler's,
`messages` explains what it and the runtime say. `doctor` looks at the machine, `support` says how
long the platform will live, `proof` asks the device what it executed. The one file that imports
torch_neuronx is `runners/kinds/neuron.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "casts": ["cast_products", "emulate", "export"],
        "doctor": ["check_parts", "examine_parts"],
        "lowered": ["lower_components"],
        "messages": ["explain"],
        "one_frame": ["cast_one_frame"],
        "options": ["casts_as_read", "check_flags"],
        "proof": ["Watch", "execution_gate"],
        "support": ["platform", "support_gate"],
    },
)
