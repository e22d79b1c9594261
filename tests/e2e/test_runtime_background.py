"""`make up` and `make down`."""

from pathlib import Path

import pytest
import requests

from deploy.dev import background


def test_up_describes_a_running_stack_and_down_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up waits until all take work and says where to look; a second up finds it; down leaves nothing."""
    monkeypatch.setattr(background, "VAR", tmp_path / "stack")
    try:
        assert background.main(["up", "--findings", "60", "--only", "scheduler"]) == 0
        assert "metrics" in capsys.readouterr().out
        facts = (tmp_path / "stack" / "stack.json").read_text()
        assert background.main(["up"]) == 0
        assert "runs already" in capsys.readouterr().out
        assert (tmp_path / "stack" / "stack.json").read_text() == facts
        url = facts.partition('"scheduler": "')[2].partition('"')[0]
        assert "isthmus_workers_consuming" in requests.get(url, timeout=5).text
    finally:
        assert background.main(["down"]) == 0
    assert background.running_pid(tmp_path / "stack") == 0
    assert background.main(["down"]) == 0
    assert "no stack runs" in capsys.readouterr().out


def test_a_stack_that_can_t_come_up_shows_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The supervisor's own words are printed, and the exit code is 1."""
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "thesis.txt").touch()
    monkeypatch.setattr(background, "VAR", tmp_path / "stack")
    assert background.main(["up"]) == 1
    assert "holds other things" in capsys.readouterr().err
