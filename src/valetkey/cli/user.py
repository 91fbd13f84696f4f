"""`valetkey user`: what an operator does with end-users."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.adapters.passwords import Argon2Passwords
from valetkey.administration.end_users import (
    EndUserAct,
    EndUserFields,
    add_end_user,
    change_end_user,
    generated_password,
    refuse_weak_password,
    remove_end_user,
    remove_second_factor,
)
from valetkey.administration.refusal import ActRefused
from valetkey.administration.views import end_user_view
from valetkey.authorization_server.model import EndUser, PasswordHash, normalised_username
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_secret, show_table
from valetkey.oauth.types import SecretText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.cli.desk import Desk

_COLUMNS: Final = (
    "username",
    "name",
    "email",
    "roles",
    "has_password",
    "second_factor",
    "managed_by",
    "disabled",
)


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--name", help="The full name."),
        click.option("--email", help="The address."),
        click.option("--email-verified/--email-unverified", default=None, help="Whether the address is theirs."),
        click.option("--role", "roles", multiple=True, help="A role; repeatable. An empty text takes all away."),
        click.option("--generate-password", is_flag=True, help="Draw a password; it is shown this once."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def user() -> None:
    """Add, list, show, change and remove end-users."""


@user.command("add")
@click.argument("username")
@_field_options
@click.option("--no-password", is_flag=True, help="Set none: the end-user cannot sign in by password yet.")
@desk_options
def add(username: str, **options: Any) -> None:
    r"""Add an end-user. The password is asked for, or read as a line from standard input; never from arguments.

    \b
    Example: valetkey user add ada --name "Ada Lovelace" --email ada@example.com --generate-password
    """
    typed = None if options["no_password"] or options["generate_password"] else _typed_password()

    async def act(desk: Desk) -> tuple[EndUserAct, SecretText | None]:
        held = await desk.stores.end_users.find_by_username(normalised_username(username))
        if held is not None:
            # Told before a password is hashed.
            add_end_user(username, EndUserFields(), held, desk.fresh)
        generated = generated_password(desk.fresh) if options["generate_password"] else None
        fields = _fields(options, await _hashed(generated or typed))
        done = add_end_user(username, fields, held, desk.fresh)
        await desk.commit(done.changes)
        return done, generated

    _tell(*at_desk(options, act), options, f"user {username} was added")


@user.command("list")
@desk_options
def list_users(**options: Any) -> None:
    r"""List the end-users of a tenant.

    \b
    Example: valetkey user list --tenant acme
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        users = sorted(await desk.stores.end_users.list(), key=lambda each: normalised_username(each.username))
        factors = await desk.stores.second_factors.list()
        having = {factor.subject for factor in factors if factor.is_confirmed}
        return [{**end_user_view(each, desk.tenant_id), "second_factor": each.subject in having} for each in users]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There are no end-users: add one with `valetkey user add`.")


@user.command("show")
@click.argument("username")
@desk_options
def show(username: str, **options: Any) -> None:
    r"""Show one end-user.

    \b
    Example: valetkey user show ada
    """

    async def act(desk: Desk) -> dict[str, object]:
        held = await _held(desk, username)
        factor = await desk.stores.second_factors.find(held.subject)
        has_factor = factor is not None and factor.is_confirmed
        return {**end_user_view(held, desk.tenant_id), "second_factor": has_factor}

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@user.command("change")
@click.argument("username")
@_field_options
@click.option("--password", "asks_password", is_flag=True, help="Ask for a new password, or read it as a line.")
@click.option("--disable/--enable", "disabled", default=None, help="Switch it off, with all its tokens, or on.")
@desk_options
def change(username: str, **options: Any) -> None:
    r"""Change an end-user. A new password signs out everywhere and ends every token.

    \b
    Example: valetkey user change ada --disable
    """
    typed = _typed_password() if options["asks_password"] else None

    async def act(desk: Desk) -> tuple[EndUserAct, SecretText | None]:
        held = await _held(desk, username)
        generated = generated_password(desk.fresh) if options["generate_password"] else None
        fields = _fields(options, await _hashed(generated or typed))
        done = change_end_user(held, fields, desk.fresh)
        await desk.commit(done.changes)
        return done, generated

    _tell(*at_desk(options, act), options, f"user {username} was changed")


@user.command("remove")
@click.argument("username")
@desk_options
def remove(username: str, **options: Any) -> None:
    r"""Remove an end-user with sessions, consents and all tokens.

    \b
    Example: valetkey user remove ada
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_end_user(await _held(desk, username), desk.fresh))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"username": username, "removed": True})
    else:
        say(f"user {username} was removed")


@user.command("remove-factor")
@click.argument("username")
@desk_options
def remove_factor(username: str, **options: Any) -> None:
    r"""Remove the second factor of an end-user who lost the device, and sign them out everywhere.

    Make sure first that it is them who ask: from now on their password alone is enough to set up another device.

    \b
    Example: valetkey user remove-factor ada
    """

    async def act(desk: Desk) -> None:
        held = await _held(desk, username)
        factor = await desk.stores.second_factors.find(held.subject)
        sessions = await desk.stores.browsers.sessions_of(held.subject)
        await desk.commit(remove_second_factor(held, factor, sessions, desk.fresh))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"username": username, "second_factor": False})
    else:
        say(f"the second factor of user {username} was removed, and every session was ended")


def _fields(options: Mapping[str, Any], password_hash: PasswordHash | None) -> EndUserFields:
    roles = options["roles"]
    return EndUserFields(
        name=options["name"],
        email=options["email"],
        email_verified=options["email_verified"],
        roles=frozenset(role for role in roles if role) if roles else None,
        password_hash=password_hash,
        disabled=options.get("disabled"),
    )


def _typed_password() -> SecretText:
    # Arguments stand in every process list, so they are no place for a password.
    if sys.stdin.isatty():
        return SecretText(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return SecretText(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))


async def _hashed(password: SecretText | None) -> PasswordHash | None:
    if password is None:
        return None
    refuse_weak_password(password)
    hasher = Argon2Passwords(1)
    try:
        return await hasher.hash(password)
    finally:
        hasher.close()


async def _held(desk: Desk, username: str) -> EndUser:
    held = await desk.stores.end_users.find_by_username(normalised_username(username))
    if held is None:
        raise ActRefused(f"there is no user {username} in tenant {desk.tenant_id}: see `valetkey user list`")
    return held


def _tell(done: EndUserAct, generated: SecretText | None, options: Mapping[str, Any], line: str) -> None:
    password = None if generated is None else generated.reveal()
    if options["as_json"]:
        view = end_user_view(done.end_user, options["tenant"])
        show_json(view if password is None else {**view, "password": password})
        return
    say(line)
    if password is not None:
        show_secret("password", password)
