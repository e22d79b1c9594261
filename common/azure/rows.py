"""Rows of our Resource Graph queries, and their decoding: fast as a page, patient with single rows."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")


class AssessmentRow(msgspec.Struct, gc=False):
    """A row of `kql.ASSESSMENTS`; anything may be missing."""

    id: str | None = None
    name: str | None = None
    subscriptionId: str | None = None  # noqa: N815 - Azure's column
    resourceGroup: str | None = None  # noqa: N815 - Azure's column
    code: str | None = None
    cause: str | None = None
    risk: str | None = None
    title: str | None = None
    severity: str | None = None
    source: str | None = None
    resourceId: str | None = None  # noqa: N815 - Azure's column
    resourceType: str | None = None  # noqa: N815 - Azure's column
    resourceName: str | None = None  # noqa: N815 - Azure's column
    account: str | None = None
    connectorId: str | None = None  # noqa: N815 - Azure's column


class CountRow(msgspec.Struct):
    """A row of `kql.ASSESSMENT_COUNTS`."""

    subscriptionId: str  # noqa: N815 - Azure's column
    rows: int


class TagsRow(msgspec.Struct):
    """A row of `kql.tags_by_id`."""

    id: str
    tags: dict[str, str | None] | None = None


class Ancestor(msgspec.Struct):
    """A management group above a subscription, the nearest first."""

    name: str = ""
    displayName: str | None = None  # noqa: N815 - Azure's key


class SubscriptionRow(msgspec.Struct):
    """A row of `kql.SUBSCRIPTIONS`."""

    id: str
    subscriptionId: str  # noqa: N815 - Azure's column
    name: str | None = None
    tenantId: str | None = None  # noqa: N815 - Azure's column
    state: str | None = None
    ancestors: list[Ancestor] | None = None
    tags: dict[str, str | None] | None = None


class GraphBody(msgspec.Struct, Generic[T]):
    """Resource Graph's answer; `resultTruncated` is the text "true" or "false" (defender-api 3.1)."""

    data: list[T]
    totalRecords: int = -1  # noqa: N815 - Azure's key
    count: int = -1
    resultTruncated: str | bool = "false"  # noqa: N815 - Azure's key
    skip_token: str | None = msgspec.field(name="$skipToken", default=None)

    @property
    def truncated(self) -> bool:
        return str(self.resultTruncated).lower() == "true"


@cache
def _row_decoders(row_type: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(row_type)


def decode_row(content: msgspec.Raw, row_type: type[T]) -> T:
    """One row, keys whatever their case. Raises msgspec.ValidationError where it is none."""
    try:
        row: T = _row_decoders(cast("Hashable", row_type)).decode(content)
    except msgspec.ValidationError:
        return _row(msgspec.json.decode(content), row_type)
    return row if getattr(row, "id", "") is not None else _row(msgspec.json.decode(content), row_type)


@cache
def _decoders(row_type: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(GraphBody[row_type])  # type: ignore[valid-type]


_raw_decoder = msgspec.json.Decoder(GraphBody[msgspec.Raw])


def decode_body(content: bytes, row_type: type[T]) -> tuple[GraphBody[T], Sequence[str]]:
    """The answer and, one sentence each, the rows that are none.

    Raises msgspec.DecodeError for broken JSON, msgspec.ValidationError where the whole is of another shape.
    """
    try:
        decoder = _decoders(cast("Hashable", row_type))
        body: GraphBody[T] = decoder.decode(content)
    except msgspec.ValidationError:
        return _patiently(content, row_type)
    if body.data and getattr(body.data[0], "id", "") is None:  # keys in another letter case
        return _patiently(content, row_type)
    return body, ()


def _patiently(content: bytes, row_type: type[T]) -> tuple[GraphBody[T], Sequence[str]]:
    """Row by row, keys whatever their case (defender-api 0#6), numbers as text where text is wanted."""
    raw = _raw_decoder.decode(content)
    rows: list[T] = []
    malformed: list[str] = []
    for number, item in enumerate(raw.data):
        try:
            rows.append(_row(msgspec.json.decode(item), row_type))
        except msgspec.ValidationError as error:
            malformed.append(f"row {number}: {error}")
    body = GraphBody(rows, raw.totalRecords, raw.count, raw.resultTruncated, raw.skip_token)
    return body, tuple(malformed)


def _row(item: Any, row_type: type[T]) -> T:
    if not isinstance(item, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(item).__name__}`")
    wanted = {field.encode_name.lower(): field for field in msgspec.structs.fields(row_type)}  # type: ignore[arg-type]
    named = {wanted[key.lower()].encode_name: value for key, value in item.items() if key.lower() in wanted}
    try:
        return msgspec.convert(named, row_type)
    except msgspec.ValidationError:
        plain = {key: str(value) if isinstance(value, int | float) else value for key, value in named.items()}
        return msgspec.convert(plain, row_type, strict=False)
