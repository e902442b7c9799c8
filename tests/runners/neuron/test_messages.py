"""Each string that the vendor's pages and reports name becomes a sentence: seen, meaning, next step."""

import re

import pytest

from blipkit.errors import BadInput, BlipkitError, ChildFailed, NotMeasured
from blipkit.runners.neuron import messages
from blipkit.runners.neuron.doctor import numbers
from blipkit.runners.neuron.messages import CODES, TROUBLES, explain, explain_error, explained
from blipkit.runners.neuron.support import platform_facts
from blipkit.runners.neuron.witnesses import Holder

MESSAGES = [
    ("RuntimeError: Bad StatusOr access: INVALID_ARGUMENT: PJRT_Client_Create: error condition !(num_devices > 0)", "there is no Neuron device here"),
    ("If you want to compile on CPU, please supply compiler argument target such as", "needs --target"),
    ("RuntimeError: neuronx-cc failed with -9", "killed, most likely for want of memory; make swap"),
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
    ("FileNotFoundError: [Errno 2] No such file or directory: 'libneuronpjrt-path'", "calls a program of libneuronxla by its name"),
    ("RuntimeError: neuronx-cc compiler binary does not exist", "has the program neuronx-cc"),
    ("neuronx-cc: error: unrecognized arguments: --native-int64=enabled", "has this option since SDK 2.32"),
    ("RuntimeError: neuronx-cc failed with -6", "gave up by itself (SIGABRT)"),
    ("RuntimeError: neuronx-cc failed with -11", "the compiler crashed (SIGSEGV)"),
    ("RuntimeError: neuronx-cc failed with 70", "printed no code that says which"),
    ("[ERROR] [NCC_EVRF009] HBM usage 17.3GB exceeds 16GB", "more device memory than there is (HBM)"),
    ("[NCC_EVRF035] Opcode (dot) does not support 64-bit integer operands", "saw NCC_EVRF035 (since SDK 2.32): the compiler met a product of integers"),
    ("[NCC_EVRF060] Scatter does not support 32-bit integer operands", "one that only overwrites is taken"),
    ("NRT:nrt_allocate_neuron_cores  Logical Neuron Core(s) not available - Requested:lnc0-lnc0 Available:0 Logical Core size:1 (cores busy, ret=-16)", "another process holds the core"),
    ("nrt_load status=10 NRT_UNSUPPORTED_NEFF_VERSION", "of another SDK"),
    ("NEFF (compatibility id: 9c0ffee) is not compatible with this runtime", "of another SDK"),
    ("TDRV:exec_request_process_errors (FATAL-RT-UNDEFINED-STATE) [ND 0][NC 0] execution timeout (30000 ms) on model graph.neff, waiting", "did not end a call"),
    ("(FATAL-RT-UNDEFINED-STATE) [ND 0] Uncorrectable HBM memory error is detected. Execution results may be invalid.", "the device's memory failed"),
    ("RuntimeError: The PyTorch Neuron Runtime could not be initialized. Neuron Driver issues are logged", "blipkit doctor says which"),
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


FAILED = "neuronx-cc failed with 70"
BUSY = (
    "Logical Neuron Core(s) not available - Requested:lnc0-lnc0 Available:0 (cores busy, ret=-16)"
)


def test_what_was_printed_explains_what_the_exception_does_not():
    """The code stands in the compiler's output, among lines that say nothing."""
    printed = "compiling image_encoder\n[ERROR] [NCC_EVRF009] 17.3GB of HBM exceed 16GB\n...\n"
    words = explain(FAILED, printed)
    assert words.startswith(
        "saw NCC_EVRF009: the compiler met more device memory than there is (HBM)"
    )
    assert "error-codes/EVRF009.html" in words
    assert "\nIt printed: [ERROR] [NCC_EVRF009] 17.3GB of HBM exceed 16GB\n" in words
    assert words.endswith(f"It said: {FAILED}")


def test_an_error_of_the_compilers_own_has_no_page():
    """NCC_I... are internal: nothing is linked that is not there."""
    words = explain(FAILED, "[INTERNAL_ERROR] [NCC_IBIR243] Access pattern out of bounds")
    assert "saw NCC_IBIR243: the compiler met an error of its own" in words and "http" not in words
    assert "islpy==2026.1" in explain(FAILED, "NCC_ISMP902")


@pytest.mark.parametrize("harmless", ["[NCC_WVRF001] slow", "Compiler status PASS", ""])
def test_what_explains_nothing_is_not_taken_for_the_reason(harmless):
    """A warning's code is none."""
    assert "printed no code" in explain(FAILED, harmless)
    assert explain("ValueError: something else", harmless) == "ValueError: something else"


def test_what_the_exception_says_itself_comes_before_what_was_printed():
    """A line about the driver, printed in passing, does not explain a compiler that was killed."""
    printed = "NRT:nrt_init  Unable to determine Neuron Driver version."
    assert "for want of memory" in explain("neuronx-cc failed with -9", printed)


def test_a_core_that_is_taken_is_named_with_its_holder(monkeypatch):
    """Who, and how to end it; the reason is on stderr, the exception has none."""
    holder = Holder(4242, "python serve.py")
    monkeypatch.setattr(messages, "holders", lambda: [holder])
    words = explain("The PyTorch Neuron Runtime could not be initialized", BUSY)
    assert "holds the core until it ends, pid 4242 (python serve.py); end it (kill" in words


def test_an_error_is_explained_once():
    """A process that asks another one passes on what that one explained."""
    once = explain("neuronx-cc failed with -9")
    assert explain(once) == once


def test_a_childs_error_is_explained_by_what_it_printed():
    """Also where it is raised in a context."""
    error = ChildFailed(FAILED, "[NCC_EVRF009]")
    assert explain_error(error).startswith("saw NCC_EVRF009")
    assert explain_error(BlipkitError(FAILED), log="[NCC_EVRF009]").startswith("saw NCC_EVRF009")
    with pytest.raises(BlipkitError, match="^saw NCC_EVRF009"), explained():
        raise error


def test_every_entry_says_who_says_so_and_asks_for_nothing_that_is_not_there():
    """Codes and options of SDK 2.32 and later are marked; no advice needs an SDK before or after the pinned one."""
    pinned = numbers(platform_facts().pinned)
    entries = [*TROUBLES, *CODES.values()]
    assert all(trouble.source for trouble in TROUBLES)
    assert all(entry.since == "" or numbers(entry.since) > pinned for entry in entries)
    assert not [
        one.next for one in entries if re.search(r"SDK \d|torch \d|implicit-integer", one.next)
    ]
