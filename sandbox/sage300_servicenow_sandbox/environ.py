"""Names under which a request's WSGI environment carries what happens to it on its way."""

from __future__ import annotations

import typing as t

# Set by the serving side: how many requests of this side are running, this one included.
IN_PROGRESS: t.Final = "sandbox.in_progress"
# Set where a fault was injected: its name, and the status the application itself answered with.
FAULT: t.Final = "sandbox.fault"
APP_STATUS: t.Final = "sandbox.app_status"
# Set where an answer is to be sent otherwise than whole and at once: a Delivery.
DELIVERY: t.Final = "sandbox.delivery"
