{
    "name": "Small Steps",
    "summary": "For tests: loaded by the server, never installed",
    "version": "19.0.1.0.0",
    "author": "Omni Billing",
    "license": "LGPL-3",
    "installable": False,
}
