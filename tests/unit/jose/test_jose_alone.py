"""The toolkit without the server, and on a cryptography that lacks something: each in a process of its own."""

import json
import subprocess
import sys

AT_HAND = {"msgspec", "cryptography"}
LOADED = (
    "import json, sys; {}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}} | "
    "{{name for name in sys.modules if name.startswith('valetkey')}})))"
)


def _said(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _loaded(statement: str) -> set[str]:
    return set(json.loads(_said(LOADED.format(statement)))) - set(json.loads(_said(LOADED.format("pass"))))


def test_the_toolkit_loads_nothing_of_the_server_and_two_packages_only() -> None:
    loaded = _loaded("import valetkey.jose")
    ours = {name for name in loaded if name.startswith("valetkey")}
    assert {name for name in ours if not name.startswith("valetkey.jose")} == {"valetkey"}
    installed = {name for name in loaded - ours if name not in sys.stdlib_module_names and not name.startswith("_")}
    # Older Pythons give cryptography its types by a package of their own.
    assert installed - {"typing_extensions"} == AT_HAND
    # Who only signs and verifies has no event loop, no HTTP client, no certificates.
    assert loaded.isdisjoint({"asyncio", "httpx2", "ssl", "threading", "valetkey.jose.fetching"})


def test_all_that_the_toolkit_offers_loads_nothing_of_the_server_either() -> None:
    statement = "import valetkey.jose as jose; [getattr(jose, name) for name in jose.__all__]"
    loaded = _loaded(statement)
    assert {
        name for name in loaded if name.startswith("valetkey.") and not name.startswith("valetkey.jose")
    } == set()


def test_an_algorithm_that_the_installed_cryptography_lacks_is_unavailable_and_a_set_goes_without_it() -> None:
    program = """
import sys
sys.modules["cryptography.hazmat.primitives.asymmetric.mldsa"] = None
from valetkey.jose import AlgorithmUnavailable, InvalidToken, Jwk, JwkSet, jws
members = {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA"}
for ask in (lambda: Jwk.generate("ML-DSA-44"), lambda: Jwk.parse(members)):
    try:
        ask()
    except AlgorithmUnavailable as error:
        print(error.code)
key = Jwk.generate("ES256")
keys = JwkSet.parse({"keys": [members, key.as_dict()]})
print([one.kid for one in keys.skipped], len(keys.keys))
print(jws.verify_compact(jws.sign_compact(b"still", key), keys, algorithms=["ES256", "ML-DSA-44"]).payload.decode())
"""
    said = _said(program).splitlines()
    assert said == ["algorithm_unavailable", "algorithm_unavailable", "['pq'] 1", "still"]
