"""docs/reference/cli.md, from the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from tools.markdown import code, table

from valetkey.cli import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_UNAVAILABLE, main

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD: Final = """\
# Command line

<!-- Written by tools/reference_cli.py from the commands: change them there. -->

`valetkey COMMAND --help` says what stands here. Results go to standard output, everything else to standard error.
With `--json` a command prints JSON and nothing else.
"""
EXITS: Final = (
    (0, "Done."),
    (EXIT_FAILED, "Refused: nothing was changed, and the line on standard error says why."),
    (2, "The command line itself is wrong."),
    (EXIT_UNAVAILABLE, "Something that is needed, such as a port or the database, is not to be had just now."),
    (EXIT_CONFIGURATION, "The configuration is wrong: a line for each fault, nothing was started."),
)


def page() -> str:
    """Return the page; raises ValueError for a command that shows no example."""
    exits = table(("exit code", "meaning"), [(str(number), words) for number, words in EXITS])
    context = click.Context(main, info_name="valetkey")
    return "\n".join((HEAD, exits, *_commands(main, context)))


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise ValueError(f"{context.command_path} lists {name} and has none")
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield f"## {code(inner.command_path)}\n\n{_help(command)[0]}\n"
            yield from _commands(command, inner)
        else:
            yield _command(command, inner)


def _command(command: click.Command, context: click.Context) -> str:
    words, example = _help(command)
    if not example:
        raise ValueError(f"{context.command_path} shows no example")
    depth = "##" if context.parent is not None and context.parent.parent is None else "###"
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    rows = [_option(option, context) for option in command.params if isinstance(option, click.Option)]
    options = "\n" + table(("option", "meaning", "default"), rows) if rows else ""
    return (
        f"{depth} {code(context.command_path)}\n\n{words}\n\n```text\n{usage}\n```\n\n"
        f"For example: {code(example)}\n{options}"
    )


def _help(command: click.Command) -> tuple[str, str]:
    """Return what the command does, and its example."""
    text = (command.help or "").replace("\b", "").replace("\f", "")
    words, _, example = text.partition("Example: ")
    return " ".join(words.split()), " ".join(example.split())


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    shape = "" if option.is_flag else f" {code(option.make_metavar(context))}"
    further = "It must be given." if option.required else ""
    variable = f"Variable {code(str(option.envvar))}." if option.envvar else ""
    meaning = " ".join(text for text in (option.help or "", further, variable) if text)
    shown = "" if option.is_flag or option.default in {None, ()} or not option.show_default else str(option.default)
    return f"{names}{shape}", meaning, code(shown) if shown else ""
