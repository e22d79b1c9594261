"""The directory and claims on a real Redis."""

import pytest

from common.errors import Superseded
from common.model.finding import Recommendation, Severity, Subscription
from common.state import keys
from common.state.directory import Directory, InstanceFacts, RunScope
from common.state.store import Fence, Store
from services.collector.claims import Claims


def fence(store: Store, run: str = "r1") -> Fence:
    store.client.hset(keys.connection("c"), "run", run)
    return Fence(store.epoch(), run)


def test_metadata_is_replaced_as_a_whole(store: Store) -> None:
    """What is retired is gone; equal content keeps its version."""
    directory = Directory(store, "c")
    first = [Recommendation("a", "A", Severity.HIGH, ("Compute",)), Recommendation("b", "B")]
    version = directory.put_metadata(fence(store), first)
    assert directory.metadata() == {one.key: one for one in first}
    assert directory.put_metadata(fence(store, "r2"), reversed(first)) == version
    assert directory.metadata_run() == "r2"
    assert directory.put_metadata(fence(store, "r3"), first[:1]) != version
    assert directory.known_recommendations() == {"a"}


def test_a_superseded_run_writes_no_names(store: Store) -> None:
    """The fence holds for facts too."""
    old = fence(store)
    fence(store, "r2")
    with pytest.raises(Superseded):
        Directory(store, "c").put_subscriptions(old, [Subscription("s", "S")])


def test_facts_survive_a_round_trip(store: Store) -> None:
    """Instance, subscriptions, row counts and a run's scope."""
    directory = Directory(store, "c")
    facts = InstanceFacts("u", "1", {"G": "2"}, {"x": "3"}, ("N",), ("Solution provided",), 5)
    directory.put_instance(facts)
    directory.put_subscriptions(fence(store), [Subscription("s", "S", "t", "Enabled", ("corp",))])
    directory.put_rows(fence(store), "u1", 7)
    assert directory.instance() == facts
    assert directory.subscriptions()["s"].management_groups == ("corp",)
    assert directory.rows(["u1", "u2"]) == {"u1": 7}


def test_accepting_a_scope_forgets_what_shrank_and_what_is_lost(store: Store) -> None:
    """An approval of the run that said so is the person's word."""
    directory = Directory(store, "c")
    directory.put_rows(fence(store), "u1", 7)
    directory._register().put_document("scope", {"subscriptions": ["a", "b"], "lost": ["b"]})
    directory.put_run_scope("r1", RunScope(found=("a",), lost=("b",), shrunk=("u1",)))
    assert directory.accept_scope("r1") == ("a",)
    assert directory.rows(["u1"]) == {}
    assert directory._register().document("scope") == {"subscriptions": ["a"], "lost": []}


def test_a_claim_is_taken_kept_released_and_lapses(store: Store) -> None:
    """One connection per subscription and instance; a removed connection holds nothing."""
    claims = Claims(store, "https://x.service-now.com")
    known = {"one", "two"}
    assert claims.take(["s"], "one", known) == {}
    assert claims.take(["s"], "two", known) == {"s": "one"}
    claims.release(["s"], "two")
    assert claims.take(["s"], "two", known) == {"s": "one"}
    assert Claims(store, "https://y.service-now.com").take(["s"], "two", known) == {}
    assert claims.take(["s"], "two", {"two"}) == {}
    claims.release(["s"], "two")
    assert claims.take(["s"], "one", known) == {}
