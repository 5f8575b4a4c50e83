"""What goes wrong on the way, on demand; and the server as a process."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import stripe

from strict_stripe import StripeServer, StripeServerError

from .common import charge, client_of, new_card, saved_card


def test_answer_may_be_lost_after_execution(server, client):
    card = saved_card(client)
    server.drop("POST", "/v1/payment_intents", executed=True)
    with pytest.raises(stripe.APIConnectionError):
        charge(client, card, key="k")
    assert server.totals()["eur"]["charged"] == 1000
    assert server.requests("POST", "/v1/payment_intents")[0]["status"] is None
    assert charge(client, card, key="k").status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_faults_match_method_path_and_count(server, client):
    server.fail(500, "POST", "/v1/customers", count=2)
    card = new_card(client)
    assert client.payment_methods.retrieve(card.id).id == card.id
    assert client.customers.list().data == []
    for _ in "ab":
        with pytest.raises(stripe.APIError):
            client.customers.create()
    assert client.customers.create().id
    server.fail(500, "*", "/v1/")
    server.clear_faults()
    assert client.customers.list().data


@pytest.mark.parametrize("executed", [False, True])
def test_slow_answer_may_or_may_not_have_been_executed(server, client, executed):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents", executed=executed)
    hasty = client_of(server, timeout=(60, 0.2))
    with pytest.raises(stripe.APIConnectionError):
        charge(hasty, card, key="k")
    hold.wait()
    assert bool(server.totals()) is executed


def test_client_may_die_while_its_request_is_under_way(server, client):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents")
    code = (
        "import stripe; stripe.StripeClient({key!r}, base_addresses={{'api': {url!r}}})"
        ".v1.payment_intents.create({params!r}, {{'idempotency_key': 'k'}})"
    )
    params = {"amount": 1000, "currency": "eur", "customer": card.customer}
    params.update(payment_method=card.id, allowed_payment_method_types=["card"])
    params.update(off_session=True, confirm=True)
    values = {"key": server.secret_key, "url": server.url, "params": params}
    process = subprocess.Popen([sys.executable, "-c", code.format(**values)])
    hold.wait()
    process.kill()
    process.wait()
    assert server.totals() == {}
    hold.release()
    # Stripe has not heard of the death: the money is taken, once.
    seen = client.payment_intents.create(params, {"idempotency_key": "k"})
    assert seen.status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_server_goes_down_and_comes_back(server, client):
    card = saved_card(client)
    with server.down():
        # The connection that the client keeps open is gone too.
        with pytest.raises(stripe.APIConnectionError):
            charge(client, card)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(server.url).port))
    assert charge(client, card).status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_requests_are_logged(server, client):
    client.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    (entry,) = server.requests("POST", "/v1/customers")
    assert entry["params"] == {"name": "Ada"}
    assert (entry["idempotency_key"], entry["status"]) == ("k", 200)


def test_reset_forgets_everything(server, client):
    card = saved_card(client)
    charge(client, card, key="k")
    server.fail()
    server.add_webhook("http://127.0.0.1:9/")
    server.reset()
    assert not any(server.store().values())
    assert server.requests() == server.events() == []
    again = saved_card(client)
    assert charge(client, again, key="k").status == "succeeded"


def test_reset_abandons_what_is_under_way(server, client):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents")
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(charge, client, card)
        hold.wait()
        server.reset()
        with pytest.raises(stripe.APIConnectionError):
            lost.result()
    assert not any(server.store().values())


def test_two_servers_are_strangers(server, client):
    with StripeServer() as other:
        client.customers.create()
        assert other.store()["customers"] == []
        assert other.url != server.url


def test_server_ends_with_its_starter_however_that_ends():
    code = (
        "import os; from strict_stripe import StripeServer; "
        "server = StripeServer(); server.start(); "
        "print(server.url, flush=True); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    port = urlsplit(started.stdout.decode().strip()).port
    deadline = time.monotonic() + 60
    while is_open("127.0.0.1", port):
        assert time.monotonic() < deadline, "it outlives its starter"
        time.sleep(0.02)


def test_server_listens_on_this_machine_only(server):
    port = urlsplit(server.url).port
    assert is_open("127.0.0.1", port)
    # The same machine by another of its names.
    assert not is_open("127.0.0.2", port)


def is_open(host, port):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_controller_loads_nothing_of_the_server():
    code = (
        "import sys, strict_stripe; "
        "print({'localstripe', 'aiohttp', 'stripe'} & set(sys.modules))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert loaded.strip() == "set()"


def test_unknown_command_or_object_is_told(server):
    with pytest.raises(StripeServerError, match="No such charge"):
        server.dispute("ch_unknown")
    with pytest.raises(StripeServerError, match="no decline"):
        server.decline_next("bad_mood")
