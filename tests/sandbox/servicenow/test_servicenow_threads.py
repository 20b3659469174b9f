"""Several clients at once, and the file that outlives the instance."""

from concurrent.futures import ThreadPoolExecutor

import requests

CLIENTS = 6
ROWS = 60
TABLE = "/api/now/table/cmn_cost_center"


def test_concurrent_clients_lose_nothing(instance):
    shared = instance.app.insert("cmn_cost_center", {"name": "Shared"})["sys_id"]

    def write(client):
        statuses = set()
        with requests.Session() as session:
            session.auth = instance.session.auth
            session.headers.update(instance.session.headers)
            for start in range(0, ROWS, 20):
                items = [
                    instance.item(f"{n}", "POST", TABLE, {"name": f"{client}/{n}", "code": client})
                    for n in range(start, start + 20)
                ]
                items.append(
                    instance.item("s", "PATCH", f"{TABLE}/{shared}", {"code": f"{client}.{start}"})
                )
                answer = session.post(
                    f"{instance.url}/api/now/v1/batch",
                    json={"batch_request_id": "1", "rest_requests": items},
                    timeout=30,
                ).json()
                statuses |= {item["status_code"] for item in answer["serviced_requests"]}
                mine = session.get(
                    f"{instance.url}{TABLE}", params={"sysparm_query": f"code={client}"}, timeout=30
                )
                assert len(mine.json()["result"]) == start + 20
        return statuses

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert set.union(*pool.map(write, map(str, range(CLIENTS)))) == {200, 201}
    rows = instance.app.rows("cmn_cost_center")
    assert sorted(row["name"] for row in rows) == sorted(
        ["Shared", *(f"{client}/{n}" for client in range(CLIENTS) for n in range(ROWS))]
    )
    [touched] = [row for row in rows if row["sys_id"] == shared]
    assert touched["sys_mod_count"] == str(CLIENTS * ROWS // 20)


def test_rows_outlive_the_instance(open_instance):
    first = open_instance()
    row = first.insert("proc_vendor", {"name": "Copper Works"})
    described = first.rows("sys_dictionary")
    first.close()
    second = open_instance()
    assert second.rows("proc_vendor") == [row]
    assert second.rows("sys_dictionary") == described
    second.reset()
    assert second.rows("proc_vendor") == []
    assert second.rows("sys_dictionary") == described
    second.close()
