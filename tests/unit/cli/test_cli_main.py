"""The command line as a whole: quick help, and a clear line for whatever is missing."""

import subprocess
import sys

from click.testing import CliRunner

from valetkey.cli import COMMANDS, main


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from valetkey.cli import main; main(['--help'], standalone_mode=False);"
        "loaded = [name for name in sys.modules if name.startswith('valetkey.') and name != 'valetkey.cli'];"
        "print(loaded, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr.strip() == "[]"
    for name in COMMANDS:
        assert f"  {name} " in ended.stdout


def test_every_command_of_the_table_can_be_called_for_help_with_an_example() -> None:
    for name in COMMANDS:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, (name, result.output)
        assert "\\b" not in result.output


def test_an_unknown_command_is_an_error() -> None:
    result = CliRunner().invoke(main, ["frobnicate"])
    assert result.exit_code == 2


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    code = (
        "import sys; sys.modules['uvloop'] = None\nfrom valetkey.cli import main\nmain(['serve', '--config', 'x'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 69
    assert ended.stderr == "valetkey: this command needs the package uvloop: install valetkey[server]\n"
