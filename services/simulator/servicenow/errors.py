"""ServiceNow's error bodies, byte for byte as measured (servicenow-api 1.6)."""

import json


class ApiError(Exception):
    """An answer with ServiceNow's error envelope. `bare` leaves out `status`, as ACL exceptions do."""

    def __init__(self, status: int, message: str, detail: str | None = None, *, bare: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail
        self.bare = bare
        self.headers: dict[str, str] = {}

    def body(self) -> bytes:
        """The JSON envelope."""
        envelope: dict[str, object] = {"error": {"message": self.message, "detail": self.detail}}
        if not self.bare:
            envelope["status"] = "failure"
        return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def invalid_table(name: str) -> ApiError:
    return ApiError(400, f"Invalid table {name}", f"Table {name} does not exist")


def unknown_path() -> ApiError:
    return ApiError(400, "Requested URI does not represent any resource")


def unauthenticated() -> ApiError:
    return ApiError(401, "User Not Authenticated", "Required to provide Auth information")


def query_forbidden() -> ApiError:
    return ApiError(403, "Insufficient rights to query records")


def field_query_forbidden() -> ApiError:
    return ApiError(403, "Field(s) present in the query do not have permission to be read")


def acl_exception(operation: str) -> ApiError:
    """`operation` is Insert, Update or Delete."""
    return ApiError(
        403,
        "Operation Failed",
        f"ACL Exception {operation} Failed due to security constraints",
        bare=True,
    )


def no_record() -> ApiError:
    return ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def data_policy(labels: list[str]) -> ApiError:
    fields = ", ".join(labels)
    return ApiError(
        403, "Operation Failed", f"Data Policy Exception: The following fields are mandatory: {fields}"
    )


def aborted_by_rule(table: str, rule: str, rule_id: str) -> ApiError:
    return ApiError(
        403,
        "Operation Failed",
        f"Operation against file '{table}' was aborted by Business Rule '{rule}^{rule_id}'. "
        f"Business Rule Stack:{rule}",
    )


def insert_failed(table: str, display: str) -> ApiError:
    return ApiError(403, "Operation Failed", f"Error during insert of {table} ({display})")


def too_large(length: int, limit: int) -> ApiError:
    return ApiError(
        400,
        "Exception while reading request",
        f"Rejected large REST payload with content-length = {length} bytes. Max allowed: {limit} bytes.",
    )


def unreadable(detail: str) -> ApiError:
    return ApiError(400, "Exception while reading request", detail)
