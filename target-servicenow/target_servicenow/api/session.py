"""One worker's session with ServiceNow: its credentials, and what the answers to calls mean."""

from __future__ import annotations

import typing as t

from target_servicenow.api.errors import (
    CLIENT_ERRORS,
    REDIRECTS,
    Action,
    LaterError,
    RefusedError,
    StopRunError,
)
from target_servicenow.api.oauth import TOKEN_PATH, ClientCredentials
from target_servicenow.api.wire import Connection, Reply, Wire

if t.TYPE_CHECKING:
    from target_servicenow.api.oauth import Authenticator
    from target_servicenow.stopping import Stop


class Session:
    """Calls to one instance, one after another, over one kept connection.

    ServiceNow runs the requests of one session one after another, so each worker has its own and
    cookies are not shared.

    Attributes:
        batch_limit_seconds: When the instance ends a Batch call.
        batch_refused: Whether the instance has refused the Batch API as such.
        calls_until_batch: Calls left until the Batch API is tried again.
    """

    def __init__(self, connection: Connection, authenticator: Authenticator) -> None:
        """Open nothing yet."""
        self._wire = Wire(connection)
        self.batch_limit_seconds = connection.batch_limit_seconds
        self._authenticator = authenticator
        self._stamp = ""
        self.batch_refused = False
        self.calls_until_batch = 0

    def renew(self) -> bool:
        """Drop the credentials of the last call; return whether there can be others."""
        return self._authenticator.renew(self._stamp)

    @property
    def calls(self) -> int:
        """The requests sent, retries included and token requests not."""
        return self._wire.sent

    @property
    def sent_at(self) -> float:
        """When the last request was sent, by `time.monotonic`."""
        return self._wire.sent_at

    @property
    def stop(self) -> Stop:
        """What ends the run."""
        return self._wire.stop

    def pause(self, number: int, later: LaterError) -> None:
        """Wait before the next of several attempts, the first of which is number 0.

        Raises:
            StopRunError: There have been max_retries repetitions.
            StoppedError: The run is ending.
        """
        self._wire.pause(number, later.verdict, later.wait)

    def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: bytes | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """Send one request and return its answer, whose verdict is OK, SPLIT, GONE, TAKEN or ROW.

        Whatever it raises but UnknownOutcomeError, a request that is not repeatable did nothing.

        Args:
            method: GET, POST or PATCH.
            path: The path from the instance's root with its query, percent-encoded.
            what: What is being done, such as ``reading proc_vendor``, for sentences.
            body: JSON, encoded.
            repeatable: Whether sending it twice does no harm. If not, an attempt that is to be
                repeated raises, since the caller may have to look or to note something first.

        Raises:
            LaterError: Not repeatable, and ServiceNow was busy; `pause` waits for it.
            RefusedError: ServiceNow answered with a refusal.
            StopRunError: The configuration or the connection is at fault.
            StoppedError: The run is ending.
            UnknownOutcomeError: Not repeatable, and it may have been done.
        """

        def attempt() -> Reply:
            request = self._wire.request(method, path, data=body)
            self._stamp = self._authenticator.apply(request)
            return self._wire.send(request, what)

        reply = self._wire.until_answered(attempt, repeatable=repeatable)
        if reply.verdict.action is Action.RENEW and self.renew():
            reply = self._wire.until_answered(attempt, repeatable=repeatable)
        action = reply.verdict.action
        if action in {Action.STOP, Action.DENIED} and reply.status in CLIENT_ERRORS:
            raise RefusedError(reply.verdict, reply.status)
        if action in {Action.RENEW, Action.STOP}:
            raise StopRunError(reply.verdict.sentence)
        return reply


def client_credentials(
    connection: Connection, *, client_id: str, client_secret: str
) -> ClientCredentials:
    """Return an authenticator that gets its tokens from this instance."""
    wire = Wire(connection)

    def fetch(form: dict[str, str]) -> tuple[int, t.Any]:
        def attempt() -> Reply:
            request = wire.request(
                "POST",
                TOKEN_PATH,
                data=form,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            return wire.send(request, "requesting a token")

        reply = wire.until_answered(attempt, repeatable=True)
        # No answer, and a retry would bring none; or one that leads to another address.
        if not reply.status or reply.status in REDIRECTS:
            raise StopRunError(reply.verdict.sentence)
        return reply.status, reply.body

    return ClientCredentials(fetch=fetch, client_id=client_id, client_secret=client_secret)
