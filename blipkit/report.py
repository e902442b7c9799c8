"""One offline HTML file: the decision, the gates, then each executed notebook without its code."""

import json
import re
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.verdict import number, write_verdict

TEMPLATE = Path(__file__).parent / "report.html.j2"
SIGNS = {"PASS": "✓", "WARN": "!", "FAIL": "✗", "INVALID": "?", "NOT-RUN": "–"}


def write_report(folder: Path) -> tuple[Path, dict]:
    """Write verdict and report of a results folder; the report's path and the verdict."""
    if not (folder / "run.json").is_file():
        raise BadInput(f"{folder} is not a results folder (no run.json); make one with: blipkit run tiny")
    from jinja2 import Environment

    verdict = write_verdict(folder)
    run = json.loads((folder / "run.json").read_text())
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        verdict=verdict,
        run=run,
        machine=json.loads((folder / "environment.json").read_text()),
        chapters=[chapter(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))],
        signs=SIGNS,
    )
    path = folder / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path, verdict


def chapter(path: Path) -> dict:
    """An executed notebook as a piece of HTML: text and outputs, no code, headings one level down."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.outputs = (
            [o for o in cell.get("outputs", []) if o.get("name") != "stderr"] if cell.cell_type == "code" else []
        )
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r"<(/?)h([1-5])\b", lambda m: f"<{m[1]}h{int(m[2]) + 1}", body)
    body = re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="#\1"', body)
    return {"name": path.stem, "body": body}
