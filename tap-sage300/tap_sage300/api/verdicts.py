"""What can go wrong between the tap and Sage 300: what to do about it, and the sentence to read.

Sage's own message is quoted after the sentence; a page, a password or a header never is.
"""

from __future__ import annotations

from tap_sage300.api.errors import (
    Action,
    CompanyError,
    NoAccessError,
    PageFailedError,
    QueryRefusedError,
    RightsError,
    ServerError,
    UnknownError,
    Verdict,
)

CREDENTIALS = Verdict(
    Action.STOP,
    "Sage 300 refused the user name or password for company {company} (HTTP {status}, tried once "
    "so that the account is not locked): check the settings username and password, and "
    "credential_case, now {credential_case}: upper suits Sage 300 before 2022.2 and simple "
    "passwords, upper_user or as_given the case-sensitive complex passwords since then; ADMIN may "
    "not use the Web API by default, and the user's security group needs the right 'Sage 300 Web "
    "API'",
    NoAccessError,
)
SIGN_ON_LOST = Verdict(
    Action.STRAY,
    "Sage 300 no longer accepts user {username} for company {company} (HTTP {status}, tries: "
    "{tries}), though it did earlier in this run: check whether the password was changed or the "
    "user locked meanwhile; what was read so far is kept",
    NoAccessError,
)
EXPIRED = Verdict(
    Action.STOP,
    "The password of user {username} has expired or must be changed (HTTP {status}, tried once so "
    "that the account is not locked): change it in Sage 300 and in the setting password",
    NoAccessError,
)
USER_LOCKED = Verdict(
    Action.STOP,
    "User {username} is locked or disabled in Sage 300 (HTTP {status}, tried once): have the "
    "user's account released there",
    NoAccessError,
)
NO_SEATS = Verdict(
    Action.RETRY,
    "All users that the licence of Sage 300 allows at once are signed on (HTTP {status}, tries: "
    "{tries}): run again when fewer are, or add LanPak users",
    NoAccessError,
)
NO_BASIC = Verdict(
    Action.STOP,
    "The web server at {api_url} offers only {offered} to sign on, not Basic, so that the password "
    "was not even checked (HTTP {status}): turn on Basic or anonymous authentication for the "
    "application Sage300WebApi in IIS",
    NoAccessError,
)
REDIRECTED = Verdict(
    Action.STOP,
    "The server at {api_url} redirects to {elsewhere} (HTTP {status}), where this tap sends "
    "nothing: if that address is right, use it in the setting api_url",
    NoAccessError,
)
LOCKED = Verdict(
    Action.RETRY,
    "Company {company} is locked or busy (HTTP {status} {code}, tries: {tries}): end what holds "
    "it, such as a day-end, a restore or other sessions of user {username}, and run again; what "
    "was read so far is kept",
    CompanyError,
)
RIGHTS = Verdict(
    Action.STRAY,
    "User {username} may not read {resource} in company {company} (HTTP {status}): tick the right "
    "'Sage 300 Web API' for module {module} in the user's security group; ADMIN is refused by "
    "default",
    RightsError,
)
RIGHTS_PAGE = Verdict(
    Action.STOP,
    "The web server refused {resource} in company {company} with a page of its own (HTTP "
    "{status}): tick the right 'Sage 300 Web API' for module {module} in the security group of "
    "user {username}, or have IIS allow this machine (IP address restrictions)",
    RightsError,
)
LIMITED = Verdict(
    Action.RETRY,
    "The server keeps limiting requests when {resource} of company {company} is read (HTTP "
    "{status} {code}, tries: {tries}): raise min_call_interval_ms, or have the limit raised (IIS "
    "Dynamic IP Restrictions, sessions of user {username}); what was read so far is kept",
    ServerError,
)
UNKNOWN = Verdict(
    Action.STRAY,
    "Sage 300 has no {module}/{resource} for company {company} (HTTP {status}): check that the "
    "setting companies holds company database IDs such as SAMINC, and that module {module} is "
    "active there",
    UnknownError,
)
NO_WEB_API = Verdict(
    Action.STRAY,
    "The server at {api_url} answers, but not as the Sage 300 Web API for company {company} "
    "(HTTP {status}): check the settings api_url and companies",
)
QUERY = Verdict(
    Action.STOP,
    "Sage 300 refused the query for {resource} of company {company} (HTTP {status} {code}): if a "
    "date is the cause, set date_literal to plain, quoted, v3 or date",
    QueryRefusedError,
)
QUERY_PAGE = Verdict(
    Action.STRAY,
    "The web server refused the query for {resource} of company {company} with a page of its own "
    "(HTTP {status}): check the setting api_url, and what a proxy or IIS request filtering says",
    QueryRefusedError,
)
TOO_LONG = Verdict(
    Action.STOP,
    "The query for {resource} of company {company} is too long for IIS (HTTP {status}): raise "
    "maxQueryString and maxUrl in its request filtering, or deselect fewer properties",
    QueryRefusedError,
)
BUSY = Verdict(
    Action.RETRY,
    "Sage 300 keeps answering HTTP {status} {code} when {resource} of company {company} is read "
    "(tries: {tries}): run again later; what was read so far is kept",
    ServerError,
)
FAILING = Verdict(BUSY.action, BUSY.sentence, PageFailedError)
OVERLOADED = Verdict(
    Action.SHRINK,
    "Sage 300 could not serve {resource} of company {company}, even in smaller pages "
    "(HTTP {status}, tries: {tries}): check its IIS application pool and run again; what was read "
    "so far is kept",
    ServerError,
)
UNEXPECTED = Verdict(
    Action.STOP,
    "Sage 300 answered HTTP {status} {code} when {resource} of company {company} was read, which "
    "this tap does not expect: check the setting api_url and the server's log",
)
GARBLED = Verdict(
    Action.RETRY,
    "The answer for {resource} of company {company} is not what the Sage 300 Web API sends "
    "(HTTP {status}, tries: {tries}): check the setting api_url, and whether a proxy or a sign-on "
    "page answers instead",
    PageFailedError,
)
EXHAUSTED = Verdict(
    Action.REST,
    "The IIS application pool of Sage 300 at {api_url} is exhausted or stopped and still answered "
    "HTTP {status} for {resource} of company {company} after {tries} tries: lower "
    "max_calls_per_run, now {max_calls_per_run}, or have the pool checked; what was read so far "
    "is kept",
    NoAccessError,
)
SLOW = Verdict(
    Action.SHRINK,
    "Sage 300 did not answer in time for {resource} of company {company}, even in smaller pages "
    "(tries: {tries}): raise read_timeout_seconds, lower max_calls_per_run (now "
    "{max_calls_per_run}) if its IIS application pool is exhausted, or check the server's load; "
    "what was read so far is kept",
    ServerError,
)
LARGE = Verdict(
    Action.SHRINK,
    "An answer for {resource} of company {company} is larger than 256 MiB, even in smaller pages "
    "(tries: {tries}): check what answers at {api_url}; what was read so far is kept",
    ServerError,
)
UNREACHABLE = Verdict(
    Action.RETRY,
    "Sage 300 cannot be reached at {api_url} (tries: {tries}): check the setting api_url, the "
    "network and that IIS is running on the server",
    NoAccessError,
)
BROKEN = Verdict(
    Action.RETRY,
    "The connection to {api_url} keeps breaking while {resource} of company {company} is read "
    "(tries: {tries}): check the network and run again; what was read so far is kept",
    ServerError,
)
PROXY = Verdict(
    Action.RETRY,
    "The proxy named in the environment (HTTP_PROXY, HTTPS_PROXY) does not connect to {api_url} "
    "(tries: {tries}): correct it, or list the host in NO_PROXY",
    NoAccessError,
)
PROXY_SIGN_ON = Verdict(
    Action.STOP,
    "The proxy on the way to {api_url} wants a sign-on of its own (HTTP 407): give its user and "
    "password in HTTP_PROXY and HTTPS_PROXY, or list the host in NO_PROXY",
    NoAccessError,
)
CERTIFICATE = Verdict(
    Action.STOP,
    "The certificate of {api_url} is not trusted: set ca_bundle to the PEM file of the authority "
    "that signed it (verify_ssl false turns the check off, for a trial only)",
    NoAccessError,
)
TLS = Verdict(
    Action.RETRY,
    "The TLS handshake with {api_url} failed (tries: {tries}): check that the address speaks "
    "https, and the settings ca_bundle and verify_ssl",
    NoAccessError,
)
ADDRESS = Verdict(
    Action.STOP,
    "The address {api_url} cannot be used: check the setting api_url",
    NoAccessError,
)
