"""``--test``: the checklist that a person reads."""

from __future__ import annotations

import socket

import pytest

from tap_sage300.streams import STREAMS

SITE = {"companies": ["SAMINC", "SAMLTD"]}
WANTED = {stream.entity.module for stream in STREAMS if stream.selected_by_default}
OTHER_MODULES = {
    stream.entity.module: stream.entity.name
    for stream in reversed(STREAMS)
    if stream.entity.module not in WANTED
}
SMALL = {"page_size": 10, "document_page_size": 3}


@pytest.fixture
def check(helpers, tmp_path):
    def run(config):
        result = helpers.run("--test", config=config, folder=tmp_path)
        assert "Traceback" not in result.stderr
        return result.returncode, result.stdout.splitlines(), result.stderr

    return run


def test_a_good_site(site, served, check):
    budget = 6 + len(OTHER_MODULES)
    code, lines, log = check({**site.config, **SITE, **SMALL, "max_calls_per_run": 2 * budget})
    port = site.url.split(":")[2].split("/")[0]
    assert code == 0
    assert "ERROR" not in log
    assert lines[:6] == [
        "ok       The address of 127.0.0.1 is 127.0.0.1",
        f"ok       Connected to http://127.0.0.1:{port}/Sage300WebApi, without TLS",
        "ok       Signed on as INTEGRATION",
        "ok       SAMINC: GLAccounts has 40 rows, about 5 calls",
        "ok       SAMINC: APVendors has 50 rows, about 6 calls",
        "ok       SAMINC: APInvoiceBatches has 12 rows, about 5 calls",
    ]
    for module, stream in OTHER_MODULES.items():
        found = f"ok       SAMINC: module {module} can be read, too" in lines
        assert found is (stream in served)
    runs = -(-32 // (2 * budget))
    assert lines[-2] == (
        f"ok       A first load is 204 rows in about 32 calls: {runs} runs of at most {2 * budget} "
        "calls (max_calls_per_run)"
    )
    assert lines[-1].endswith(", 0 errors")
    assert site.calls() == 2 * (3 + len(OTHER_MODULES))


def test_a_budget_smaller_than_the_check(site, check):
    code, lines, _log = check({**site.config, "max_calls_per_run": 2})
    assert code == 0
    assert lines[-2:] == [
        "warning  The calls of one run (max_calls_per_run) end here",
        "6 checks: 5 ok, 1 warning, 0 errors",
    ]
    assert site.calls() == 2


def test_a_refused_password_is_tried_once(site, check):
    code, lines, log = check({**site.config, **SITE, "password": "wrong", "max_retries": 5})
    assert code == 1
    assert len(lines) == 3
    assert lines[1].startswith(
        "error    Sage 300 refused the user name or password for company SAM"
    )
    assert lines[2] == "2 checks: 1 ok, 0 warnings, 1 error"
    assert "ERROR" not in log
    assert site.control.counters()["sage300"]["by_status"] == {"401": 1}


def test_a_right_missing_in_one_module_of_one_company(site, check):
    site.behave(forbidden_modules={"SAMLTD": ["GL", "IC"]})
    code, lines, _log = check({**site.config, **SITE})
    assert code == 1
    (error,) = [line for line in lines if line.startswith("error")]
    assert error.startswith("error    User integration may not read GLAccounts in company SAMLTD")
    assert "for module GL in the user's security group" in error
    assert not [line for line in lines if "A first load" in line]
    (warning,) = [line for line in lines if "module IC in" in line]
    assert warning.startswith("warning  User integration may not read ICItems in company SAMLTD")
    assert "ok       SAMLTD: APVendors has 50 rows, about 1 call" in lines


def test_an_unknown_company(site, check):
    code, lines, _log = check({**site.config, "companies": ["SAMINC", "NOWHRE"]})
    assert code == 1
    assert len([line for line in lines if line.startswith("error")]) == 1
    assert not [line for line in lines if "A first load" in line]
    assert "check that the setting companies holds company database IDs" in "".join(lines)


REFUSED = {
    "right": (lambda h: h.refusal(403, "Forbidden", ""), (
        "User reader may not read GLAccounts in company SAMINC (HTTP 403): tick the right 'Sage "
        "300 Web API' for module GL in the user's security group; ADMIN is refused by default"
    )),
    "page": (lambda h: h.Response("<html>hello</html>", 200), (
        "The answer for GLAccounts of company SAMINC is not what the Sage 300 Web API sends (HTTP "
        "200, tries: 1): check the setting api_url, and whether a proxy or a sign-on page answers "
        "instead"
    )),
    "404": (lambda h: h.Response("<html>Not Found</html>", 404), (
        "The server at URL answers, but not as the Sage 300 Web API for company SAMINC (HTTP 404): "
        "check the settings api_url and companies"
    )),
    "locked": (lambda h: h.refusal(403, "Forbidden", "Company database SAMINC is locked."), (
        "Company SAMINC is locked or busy (HTTP 403 Forbidden, tries: 1): end what holds it, such "
        "as a day-end, a restore or other sessions of user reader, and run again; what was read so "
        'far is kept; Sage 300 says "Company database SAMINC is locked."'
    )),
    "seats": (lambda h: h.refusal(403, "Forbidden", "LanPak: no more users."), (
        "All users that the licence of Sage 300 allows at once are signed on (HTTP 403, tries: 1): "
        'run again when fewer are, or add LanPak users; Sage 300 says "LanPak: no more users."'
    )),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "error"), REFUSED.values(), ids=REFUSED)
