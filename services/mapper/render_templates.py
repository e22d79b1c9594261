"""The built-in templates and those of the rules, compiled once."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError

from common.rules.variables import environment

_BUILT_IN = Path(__file__).with_name("templates")


class TemplateFailed(Exception):  # noqa: N818 - becomes a reason, not a crash
    """A template could not be rendered; the message names it."""


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    return environment().from_string(source)


@lru_cache(maxsize=16)
def _built_in(name: str) -> str:
    return (_BUILT_IN / f"{name}.j2").read_text(encoding="utf-8")


def fill(name: str, own: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """The rule's own template of that name, or the built-in one, with its values.

    Raises TemplateFailed.
    """
    try:
        return _compiled(own.get(name) or _built_in(name)).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise TemplateFailed(f"template {name}: {type(error).__name__}: {error}") from error
