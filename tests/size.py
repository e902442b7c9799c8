"""Code lines of the package and of its spine, what notebooks 00-05 import: small is a promise."""

import ast
import io
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "blipkit"
LIMIT = 5_000
NOT_SPINE = ("__main__", "run", "report", "verdict", "publish", "train")


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


if __name__ == "__main__":
    sizes = {path: code_lines(path) for path in PACKAGE.rglob("*.py")}
    spine = sum(n for path, n in sizes.items() if path.stem not in NOT_SPINE)
    total = sum(sizes.values())
    print(f"code lines: {spine} that notebooks 00-05 import, {total} in the package (limit {LIMIT})")
    raise SystemExit(total > LIMIT)
