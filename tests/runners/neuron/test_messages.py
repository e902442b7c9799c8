"""Each string that the vendor's pages and reports name becomes a sentence: seen, meaning, next step."""

import re

import pytest

from blipkit.errors import BadInput, BlipkitError, NotMeasured
from blipkit.runners.neuron.messages import CODES, TROUBLES, explain, explained

MESSAGES = [
    ("RuntimeError: Bad StatusOr access: INVALID_ARGUMENT: PJRT_Client_Create: error condition !(num_devices > 0)", "there is no Neuron device here"),
    ("If you want to compile on CPU, please supply compiler argument target such as", "needs --target"),
    ("RuntimeError: neuronx-cc failed with -9", "killed, most likely for want of memory; compile on a larger CPU instance"),
    ("blipkit.runners.compile:compile_from_source died (SIGKILL, perhaps out of memory); its last lines:", "for want of memory; take fewer servers"),
    ("blipkit.runners.compile:compile_from_source died (SIGSEGV); its last lines:\nFatal Python error", "torch-neuronx 2.9 is known to do"),
    ("ERROR   NRT:nrt_init      Unable to determine Neuron Driver version. Please check aws-neuron-dkms", "the Neuron driver is missing"),
    ("RuntimeError: Neuron runtime cannot be initialized; cannot determine the number of available NeuronCores", "the Neuron driver is missing"),
    ("NRT:nrt_init  This runtime requires Neuron Driver version 2.0 or greater.", "driver and runtime are not a pair"),
    ("NRT:nrt_allocate_neuron_cores  NeuronCore(s) not available - Requested:nc1-nc1 Available:0", "another process holds the core"),
    ("Could not open the nd1", "more cores were asked for"),
    ("Error notifications found on NC .... INFER_ERROR_SUBTYPE_NUMERICAL", "a NaN arose on the device"),
    ("NEFF version mismatch supported: 1.1 received: 2.0", "of another SDK"),
    ("Unknown builtin op: neuron::forward_v2", "without torch_neuronx"),
    ("ImportError: /lib/libc.so.6: version `GLIBC_2.35' not found", "Ubuntu 24.04"),
    ("neuron:mc_alloc: device mempool [0:0] total 1073741568 occupied 960539030 needed 1272 available 768", "the device's memory is full"),
    ("Uncorrectable memory error is detected on Neuron device: 5:1", "the device's memory failed"),
    ("AttributeError: 'tuple' object has no attribute 'pooler_output'", "took a tuple"),
    ("[ERROR] [NCC_EVRF056] index out of range", "within max_position_embeddings"),
    ("[NCC_EBVF030]", "too many instructions; take a smaller bucket, or --optlevel=1"),
    ("[NCC_EOOM002]", "more device memory than there is"),
    ("[NCC_EXYZ999]", "error-codes/EXYZ999.html"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "means"), MESSAGES, ids=[text[:40] for text, _ in MESSAGES])
def test_a_known_trouble_is_explained(text, means):
    """What was seen, what it means, what to do; the text itself stays."""
    words = explain(text)
    assert words.startswith("saw ") and means in words
    assert words.endswith(f"It said: {text}")


def test_what_is_not_known_is_left_alone():
    """No sentence is made up."""
    assert explain("ValueError: something else") == "ValueError: something else"


def test_every_entry_is_tested():
    """Each pattern and each kind of code has a string here."""
    texts = [text for text, _ in MESSAGES]
    for trouble in TROUBLES:
        assert any(re.search(trouble.pattern, text) for text in texts), trouble.pattern
    assert all(code.met and code.next for code in CODES.values())


@pytest.mark.parametrize("kind", [BadInput, NotMeasured])
def test_what_this_kit_refuses_stays_what_it_is(kind):
    """Bad input ends with 2, and what was not measured skips a chapter: neither is a trouble of the device."""
    with pytest.raises(kind, match="no Neuron device here"), explained():
        raise kind("no Neuron device here")
    with pytest.raises(BlipkitError, match="^saw .* for want of memory"), explained():
        raise BlipkitError("RuntimeError: neuronx-cc failed with -9")
