"""How large the package is, by folder, and which of its functions return rows without a type; for information, nothing here fails."""

import ast
import io
import tokenize
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "blipkit"
ROWS = ("list", "Sequence", "Iterable", "Iterator")
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


def is_untyped_row(annotation: ast.expr) -> bool:
    """Whether a return annotation is, or holds, a dict that is a row: one without types of key and
    value, or an entry of a list.

    A dict alone with both types is a mapping: name -> value.
    """
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return is_untyped_row(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.BinOp):  # X | None
        return is_untyped_row(annotation.left) or is_untyped_row(annotation.right)
    if isinstance(annotation, ast.Name):
        return annotation.id == "dict"
    if not isinstance(annotation, ast.Subscript) or ast.unparse(annotation.value) == "dict":
        return False
    inner = annotation.slice
    entries = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if ast.unparse(annotation.value).rpartition(".")[2] in ROWS:
        return any(is_untyped_row(e) or ast.unparse(e).startswith("dict[") for e in entries)
    return any(map(is_untyped_row, entries))


def returns() -> tuple[list[str], int]:
    """The functions that return rows without a type, as "file: function"; how many have a return annotation."""
    untyped, annotated = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                annotated += 1
                if is_untyped_row(node.returns):
                    untyped.append(f"{path.relative_to(PACKAGE)}: {node.name}")
    return untyped, annotated


if __name__ == "__main__":
    sizes = by_folder()
    for name, (lines, tokens) in sizes.items():
        if lines:
            print(f"{name:<12} {lines:>6} lines {tokens / lines:>6.1f} tokens a line")
    total = [sum(column) for column in zip(*sizes.values(), strict=True)]
    print(f"{'package':<12} {total[0]:>6} lines {total[1] / total[0]:>6.1f} tokens a line")
    untyped, annotated = returns()
    share = len(untyped) / annotated
    print(f"{len(untyped)} of {annotated} functions ({share:.1%}) return rows without a type:")
    print(*untyped, sep="\n")
