"""A server for all tests, emptied for each."""

from threading import Thread

import pytest
import requests

from strict_stripe import StripeServer

from .common import OLD_VERSION, PATIENCE, Merchant, client_of


@pytest.fixture(scope="session")
def running():
    with StripeServer() as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    yield running
    running.check()


@pytest.fixture
def client(server):
    return client_of(server)


@pytest.fixture
def http(server):
    """Requests without the SDK, in an old version of the API."""

    def ask(method, path, key=None, version=OLD_VERSION, **values):
        headers = {"Authorization": f"Bearer {key or server.secret_key}"}
        if version:
            headers["Stripe-Version"] = version
        return requests.request(
            method,
            f"{server.url}{path}",
            headers={**headers, **values.pop("headers", {})},
            timeout=PATIENCE,
            **values,
        )

    return ask


@pytest.fixture
def merchant():
    receiver = Merchant()
    thread = Thread(target=receiver.http.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.http.shutdown()
    thread.join()
    receiver.http.server_close()
