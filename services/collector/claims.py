"""Claims: a subscription belongs to one connection per ServiceNow instance (state-model 1.21)."""

from collections.abc import Collection, Iterable, Sequence

from common.state.store import Store, raw, text


class Claims:
    """The claims on one instance. A claim is kept while the subscription is only out of sight."""

    def __init__(self, store: Store, instance_url: str) -> None:
        self._store = store
        self._key = f"isth:claims:{instance_url.lower().removeprefix('https://').rstrip('/')}".encode()

    def others(self, subscriptions: Sequence[str], connection: str) -> dict[str, str]:
        """Of `subscriptions` those that another connection claims -> that connection."""
        if not subscriptions:
            return {}
        owners = [text(owner) for owner in raw(self._store.client.hmget(self._key, list(subscriptions)))]
        return {
            one: owner
            for one, owner in zip(subscriptions, owners, strict=True)
            if owner not in ("", connection)
        }

    def take(self, subscriptions: Sequence[str], connection: str, known: Collection[str]) -> dict[str, str]:
        """Claim what is free; answers what another connection holds. A removed connection's claims lapse."""
        for one, owner in self.others(subscriptions, connection).items():
            if owner not in known:
                self._store.client.hdel(self._key, one)
        pipe = self._store.client.pipeline(transaction=False)
        for one in subscriptions:
            pipe.hsetnx(self._key, one, connection)
        pipe.execute()
        return self.others(subscriptions, connection)

    def release(self, subscriptions: Iterable[str], connection: str) -> None:
        """Give up our own claims on what left the scope."""
        wanted = list(subscriptions)
        others = self.others(wanted, connection)
        if ours := [one for one in wanted if one not in others]:
            self._store.client.hdel(self._key, *ours)
