import pytest

from valetkey.resource_server.metadata import metadata_path, metadata_url, resource_metadata


@pytest.mark.requirement("RFC9728-3.1/terminating-slash")
@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/a", "https://api.example/.well-known/oauth-protected-resource/a"),
        ("https://api.example/a/", "https://api.example/.well-known/oauth-protected-resource/a/"),
        ("https://api.example:8443/a?b=c", "https://api.example:8443/.well-known/oauth-protected-resource/a?b=c"),
    ],
)
def test_the_well_known_part_stands_between_host_and_path(resource: str, url: str) -> None:
    assert metadata_url(resource) == url
    assert url.startswith(f"https://{resource.split('/')[2]}{metadata_path(resource)}")


@pytest.mark.requirement("RFC9728-3.2/zero-values")
def test_a_member_without_value_is_left_out() -> None:
    assert set(resource_metadata("https://a", ["https://as"], [], None)) == {
        "resource",
        "authorization_servers",
        "bearer_methods_supported",
    }
