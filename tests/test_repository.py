"""What stands in two files of the repository says the same in both."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def test_the_hook_and_the_virtual_environment_have_one_ruff():
    (pinned,) = re.findall(r"^ruff==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["rev"] for hook in hooks if "ruff" in hook["repo"]] == [f"v{pinned}"]


def test_the_hosted_workflow_runs_the_gate():
    jobs = yaml.safe_load((ROOT / ".github/workflows/gate.yml").read_text())["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["gate"]["steps"]]
