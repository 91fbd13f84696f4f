// Pasted keys, read and bound to the one algorithm that the person chose (RFC 7517; RFC 7518, 6; RFC 7638).

import { ALGORITHMS } from "./algorithms.js";
import { decodeBase64url, encodeBase64url, toUtf8 } from "./encoding.js";
import { has, isObject, readJson } from "./json.js";
import { Problem } from "./problem.js";

const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
const THUMBPRINT = { EC: ["crv", "kty", "x", "y"], OKP: ["crv", "kty", "x"], RSA: ["e", "kty", "n"], oct: ["k", "kty"] };
const PUBLIC = { EC: ["kty", "crv", "x", "y"], OKP: ["kty", "crv", "x"], RSA: ["kty", "n", "e"], oct: ["kty"] };
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;
const MINIMUM_RSA_BITS = 2048;

// Returns the JWKs of a pasted JWK, JWK Set, PEM or shared secret. A PEM goes with the chosen `algorithm`;
// `secretIs` says how a shared secret is written: "text" or "base64url".
export async function readKeys(text, algorithm, secretIs = "text") {
  const pasted = text.trim();
  if (pasted === "") throw new Problem("key_absent");
  if (pasted.startsWith("{")) return jwksOf(pasted);
  if (pasted.includes("-----BEGIN ")) return [await fromPem(pasted, algorithm)];
  if (ALGORITHMS[algorithm].kty !== "oct") throw new Problem("key_unreadable");
  const octets = secretIs === "text" ? toUtf8(text.replace(/\r?\n$/, "")) : decodeBase64url(pasted);
  if (octets === null) throw new Problem("secret_not_base64url");
  return [{ kty: "oct", k: encodeBase64url(octets), alg: algorithm }];
}

export function jwksOf(text) {
  const read = readJson(text);
  if (read === null || !isObject(read.value)) throw new Problem("key_not_json");
  if (read.duplicates.length > 0) throw new Problem("key_duplicates", { name: read.duplicates[0] });
  const keys = has(read.value, "keys") ? read.value.keys : [read.value];
  if (!Array.isArray(keys) || keys.length === 0) throw new Problem("key_set_empty");
  if (!keys.every((key) => isObject(key) && typeof key.kty === "string")) throw new Problem("key_without_kty");
  return keys;
}

async function fromPem(pem, algorithm) {
  const found = PEM.exec(pem);
  if (found === null) throw new Problem("pem_unreadable");
  const [, label, body] = found;
  const row = ALGORITHMS[algorithm];
  if (row.kty === "oct") throw new Problem("key_public_as_secret");
  if (label !== "PUBLIC KEY" && label !== "PRIVATE KEY") throw new Problem("pem_other", { label });
  const octets = Uint8Array.from(atob(body.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  const [format, use] = label === "PUBLIC KEY" ? ["spki", "verify"] : ["pkcs8", "sign"];
  try {
    const key = await crypto.subtle.importKey(format, octets, row.key, true, [use]);
    const { key_ops: _, ext: __, ...members } = await crypto.subtle.exportKey("jwk", key);
    return { ...members, alg: algorithm };
  } catch {
    throw new Problem("key_misfit", { algorithm });
  }
}

// The keys that a header's `kid` means: all of them where it or they have none.
export function namedBy(kid, keys) {
  if (kid === undefined || keys.every((key) => key.kid === undefined)) return keys;
  return keys.filter((key) => key.kid === kid);
}

export const isPrivate = (key) => key.kty !== "oct" && PRIVATE.some((name) => has(key, name));

// Tells whether a key may be used with the algorithm, as far as it says itself (RFC 7517, 4).
export function fits(key, algorithm, operation) {
  const row = ALGORITHMS[algorithm];
  return (
    key.kty === row.kty &&
    (row.curve === undefined || key.crv === row.curve) &&
    (key.alg === undefined || key.alg === algorithm) &&
    (key.use === undefined || key.use === "sig") &&
    (key.key_ops === undefined || (Array.isArray(key.key_ops) && key.key_ops.includes(operation)))
  );
}

// Returns a CryptoKey; raises a Problem for a key that is malformed or too weak.
export async function bind(key, algorithm, operation) {
  const row = ALGORITHMS[algorithm];
  refuseWeak(key, algorithm);
  const wanted = key.kty === "oct" || operation === "sign" ? PRIVATE : [];
  const names = [...PUBLIC[key.kty], ...wanted].filter((name) => has(key, name));
  const members = Object.fromEntries(names.map((name) => [name, key[name]]));
  if (operation === "sign" && key.kty !== "oct" && !has(key, "d")) throw new Problem("key_not_private");
  try {
    return await crypto.subtle.importKey("jwk", members, row.key, false, [operation]);
  } catch (error) {
    if (error.name === "NotSupportedError") throw new Problem("unavailable", { algorithm });
    throw new Problem("key_malformed");
  }
}

function refuseWeak(key, algorithm) {
  if (key.kty === "oct") {
    const octets = typeof key.k === "string" ? decodeBase64url(key.k) : null;
    if (octets === null) throw new Problem("key_malformed");
    const least = ALGORITHMS[algorithm].octets;
    if (isAsymmetricText(octets)) throw new Problem("key_public_as_secret");
    if (octets.length < least) throw new Problem("secret_short", { octets: octets.length, least, algorithm });
  }
  if (key.kty === "RSA") {
    const bits = rsaBits(key);
    if (bits < MINIMUM_RSA_BITS) throw new Problem("rsa_short", { bits, least: MINIMUM_RSA_BITS });
  }
}

export function rsaBits(key) {
  const octets = typeof key.n === "string" ? decodeBase64url(key.n) : null;
  if (octets === null) return 0;
  const first = octets.findIndex((octet) => octet !== 0);
  return first < 0 ? 0 : (octets.length - first) * 8;
}

// Tells whether a would-be secret is a public key as text (RFC 8725, 2.1).
export function isAsymmetricText(octets) {
  const text = new TextDecoder("latin1").decode(octets).replace(/^[\xef\xbb\xbf \t\r\n]+/, "");
  const isMarked = /^(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)/.test(text) || text.includes("-----BEGIN ");
  return isMarked || (text.startsWith("{") && text.includes('"kty"'));
}

export function publicPart(key) {
  const members = Object.entries(key).filter(([name]) => !PRIVATE.includes(name) && name !== "key_ops");
  return Object.fromEntries(members);
}

// The thumbprint of a key (RFC 7638, 3), as base64url.
export async function thumbprint(key) {
  const members = Object.fromEntries(THUMBPRINT[key.kty].map((name) => [name, key[name]]));
  const digest = await crypto.subtle.digest("SHA-256", toUtf8(JSON.stringify(members)));
  return encodeBase64url(new Uint8Array(digest));
}
