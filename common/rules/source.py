"""YAML with places: the data of a file and the line of every key in it.

Only `true` and `false` are booleans here and only plain decimals are numbers, as in YAML 1.2: in YAML 1.1 the
key `on` would be a boolean and the AWS account 012345678901 an octal number.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
_DEPTH = 30
_CORE = {
    "tag:yaml.org,2002:bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    "tag:yaml.org,2002:int": (re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), "-+0123456789"),
    "tag:yaml.org,2002:float": (re.compile(r"[-+]?[0-9]+\.[0-9]+\Z"), "-+0123456789"),
    "tag:yaml.org,2002:null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML fills it per class


for _tag, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))


@dataclass(slots=True)
class Source:
    """A parsed file: `data`, the line of each path, and keys that stand twice."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[tuple[Path, int]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest parent that is in the file; 0 if there is none."""
        for end in range(len(path), -1, -1):
            if line := self.lines.get(path[:end]):
                return line
        return 0


def read_source(text: str) -> Source:
    """Parse YAML.

    Raises yaml.YAMLError where it is none.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        source = Source()
        if node is None:
            return source
        _walk(node, (), source, 0)
        source.data = loader.construct_document(node)
        return source
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: Path, source: Source, depth: int) -> None:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if depth > _DEPTH:
        raise yaml.YAMLError("nested too deeply")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                source.twice.append(((*path, name), key.start_mark.line + 1))
            seen.add(name)
            source.lines[(*path, name)] = key.start_mark.line + 1
            _walk(value, (*path, name), source, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), source, depth + 1)
