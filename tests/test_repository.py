import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# What conda-forge calls a package where PyPI calls it otherwise.
CONDA_TO_PYPI = {"python-tzdata": "tzdata", "typst-py": "typst"}


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))


def _bounds(requirements: list[str]) -> dict[str, str]:
    found = {}
    for requirement in requirements:
        parsed = re.fullmatch(r"([a-z0-9][a-z0-9-]*)>=([0-9.]+)(; .*)?", requirement)
        assert parsed, f"not `name>=version`: {requirement}"
        found[parsed[1]] = parsed[2]
    return found


def test_environment_yml_names_the_packages_and_bounds_of_pyproject(checkout: Path, project: dict[str, Any]) -> None:
    lines = (checkout / "environment.yml").read_text(encoding="utf-8").splitlines()
    head, listed, named = [], [], []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        if item := re.fullmatch(r"  - ([a-z0-9-]+)(>=[0-9.]+)?", line):
            named.append(item[1])
            listed.append(item[1] + (item[2] or ""))
        else:
            assert re.fullmatch(r"[a-z]+:( [a-z-]+)?", line), f"environment.yml line {number}: {line!r}"
            assert not named or line == "dependencies:", f"environment.yml line {number} comes too late: {line!r}"
            head.append(line)
    assert head == ["name: rpa-lab", "channels:", "dependencies:"]
    assert listed[0] == "conda-forge"
    assert len(set(named)) == len(named)

    conda = {
        CONDA_TO_PYPI.get(name, name): bound
        for name, bound in _bounds([entry for entry in listed[1:] if entry != "pip"]).items()
    }
    assert conda.pop("python") == project["project"]["requires-python"].removeprefix(">=")
    pypi = _bounds(project["project"]["dependencies"] + project["project"]["optional-dependencies"]["lab"])
    assert conda == pypi


def test_uv_lock_names_no_host_but_pypis(checkout: Path) -> None:
    text = (checkout / "uv.lock").read_text(encoding="utf-8")
    hosts = {urlsplit(url).hostname for url in re.findall(r"[a-z+]+://[^\s\"']+", text)}
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    sources = {tuple(package["source"].items()) for package in tomllib.loads(text)["package"]}
    assert sources == {(("registry", "https://pypi.org/simple"),), (("editable", "."),)}


def test_every_locked_file_has_a_hash(checkout: Path) -> None:
    for package in tomllib.loads((checkout / "uv.lock").read_text(encoding="utf-8"))["package"]:
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]:
            assert file["hash"].startswith("sha256:"), file["url"]


def test_the_license_is_the_one_that_pyproject_names(checkout: Path, project: dict[str, Any]) -> None:
    assert project["project"]["license"] == "Apache-2.0"
    text = (checkout / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text


def test_versions_agree(project: dict[str, Any]) -> None:
    import rpa_lab

    assert project["project"]["version"] == rpa_lab.__version__


def test_make_alone_lists_every_target(checkout: Path) -> None:
    targets = re.findall(r"^make ([a-z]+) +\S", _make(checkout).stdout, re.MULTILINE)
    assert set(targets) >= {"help", "demo", "test", "lint", "format", "faults", "study", "bench", "docs", "clean"}
    phony = re.search(r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(targets)


def _make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def _make_with(python: str, folder: Path, checkout: Path) -> str:
    """What make says on a machine whose only Python is that shell script; nothing must be installed."""
    for name in ("Makefile", "uv.lock", "pyproject.toml"):
        shutil.copy(checkout / name, folder)
    fake = folder / "fake-python"
    fake.write_text(python, encoding="utf-8")
    fake.chmod(0o755)
    done = _make(folder, "demo", f"PYTHON={fake}")
    assert done.returncode != 0
    assert not (folder / ".venv").exists()
    assert done.stdout == ""
    first, *others = done.stderr.splitlines()
    assert all(line.startswith("make: ***") for line in others)
    return first.replace(str(fake), "PYTHON")


def test_a_machine_without_the_venv_module_gets_one_clear_sentence(tmp_path: Path, checkout: Path) -> None:
    script = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n'
    assert _make_with(script, tmp_path, checkout) == (
        "PYTHON has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run make again."
    )


def test_a_python_too_old_gets_one_clear_sentence(tmp_path: Path, checkout: Path) -> None:
    script = '#!/bin/sh\ncase "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac\n'
    assert _make_with(script, tmp_path, checkout) == (
        "PYTHON is Python 3.9.2, but 3.11 or newer is needed; name another: make PYTHON=python3.12"
    )


def test_a_machine_without_python_gets_one_clear_sentence(tmp_path: Path, checkout: Path) -> None:
    for name in ("Makefile", "uv.lock", "pyproject.toml"):
        shutil.copy(checkout / name, tmp_path)
    done = _make(tmp_path, "test", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        "There is no no-such-python here; install Python 3.11 or newer, or name one: make PYTHON=python3.12"
    )


@pytest.mark.parametrize("target", ["faults", "study", "bench"])
def test_a_target_with_nothing_to_run_says_so_and_fails(target: str, tmp_path: Path, checkout: Path) -> None:
    shutil.copy(checkout / "Makefile", tmp_path)
    ready = tmp_path / ".venv/.ready"
    ready.parent.mkdir()
    for path in (tmp_path / "uv.lock", tmp_path / "pyproject.toml", ready):
        path.touch()
    done = _make(tmp_path, target)
    assert done.returncode != 0
    assert re.match(r"There (is|are) no .* yet \(", done.stderr)


def test_import_layers_name_every_package(checkout: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", [".ci/run"])
def test_scripts_can_be_run(name: str, checkout: Path) -> None:
    assert (checkout / name).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", checkout / name], check=True, timeout=30)
