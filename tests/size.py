"""How large the package is, for information: code lines and tokens, by folder. Nothing here fails."""

import ast
import io
import tokenize
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "blipkit"
LEFT_OUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_size(text: str) -> tuple[int, int]:
    """(lines, tokens) that are code: no blank lines, comments or docstrings."""
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in LEFT_OUT and token.start[0] not in documented
    ]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines), len(tokens)


def by_folder() -> dict[str, tuple[int, int]]:
    """Folder, or file beside the folders -> (code lines, tokens)."""
    found = defaultdict(lambda: (0, 0))
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        lines, tokens = code_size(path.read_text(encoding="utf-8"))
        found[name] = found[name][0] + lines, found[name][1] + tokens
    return dict(found)


if __name__ == "__main__":
    sizes = by_folder()
    for name, (lines, tokens) in sizes.items():
        if lines:
            print(f"{name:<12} {lines:>6} lines {tokens / lines:>6.1f} tokens a line")
    total = [sum(column) for column in zip(*sizes.values(), strict=True)]
    print(f"{'package':<12} {total[0]:>6} lines {total[1] / total[0]:>6.1f} tokens a line")
