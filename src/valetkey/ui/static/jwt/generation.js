// Makes keys and signs tokens, all in the browser (RFC 7515, 5.1; RFC 7519, 7.1).

import { ALGORITHMS, isSymmetric } from "./algorithms.js";
import { encodeBase64url, toUtf8 } from "./encoding.js";
import { isObject, isStrictJson, readJson } from "./json.js";
import { bind, fits, publicPart, readKeys, thumbprint } from "./keys.js";
import { Problem } from "./problem.js";

const LIFETIME = 300;

// The claims that a token should have; the person changes what is theirs.
export function firstClaims(issuer, audience, now, jti) {
  return { iss: issuer, sub: "alice", aud: audience, iat: now, exp: now + LIFETIME, jti };
}

// Returns the claims of a text; raises a Problem for what is no JSON object.
export function readClaims(text) {
  const read = readJson(text);
  if (read === null || !isObject(read.value) || !isStrictJson(text)) throw new Problem("claims_not_json");
  if (read.duplicates.length > 0) throw new Problem("duplicates", { name: read.duplicates[0] });
  return read.value;
}

// Returns a new private JWK for the algorithm, named by its thumbprint.
export async function makeKey(algorithm) {
  const { generation } = ALGORITHMS[algorithm];
  let made = null;
  try {
    made = await crypto.subtle.generateKey(generation, true, ["sign", "verify"]);
  } catch {
    throw new Problem("unavailable", { algorithm });
  }
  return named(await crypto.subtle.exportKey("jwk", made.privateKey ?? made), algorithm);
}

// Returns the private JWK that was pasted.
export async function readSigningKey(text, algorithm, secretIs) {
  const keys = await readKeys(text, algorithm, secretIs);
  if (keys.length !== 1) throw new Problem("key_not_one");
  if (!fits(keys[0], algorithm, "sign")) throw new Problem("key_misfit", { algorithm });
  return named(keys[0], algorithm);
}

async function named(key, algorithm) {
  const { key_ops: _, ext: __, kid, ...members } = key;
  // A secret's thumbprint would let people try guesses at it (RFC 7638, 7).
  const name = kid ?? (isSymmetric(algorithm) ? crypto.randomUUID() : await thumbprint(key));
  return { ...members, alg: algorithm, kid: name, use: "sig" };
}

// Returns the compact JWT and the public part of its key, null for a secret.
export async function sign(claimsText, key, algorithm, typ) {
  readClaims(claimsText);
  const header = { alg: algorithm, kid: key.kid, ...(typ === "" ? {} : { typ }) };
  const segments = [JSON.stringify(header), compact(claimsText)].map((text) => encodeBase64url(toUtf8(text)));
  const signed = segments.join(".");
  const bound = await bind(key, algorithm, "sign");
  const signature = await crypto.subtle.sign(ALGORITHMS[algorithm].operation, bound, toUtf8(signed));
  const token = `${signed}.${encodeBase64url(new Uint8Array(signature))}`;
  return { token, publicKey: isSymmetric(algorithm) ? null : publicPart(key) };
}

// Without the white space between the values; read and written again, long numbers would change.
const compact = (text) => text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
