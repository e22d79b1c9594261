"""YAML with line numbers, and without PyYAML's silence about a key that stands twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from common.settings.problems import ConfigurationError, Problem


class YamlFile:
    """One YAML document: `data` as plain values, and the line of any path into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.data: Any = None
        self.problems: list[Problem] = []
        self._root: yaml.Node | None = None

    def read(self) -> "YamlFile":
        """Read and parse. Raises ConfigurationError when the file is absent or no YAML."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            mend = "create it, or set ISTHMUS_CONFIG_DIR to its directory"
            raise ConfigurationError(
                [Problem(str(self.path), "", f"can't be read: {reason}", mend)]
            ) from None
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            what = f"is no YAML: {getattr(error, 'problem', None) or 'it has more than one document'}"
            line = mark.line + 1 if mark else 0
            raise ConfigurationError([Problem(self.name, "", what, "mend the line", line)]) from None
        self._find_doubles(self._root, "")
        return self

    def line(self, path: Sequence[str | int]) -> int:
        """The 1-based line of a path; of its nearest known parent when the path is not there."""
        node, line = self._root, 1
        for step in path:
            child = _child(node, step)
            if child is None:
                continue  # absent, or the tag that pydantic puts in for a union's member
            node, line = child[1], child[0].start_mark.line + 1
        return line

    def _find_doubles(self, node: yaml.Node | None, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                place = f"{path}.{name}" if path else name
                if name in seen:
                    line = key.start_mark.line + 1
                    self.problems.append(
                        Problem(self.name, place, "stands twice", "remove one of the two", line)
                    )
                seen.add(name)
                self._find_doubles(value, place)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._find_doubles(value, f"{path}[{index}]")


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """(node that marks the line, node of the value)."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def dotted(path: Sequence[str | int]) -> str:
    """`connections[0].azure.tenant_id`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
