"""What one connection's writer knows of Redis before it writes: who may write, and what was learnt."""

from dataclasses import dataclass

from common.errors import Superseded
from common.state import keys
from common.state.intents import Intents
from common.state.register import Register
from common.state.store import Fence, Store, raw, text
from services.servicenow_writer.looking import SysIdMode

_MODE = "sys_id_mode"
_EVER = 1e9  # seconds: any intent that is noted at all


@dataclass(frozen=True, slots=True)
class Standing:
    """The register as it stands now."""

    fence: Fence
    paused: bool
    rebuilt: bool
    mode: SysIdMode


class Desk:
    """Reads and notes of one connection, besides how orders end."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._register = Register(store, connection)
        self._intents = Intents(store, connection)

    def standing(self) -> Standing:
        """Epoch, current run, pause and the instance's way with sys_ids, in one round trip."""
        pipe = self._store.client.pipeline(transaction=False)
        pipe.get(keys.EPOCH)
        pipe.hmget(keys.connection(self._connection), ["run", "paused", "rebuilt", _MODE])
        epoch, values = pipe.execute()
        run, paused, rebuilt, mode = raw(values)
        known = text(epoch)
        return Standing(
            Fence(known, text(run)),
            text(paused) == "1",
            bool(known) and text(rebuilt) == known,
            SysIdMode(text(mode)),
        )

    def learn(self, epoch: str, mode: SysIdMode) -> None:
        """Keep what the instance does with sys_ids. Raises Superseded."""
        self._register.update(Fence(epoch), {_MODE: mode.value})

    def tried(self, groups: list[bytes], limit_seconds: float) -> dict[bytes, float]:
        """Groups with an unsettled attempt -> seconds to wait still; negative once it is over."""
        found = self._intents.waiting(groups, _EVER)
        return {group: seconds - _EVER + limit_seconds for group, seconds in found.items()}

    def intend(self, fence: Fence, groups: list[bytes]) -> None:
        """Note attempts before the bytes go out. Raises Superseded, also where there is nothing to note."""
        if not groups and self.standing().fence != fence:
            raise Superseded
        self._intents.note(fence, groups)

    def withdraw(self, groups: list[bytes]) -> None:
        """The attempts were surely not carried out."""
        self._intents.clear(groups)
