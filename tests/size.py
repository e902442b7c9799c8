"""Code lines of the package and of its spine, what notebooks 00-05 import: small is a promise."""

import ast
import io
import re
import tokenize
from pathlib import Path

import blipkit

PACKAGE = Path(__file__).parent.parent / "blipkit"
LIMIT = 5_000
NOTEBOOKS = PACKAGE.parent / "notebooks"


def code_lines(path: Path) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text()
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def modules_named_in(text: str) -> set[str]:
    """Modules of the package that a text imports or starts by name, those behind `from blipkit import ...` among them."""
    listed = re.findall(r"from blipkit import ([\w, ]+)", text)
    short = {name.strip() for names in listed for name in names.split(",")}
    return set(re.findall(r"blipkit\.(\w+)", text)) | {blipkit._PUBLIC.get(name, name) for name in short}


def spine() -> set[str]:
    """What notebooks 00-05 import, and all that this imports."""
    found, new = set(), modules_named_in("".join(path.read_text() for path in NOTEBOOKS.glob("0[0-5]_*.ipynb")))
    while new:
        found |= new
        files = [
            path for name in new for path in (PACKAGE / f"{name}.py", *(PACKAGE / name).glob("*.py")) if path.is_file()
        ]
        new = set().union(*(modules_named_in(path.read_text()) for path in files)) - found
    return found


if __name__ == "__main__":
    sizes = {path.relative_to(PACKAGE): code_lines(path) for path in PACKAGE.rglob("*.py")}
    chapters = sum(n for path, n in sizes.items() if path.parts[0].removesuffix(".py") in spine())
    total = sum(sizes.values())
    print(f"code lines: {chapters} that notebooks 00-05 import, {total} in the package (limit {LIMIT})")
    raise SystemExit(total > LIMIT)
