"""The extra `service`: what serving over HTTP needs beside the kit's own dependencies."""

from importlib.util import find_spec

from blipkit.errors import BadInput

INSTALL = "pip install 'blipkit[service]'"
HTTP = ("starlette", "uvicorn", "httpx", "python_multipart")
RAY = ("ray", "fastapi")


def lacking(modules: tuple[str, ...] = HTTP) -> str:
    """Which of the modules are not installed, and what installs them; "" where all are."""
    absent = [name for name in modules if find_spec(name) is None]
    if not absent:
        return ""
    return f"serving over HTTP needs {', '.join(absent)}, not installed here: {INSTALL}"


def check_extra(modules: tuple[str, ...] = HTTP) -> None:
    """Refuse to serve where something is missing."""
    if problem := lacking(modules):
        raise BadInput(problem)
