// Lints about keys: the part of valetkey.jose.lints that a browser can judge; a test holds the two together.

import { ALGORITHMS } from "./algorithms.js";
import { decodeBase64url } from "./encoding.js";
import { isAsymmetricText, isPrivate, rsaBits } from "./keys.js";
import { sorted } from "./lints.js";

const MINIMUM_RSA_BITS = 2048;

// Returns the findings about the members of a JWK, the gravest first; no detail holds key material.
export function lintKey(key, tables) {
  const found = key.kty === "oct" ? aboutSecret(key, tables) : [];
  if (key.kty === "RSA" && rsaBits(key) < MINIMUM_RSA_BITS) found.push({ code: "key_short", bits: rsaBits(key), least: MINIMUM_RSA_BITS });
  if (isAbsent(key.alg)) found.push({ code: "key_without_alg" });
  if (isAbsent(key.kid)) found.push({ code: "key_without_kid" });
  if (isPrivate(key)) found.push({ code: "key_private" });
  return sorted(found, tables);
}

const isAbsent = (value) => value === undefined || value === null;

function aboutSecret(key, tables) {
  const secret = (typeof key.k === "string" ? decodeBase64url(key.k) : null) ?? new Uint8Array();
  if (isAsymmetricText(secret)) return [{ code: "key_public_as_secret" }];
  const least = Object.hasOwn(ALGORITHMS, key.alg) ? ALGORITHMS[key.alg].octets : 0;
  const found = secret.length < least ? [{ code: "key_short", octets: secret.length, expected: least }] : [];
  const text = new TextDecoder("latin1").decode(secret);
  if (tables.guessable_secrets.includes(text)) found.push({ code: "secret_guessable" });
  else if (/^[\x20-\x7e]+$/.test(text)) found.push({ code: "key_from_words" });
  return found;
}
