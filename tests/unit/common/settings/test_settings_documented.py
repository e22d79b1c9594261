"""docs/configuration.md says what the settings are."""

import tempfile
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from common.settings.connections import load_connections
from common.settings.settings import Settings

DOCUMENT = (Path(__file__).resolve().parents[4] / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_as_it_is(name: str) -> None:
    """Name, default and description of each setting stand in its row."""
    field = Settings.model_fields[name]
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    text = "" if default in (None, "") else f"`{default}`".replace(tempfile.gettempdir(), "/tmp")  # noqa: S108 - as documented
    assert f"| `ISTHMUS_{name.upper()}` | {text} | {field.description} |" in DOCUMENT


def test_the_documented_connection_loads(tmp_path: Path) -> None:
    """Whoever copies the example gets no mistake."""
    example = DOCUMENT.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "connections.yaml").write_text(example)
    [one] = load_connections(tmp_path / "connections.yaml", check_files=False)
    assert one.id == yaml.safe_load(example)["connections"][0]["id"]
