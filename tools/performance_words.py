"""The paragraphs of docs/performance.md: what is measured, and under which rules."""

from __future__ import annotations

from typing import Final

INTRODUCTION: Final = """# Performance

How fast Valetkey is beside others, and how far it is from its goals. Written by `make docs` from
`benchmarks/results/*.json`, which `make bench` writes; do not edit.

## How it is measured

- Ours and the peers are **interleaved**: every round measures each of them in turn, and ratios are taken within a
  round. What else the machine does meanwhile then hits all alike; only these ratios say something about other
  machines. Figures are medians over the rounds, with the lowest and the highest or the spread beside them.
- The toolkit and the guard are measured in one process, in CPU time of the thread, with prepared keys and equal
  checks. *raw* is the one call of the cryptographic library without any JWT code around it.
  A *best of* several runs is, for each operation, the one in which *raw* was fastest: the one disturbed least.
- Servers run on one core and the load on the other, over the loopback interface with 16 connections, warmed up.
  Ours answers after a durable commit (SQLite, `synchronous=FULL`); npm oidc-provider keeps everything in memory.
  Both sign ID Tokens and access tokens with ES256. Every answer that is no success ends the run.
- Storage counts acknowledged durable commits of 64 tasks in each process."""
TOOLKIT: Final = """CPU microseconds of one call; in brackets how many times ours that is. Ours also refuses
duplicate members, a wrong `typ` and non-canonical base64url. *raw* of a decryption by ECDH-ES is what no recipient
is spared: to load the sender's public key, to agree, to derive the content key, and to open with it; of the other
decryptions it is the private key's, or the secret key's, one call. *verify again* is an access token (ES256) that a
`VerifiedTokens` remembers, and its *raw* the look-up of a text; no peer remembers what it verified."""
TOOLKIT_MISSED: Final = """Why goals are missed: in a loop of its own (HS256 is nearly one) a verification has
about 6 us of Python beside the primitive, and a signature 3. After a long primitive the same code takes 9 us
(RS256), 11 (ES256) or 14 (Ed25519), and 10 after an RSA signature, for little of the interpreter is left in the
processor's nearest caches by then; the primitive itself takes no longer than *raw*. On a machine that is shared
this grows. An ECDH-ES header holds a fresh key, so it is parsed and judged for each token; other headers are
remembered."""
GUARD: Final = """CPU microseconds for one request with a good token. *verification* is the toolkit alone; the
guard reads the header, chooses the key, verifies, looks up the status where the token names a list, and judges the
scope."""
RATE_LIMITS: Final = """One request of one of 1,000 identities that stay within their limits. All limits of a
request are one step for ours, in Valkey one script and one round trip; the peers are asked for each limit. Ours and
throttled-py follow the generic cell rate algorithm, limits its moving window. *valetkey's own endpoints* is what
the authorization server itself spends on a request before anything else is done for it."""
SERVER: Final = """Ours keeps everything durably; the peer ({peer}) does not. With two workers ours is not held to
one core, and shares the other with the load: that row shows that two processes share one file, and is no comparison
with a peer on one core."""
REVOCATION: Final = """From the answer to a revocation until a guard that verifies locally refuses the token: by
the status list, which every guard follows by itself, and by the live feed, for which it needs a credential. Two
workers, guards under steady traffic, each with a list or a feed of its own; the feed has told of 30,000 revocations
where its cost is measured."""
ROTATION: Final = """Two workers are asked for 200 tokens a second, of ES256, RS256 and Ed25519, while their keys
are replaced one after the other, each announced before. Guards that know the published keys alone judge every token
at once, and one in ten again shortly before it expires. *Not judged* is a token for which a guard answered 503,
because it could not read the status list in time."""
GUARD_FACES: Final = """A whole request in process, to an application that answers a line: without a guard, with
ours, and with what people write in its place. The guard's part is what the same request costs less without it, in
the same round; the CPU is that of all threads, as Flask's guard asks an event loop in a thread of its own."""
GATEWAY: Final = """One request with a good ES256 access token, over 16 connections. The decision service is one
process, asked directly as Caddy asks it, without and with the assertion for the API. Envoy, of one thread and on
the same core, answers by itself: without any filter, with its own `jwt_authn` (signature, issuer, audience and
times, no `typ`, no scope, no revocation), and with `ext_authz`, which asks the decision service over gRPC. CPU is
that of all processes of the subject."""
