"""The templates, compiled: once for a process, and kept beside them as Python keeps its own compiled code."""

from __future__ import annotations

import marshal
import os
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Final, Protocol

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import bc_magic
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2.bccache import Bucket

_OPTIONS: Final = {"trim_blocks": True, "lstrip_blocks": True}
_COMPILER: Final = f"{bc_magic!r} {sorted(_OPTIONS.items())}\n"
_FOLDER: Final = Path(__file__).parent / "templates"


class Template(Protocol):
    """What is rendered with the values of a page."""

    def render(self, context: Mapping[str, object], /) -> str: ...  # noqa: D102 - the class says it


@cache
def compiled_templates() -> Mapping[str, Template]:
    """Return every template by its name; they are safe to share between renderers and threads."""
    environment = Environment(
        loader=PackageLoader("valetkey.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        bytecode_cache=CompiledBeside(_FOLDER),
        **_OPTIONS,  # type: ignore[arg-type] # it cannot tell which of the parameters these are
    )
    environment.filters["isolated"] = Markup("<bdi>{}</bdi>").format
    return {name: environment.get_template(name) for name in environment.list_templates(["html"])}


class CompiledBeside(BytecodeCache):
    """Keeps compiled templates where Python would keep the compiled modules of `folder`, if it may write there.

    It obeys PYTHONDONTWRITEBYTECODE and PYTHONPYCACHEPREFIX. What was compiled from another text, by another
    version of Jinja or Python, or with other options, is compiled anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_source_checksum(self, source: str) -> str:
        """Return what the compiled code is told apart by."""
        return sha256(f"{_COMPILER}{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, where the compiled code of this very text is kept."""
        with suppress(OSError, EOFError, ValueError, TypeError):
            kept = self._place(bucket).read_bytes()
            checksum = bucket.checksum.encode()
            if kept.startswith(checksum):
                bucket.code = marshal.loads(kept[len(checksum) :])  # noqa: S302 - as trusted as our modules beside it

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled, whole or not at all: several processes may be at it."""
        if sys.dont_write_bytecode:
            return
        place = self._place(bucket)
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            opened, written = mkstemp(dir=place.parent)
            try:
                with os.fdopen(opened, "wb") as kept:
                    kept.write(bucket.checksum.encode() + marshal.dumps(bucket.code))
                Path(written).chmod(0o644)
                Path(written).replace(place)
            except OSError:
                Path(written).unlink(missing_ok=True)
                raise

    def _place(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(self._folder / f"{bucket.key}.html"))).with_suffix(".jinja")
