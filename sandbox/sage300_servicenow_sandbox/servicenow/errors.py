"""The failures, as a table: the status and the words ServiceNow answers with.

The texts are recorded from real instances unless noted otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """A kind of failure.

    Attributes:
        status: The HTTP status.
        message: The message; names in braces are filled in when it is raised.
        detail: The detail, likewise.
    """

    status: int
    message: str
    detail: str | None


NOT_AUTHENTICATED = Failure(401, "User Not Authenticated", "Required to provide Auth information")
INVALID_TABLE = Failure(400, "Invalid table {table}", None)
NO_RECORD = Failure(
    404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
)
TOO_LARGE = Failure(
    400,
    "Exception while reading request",
    "Rejected large REST payload with content-length = {size} bytes. Max allowed: {limit} bytes.",
)
ACL = Failure(
    403,
    "Operation Failed",
    "ACL Exception {operation} Failed due to security constraints",
)
MANDATORY = Failure(
    403,
    "Operation Failed",
    "Data Policy Exception: The following fields are mandatory: {labels}",
)
QUERY_ACL = Failure(
    403,
    "Insufficient rights to query records",
    "Field(s) present in the query do not have permission to be read",
)
BUSINESS_RULE = Failure(
    403,
    "Operation Failed",
    "Operation against file '{table}' was aborted by Business Rule '{rule}^{sys_id}'."
    " Business Rule Stack:{rule}",
)
CANCELLED = Failure(
    500,
    "Transaction cancelled: maximum execution time exceeded",
    "Transaction cancelled: maximum execution time exceeded Check logs for error trace or enable"
    " glide.rest.debug property to verify REST request processing",
)
RATE_LIMIT = Failure(
    429, "Rate limit exceeded", "Rate limit of {limit} requests per hour for {api} exceeded"
)
# Documented for duplicates in general; that a sys_id sent twice, text that is too long and, for
# updates, duplicates end here is an assumption.
WRITE_FAILED = Failure(403, "Operation Failed", "Error during {operation} of {table} ({display})")

# The statuses below are documented, the words are not, or only the detail's.
API_ACL = Failure(403, "User Not Authorized", "Failed API level ACL Validation")
OVERLOADED = Failure(
    429, "Too many requests", "The semaphores of API_INT are taken and their queue is full"
)
UNKNOWN_RESOURCE = Failure(400, "Requested URI does not represent any resource: {path}", None)
METHOD = Failure(405, "Method not supported", "{method} is not supported on {path}")
MISSING_HEADER = Failure(
    400, "Exception while reading request", "A write needs both an Accept and a Content-Type header"
)
NOT_ACCEPTABLE = Failure(
    406, "Requested response type not supported", "Accept must allow application/json"
)
UNSUPPORTED_TYPE = Failure(
    415, "Unsupported media type requested", "Content-Type must be application/json"
)
UNREADABLE_BODY = Failure(400, "Exception while reading request", "Cannot decode: {reason}")
BAD_PARAMETER = Failure(400, "Invalid query parameter", "{reason}")
BAD_ITEM = Failure(400, "Invalid request in batch", "{reason}")


class ApiError(Exception):
    """A call, or one item of a batch, fails as on a real instance."""

    def __init__(self, failure: Failure, **values: object) -> None:
        """Fill the failure's texts in with `values`."""
        self.status = failure.status
        self.message = failure.message.format(**values)
        self.detail = failure.detail and failure.detail.format(**values)
        super().__init__(self.detail or self.message)

    def body(self) -> dict[str, object]:
        """Return the JSON body every failure has."""
        return {"error": {"message": self.message, "detail": self.detail}, "status": "failure"}
