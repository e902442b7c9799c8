import gc
import os
import signal
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from blipkit.machine import fork_server
from blipkit.machine.scratch import KEPT_AT_HOME, PREFIX
from blipkit.run.kernel import OwnKernelManager, own_folders

MANAGER = "blipkit.run.kernel.OwnKernelManager"


@pytest.fixture(autouse=True)
def server():
    """The one that makes the kernels, as a run has it."""
    if fork_server.is_possible():
        fork_server.address()


def execute(*sources: str, **options) -> list[str]:
    """What cells with these sources print, in a kernel of ours."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_manager_class=MANAGER, **options).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]


def test_a_kernel_has_imported_what_chapters_need():
    """It is the server's child, and torch is there before a cell asks for it."""
    said = execute("import os, sys\nprint('torch' in sys.modules, os.getppid())")
    assert said == [f"{fork_server.is_possible()} {fork_server.pid()}\n"]


def test_a_users_kernels_and_profile_have_no_say(monkeypatch, tmp_path):
    """A kernelspec of theirs called python3, a startup file of their IPython: neither is seen."""
    startup = tmp_path / "profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("theirs = True")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda *_: pytest.fail("asked"))
    assert execute("import sys\nprint('theirs' in globals())") == ["False\n"]


def test_a_kernel_finds_the_programs_of_its_python(monkeypatch, tmp_path):
    """Also where PATH has none of them, as nobody activated the environment."""
    monkeypatch.setenv("PATH", str(tmp_path))
    name = Path(sys.executable).name
    assert execute(f"import shutil\nprint(shutil.which({name!r}))") == [f"{sys.executable}\n"]


def test_an_error_in_a_cell_is_told_as_ever():
    """With its name and its words."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute("1 / 0")


def test_a_cell_over_its_time_is_interrupted():
    """The signal reaches the kernel, which is the server's child."""
    began = time.monotonic()
    with pytest.raises(CellTimeoutError):
        execute("import time; time.sleep(60)", timeout=1, interrupt_on_timeout=False)
    assert time.monotonic() - began < 30
    said = execute(
        "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('interrupted')",
        timeout=1,
        interrupt_on_timeout=True,
    )
    assert said == ["interrupted\n"]


def test_a_kernel_that_dies_is_noticed():
    """Nobody waits for what a dead kernel would have said."""
    with pytest.raises(DeadKernelError):
        execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_a_kernel_ends_with_the_one_who_stands_for_it():
    """Jupyter kills only the process that it started; its kernel, and what that started, end too."""
    stands = "import psutil, os\nprint(os.getpid())"
    cells = [nbformat.v4.new_code_cell(stands)]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_manager_class=MANAGER)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        kernel = int(cells[0].outputs[0].text)
        assert psutil.pid_exists(kernel)
        os.kill(client.km.provisioner.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while psutil.pid_exists(kernel):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_its_key_lies_in_a_private_folder_that_ends_with_it():
    """Not among the user's own kernels, whose files a kill would leave there."""
    manager = OwnKernelManager()
    manager.write_connection_file()
    place = Path(manager.connection_file)
    assert place.parent.name.startswith(PREFIX) and place.stat().st_mode & 0o077 == 0
    assert place.parent.stat().st_mode & 0o077 == 0
    del manager
    gc.collect()
    assert not place.parent.exists()


def test_a_kernel_needs_no_home(monkeypatch):
    """In a container without one, what libraries keep there is kept in its own folder."""
    monkeypatch.setenv("HOME", "/nowhere")
    for name in KEPT_AT_HOME:
        monkeypatch.delenv(name, raising=False)
    assert set(own_folders("x")) == {"IPYTHONDIR", "JUPYTER_RUNTIME_DIR", *KEPT_AT_HOME}
    drawn = "import matplotlib.pyplot as p; p.plot([1]); print(matplotlib.get_configdir())"
    said = execute(f"import matplotlib\n{drawn}")
    assert PREFIX in said[0] and "warn" not in said[0].lower()


def test_with_a_home_fonts_and_settings_are_the_users(monkeypatch, tmp_path):
    """Only what IPython and Jupyter would write is kept apart."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_folders("x") == {"IPYTHONDIR": "x", "JUPYTER_RUNTIME_DIR": "x"}