def test_no_sign_on_is_claimed_and_one_cause_is_told_once(  # noqa: PLR0917
    fake, fake_config, helpers, check, answer, error
):
    """Kind: --test says yes when the answer is no."""
    fake.answer = lambda _request: answer(helpers)
    code, lines, _log = check(fake_config)
    assert code == 1
    assert not [line for line in lines if line.startswith("ok       Signed on")]
    assert not [line for line in lines if line.startswith("ok       Connected")]
    assert not [line for line in lines if "A first load" in line]
    failed = [line for line in lines if line.startswith("error")]
    text = failed[0].removeprefix("error    ").replace(fake.url, "URL")
    assert text == error
    modules = 2 if "may not read" in error else 1  # a right is missing in each module
    assert len(failed) == modules


def test_a_server_without_a_count(fake, fake_config, helpers, check):
    """Kind: a server that does not announce how many rows there are."""
    fake.answer = lambda _request: helpers.page([])
    code, lines, _log = check(fake_config)
    assert code == 0
    assert (
        "warning  SAMINC: APVendors can be read, but the server does not say how many rows it has "
        "(@odata.count): a read cannot be checked against it, nor its calls estimated"
    ) in lines
    assert not [line for line in lines if "A first load" in line]


@pytest.mark.parametrize(
    ("case", "user"), [("upper", "READER"), ("upper_user", "READER"), ("as_given", "reader")]
)
def test_the_user_is_shown_as_it_is_sent(fake, fake_config, helpers, check, case, user):  # noqa: PLR0917
    fake.answer = lambda _request: helpers.page([], count=0)
    _code, lines, _log = check({**fake_config, "credential_case": case})
    assert lines[2] == f"ok       Signed on as {user}"


def test_an_unreachable_host(fake_config, check):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/Sage300WebApi"
    code, lines, _log = check({**fake_config, "api_url": url, "max_retries": 5})
    assert code == 1
    (line,) = lines[1:-1]
    assert line == (
        f"error    Sage 300 cannot be reached at {url} (tries: 1): check the setting api_url, the "
        "network and that IIS is running on the server"
    )


def test_an_unknown_host_name(fake_config, check):
    url = "http://sage.invalid/Sage300WebApi"
    code, lines, _log = check({**fake_config, "api_url": url})
    assert code == 1
    assert lines == [
        (
            "error    The name sage.invalid is not known: check the setting api_url and this "
            "machine's DNS"
        ),
        "1 check: 0 ok, 0 warnings, 1 error",
    ]


def test_a_proxy_is_named_without_its_password(site, check, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://somebody:hidden@127.0.0.1:1")
    code, lines, log = check({**site.config, "api_url": "http://sage.invalid/Sage300WebApi"})
    assert code == 1
    assert (
        lines[0] == "ok       The proxy 127.0.0.1 of the environment is used to reach sage.invalid"
    )
    assert lines[1].startswith("error    The proxy named in the environment")
    assert "hidden" not in "".join(lines) + log


def test_a_missing_setting_is_one_sentence(fake_config, check):
    config = {name: value for name, value in fake_config.items() if name != "companies"}
    code, lines, log = check(config)
    assert (code, lines) == (1, [])
    assert "The setting companies is missing: " in log
