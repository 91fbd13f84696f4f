"""`valetkey jwt`: the toolkit on the command line (RFC 7515 to RFC 7519)."""

from __future__ import annotations

import click

from valetkey.cli.jwt.encryption import decrypt, encrypt
from valetkey.cli.jwt.keys import key
from valetkey.cli.jwt.looking import decode, inspect
from valetkey.cli.jwt.signing import sign
from valetkey.cli.jwt.verifying import verify


@click.group()
def jwt() -> None:
    r"""Sign, encrypt, verify and take apart JSON Web Tokens; make and convert keys.

    A token is an argument, or comes from standard input where it is absent or "-". Keys and secrets are always
    files, or standard input ("-"): never arguments, which every process list shows.

    \b
    Exit codes:
      0  done; the token is valid
      1  the token is not valid, or inspect found an error
      2  the command line is wrong, or a file it names is not there
      3  the key source cannot be reached: try again later, the token may be good
      4  a key cannot be used, or a file cannot be written

    \b
    Example: valetkey jwt sign --key key.jwk --issuer me --audience you | valetkey jwt decode
    """


for _command in (decode, verify, sign, encrypt, decrypt, inspect, key):
    jwt.add_command(_command)
