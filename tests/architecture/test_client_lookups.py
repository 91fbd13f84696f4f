"""A client may be known by its URL alone: whoever looks only into the store would not find it."""

from support.architecture.modules import house

# What an operator or a client itself registered is all that these are about.
STORED_ALONE = {
    "valetkey.authorization_server.service",
    "valetkey.authorization_server.introduction.introducing",
    "valetkey.authorization_server.endpoints.client_configuration",
}


def test_the_server_finds_clients_through_the_one_door_that_knows_those_that_introduced_themselves() -> None:
    lookers = {
        module.name
        for module in house()
        if module.name.startswith("valetkey.authorization_server.") and "clients.find(" in module.source
    }
    assert lookers - STORED_ALONE == set()
