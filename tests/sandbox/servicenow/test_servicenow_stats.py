"""The Aggregate API, against the shapes that were recorded."""

import pytest

STATS = "/api/now/stats/sn_apo_invoice"


@pytest.fixture
def invoices(instance):
    vendor = instance.app.insert("proc_vendor", {"name": "Alpha Paper"})["sys_id"]
    for number, currency, total, tax, owner in (
        ("I1", "EUR", "0.1", "0.01", vendor),
        ("I2", "EUR", "0.2", "", vendor),
        ("I3", "USD", "90071992547409.915", "1", ""),
        ("I4", "USD", "-1", "", ""),
    ):
        instance.app.insert(
            "sn_apo_invoice",
            {
                "invoice_number": number,
                "currency": currency,
                "total_amount": total,
                "tax_amount": tax,
                "vendor": owner,
            },
        )
    return vendor


def figures(instance, path=STATS, **params):
    query = {f"sysparm_{name}": value for name, value in params.items()}
    response = instance.call("GET", path, params=query)
    assert response.status_code == 200, response.text
    return response.json()["result"]


@pytest.mark.parametrize("version", ["", "v1/", "v2/"])
def test_a_count_of_nothing_has_the_recorded_shape(instance, version):
    path = f"/api/now/{version}stats/sn_apo_invoice"
    assert figures(instance, path, count="true") == {"stats": {"count": "0"}}


@pytest.mark.usefixtures("invoices")
def test_counts_and_exact_sums(instance):
    fields = "total_amount,tax_amount"
    assert figures(instance, count="true", sum_fields=fields) == {
        "stats": {
            "count": "4",
            "sum": {"total_amount": "90071992547409.215", "tax_amount": "1.01"},
        }
    }
    assert figures(instance, sum_fields="total_amount", query="currency=EUR") == {
        "stats": {"sum": {"total_amount": "0.3"}}
    }
    assert figures(instance, sum_fields="total_amount", query="currency=GBP") == {
        "stats": {"sum": {"total_amount": "0"}}
    }
    groups = figures(instance, count="true", group_by="invoice_number")
    values = [group["groupby_fields"][0]["value"] for group in groups]
    assert values == ["I1", "I2", "I3", "I4"]


def test_groups_have_the_recorded_shape(instance, invoices):
    assert figures(instance, count="true", sum_fields="total_amount", group_by="currency") == [
        {
            "stats": {"count": "2", "sum": {"total_amount": "0.3"}},
            "groupby_fields": [{"value": "EUR", "field": "currency"}],
        },
        {
            "stats": {"count": "2", "sum": {"total_amount": "90071992547408.915"}},
            "groupby_fields": [{"value": "USD", "field": "currency"}],
        },
    ]
    two = figures(instance, count="true", group_by="vendor,currency", query="state=open")
    assert [
        ([pair["value"] for pair in group["groupby_fields"]], group["stats"]["count"])
        for group in two
    ] == [(["", "USD"], "2"), ([invoices, "EUR"], "2")]
    [none, alpha] = figures(instance, count="true", group_by="vendor.name")
    assert none["groupby_fields"] == [{"value": "", "field": "vendor.name"}]
    assert alpha["groupby_fields"] == [{"value": "Alpha Paper", "field": "vendor.name"}]
    assert figures(instance, count="true", group_by="currency", query="state=posted") == []


@pytest.mark.usefixtures("invoices")
def test_fields_that_do_not_exist_are_ignored_and_widen_the_query(instance):
    assert figures(instance, count="true", sum_fields="no_such", group_by="no_such") == {
        "stats": {"count": "4"}
    }
    assert figures(instance, count="true", query="no_such=1") == {"stats": {"count": "4"}}
    assert figures(instance, f"{STATS}?currency=USD", count="true") == {"stats": {"count": "2"}}
    assert figures(instance) == {"stats": {}}


@pytest.mark.usefixtures("invoices")
def test_figures_as_an_item_of_a_batch(instance):
    item = instance.item("1", "GET", f"{STATS}?sysparm_count=true")
    [serviced] = instance.batch(item)["serviced_requests"]
    assert instance.opened(serviced) == {"result": {"stats": {"count": "4"}}}


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/now/stats/no_such", 400, "Invalid table no_such"),
        ("POST", STATS, 405, "POST"),
        ("GET", f"{STATS}?sysparm_avg_fields=total_amount", 400, "sysparm_avg_fields"),
        ("GET", f"{STATS}?sysparm_having=count^state^>^1", 400, "sysparm_having"),
    ],
)
def test_figures_that_are_not_available(instance, method, path, status, words):
    response = instance.call(method, path, json={})
    assert response.status_code == status
    assert response.json()["status"] == "failure"
    assert words in response.text


@pytest.mark.usefixtures("invoices")
def test_figures_need_read_access_to_every_row(instance):
    rule = {"table": "sn_apo_invoice", "operation": "read"}
    for when, status in (("", 403), ("currency=USD", 403), ("currency=GBP", 200)):
        instance.app.behave(access=[{**rule, "when": when}])
        assert instance.call("GET", f"{STATS}?sysparm_count=true").status_code == status
    instance.app.behave(access=[{**rule, "column": "total_amount"}])
    fields = "total_amount,tax_amount"
    assert figures(instance, sum_fields=fields) == {"stats": {"sum": {"tax_amount": "1.01"}}}
