"""``sb service``: the systemd unit, and the settings that it is given."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from discreet.cli.service import check_that_it_can_run
from discreet.cli.systemd_unit import Unit, environment_text
from discreet.domain.errors import BadInput
from tests.cli.conftest import SB, Sb
from tests.support.fork_server import run_sb

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


def _run(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run_sb("service", *words, environment=environment, stdin=b"", timeout=180)


def _system_unit(folder: Path) -> Path:
    path = folder / "discreet.service"
    path.write_text(Unit(SB, Path("/var/lib/discreet"), "daemon").text())
    return path


@needs_systemd
@pytest.mark.parametrize("home", ["/var/lib/discreet", "/srv/50% off/a $b \"c\" 'd' \\e"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, home: str) -> None:
    for account in ("daemon", None):
        path = tmp_path / "discreet.service"
        path.write_text(Unit(SB, Path(home), account).text())
        done = subprocess.run(
            ["systemd-analyze", "verify", *(["--user"] if account is None else []), path],
            capture_output=True, text=True, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        )  # fmt: skip
        assert (done.returncode, "discreet.service" in done.stderr) == (0, False), done.stderr


@needs_systemd
def test_systemd_rates_the_exposure_of_a_system_service_at_most_3(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30",
         _system_unit(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:]


def test_a_system_service_is_never_root(sb: Sb) -> None:
    done = sb("service", "show", "--account", "root")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--account NAME" in done.stderr
    assert sb("service", "show", "--account", "nobody-by-this-name").returncode == 2


def test_a_home_whose_socket_would_be_elsewhere_is_refused(tmp_path: Path) -> None:
    done = Sb(tmp_path / ("x" * 100))("service", "show", "--account", "daemon")
    assert (done.returncode, "too long" in done.stderr) == (2, True)


def test_a_service_gets_the_settings_and_keys_of_the_one_who_installs_it(
    sb: Sb, tmp_path: Path
) -> None:
    environment = {
        **sb.environment(),
        "PATH": str(tmp_path),  # no systemctl
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "DISCREET_MODEL": 'odd "name" $HOME \\ `x`',
        "OPENAI_API_KEY": "sk-secret",
        "UNRELATED": "no",
    }
    done = _run("install", "--user", "--no-start", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sk-secret" not in done.stdout
    unit = tmp_path / "config" / "systemd" / "user" / "discreet.service"
    assert f'Environment="DISCREET_HOME={sb.home}"' in unit.read_text()
    settings = sb.home / "service.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert settings.read_text().splitlines() == [
        'DISCREET_LISTEN="127.0.0.1:0"',
        'DISCREET_MODEL="odd \\"name\\" \\$HOME \\\\ \\`x\\`"',
        'OPENAI_API_KEY="sk-secret"',
    ]
    # What somebody wrote into the file stays.
    settings.write_text("DISCREET_LISTEN=127.0.0.1:9000\n")
    assert _run("install", "--user", "--no-start", environment=environment).stderr == ""
    assert settings.read_text() == "DISCREET_LISTEN=127.0.0.1:9000\n"
    assert _run("remove", "--user", environment=environment).returncode == 0
    assert (unit.exists(), settings.exists()) == (False, True)
    assert _run("remove", "--user", environment=environment).returncode == 2


def test_without_systemd_the_unit_is_written_and_the_command_says_how_to_start(
    sb: Sb, tmp_path: Path
) -> None:
    environment = {**sb.environment(), "PATH": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = _run("install", "--user", environment=environment)
    assert (done.returncode, "sb serve" in done.stderr) == (1, True)
    assert (tmp_path / "systemd" / "user" / "discreet.service").exists()


def test_a_unit_that_somebody_else_wrote_is_not_replaced(sb: Sb, tmp_path: Path) -> None:
    unit = tmp_path / "systemd" / "user" / "discreet.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    environment = {**sb.environment(), "XDG_CONFIG_HOME": str(tmp_path)}
    done = _run("install", "--user", "--no-start", environment=environment)
    assert (done.returncode, unit.read_text().splitlines()[0]) == (1, "[Service]")


def test_a_value_that_an_environment_file_cannot_hold_is_refused() -> None:
    with pytest.raises(BadInput, match="line break"):
        environment_text({"OPENAI_API_KEY": "a\nb"}, ["OPENAI_API_KEY"])


@needs_root
def test_an_account_that_cannot_run_the_program_or_enter_the_home_gets_no_unit(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, "daemon")
    with pytest.raises(BadInput, match="can't run"):
        check_that_it_can_run(program, home, "daemon")  # pytest's folders are root's alone
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        everybodys = Path(shutil.copy(program, place))
        with pytest.raises(BadInput, match="ermission denied"):
            check_that_it_can_run(everybodys, Path(place), "daemon")
        everybodys.chmod(0o755)
        check_that_it_can_run(everybodys, Path(place), "daemon")
        with pytest.raises(BadInput, match="can't run"):
            check_that_it_can_run(everybodys, home, "daemon")
