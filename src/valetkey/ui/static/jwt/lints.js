// What is wrong, dangerous or unwise about a token, without verifying it (RFC 8725).
// The twin of valetkey.jose.lints; a test holds the two together. `tables` and the sentences come with the page.

import { lintClaims } from "./claim_lints.js";
import { COMPACT_JWE, JSON_JWE, dissect, headersOf } from "./dissection.js";
import { toUtf8 } from "./encoding.js";
import { has } from "./json.js";

const DER_SEQUENCE = 0x30;
const SUSPICIOUS_KID = /\.\.\/|\\|:\/\/|['";`|\x00-\x1f]|^\/|\bunion\b|\bselect\b/i;
const DIGESTS = { HS256: "SHA-256", HS384: "SHA-384", HS512: "SHA-512" };
const SIGNATURE_OCTETS = {
  HS256: 32, HS384: 48, HS512: 64, ES256: 64, ES384: 96, ES512: 132, ES256K: 64,
  Ed25519: 64, Ed448: 114, "ML-DSA-44": 2420, "ML-DSA-65": 3309, "ML-DSA-87": 4627,
};
const EMBEDDED = ["jwk", "x5c", "x5t", "x5t#S256"];
const SEVERITIES = ["error", "warning", "note"];

// Returns the findings about a token, the gravest first; `now` is in seconds since the epoch.
export const lintToken = (text, now, tables) => lintDissection(dissect(text), now, tables);

export async function lintDissection(token, now, tables) {
  const found = token.faults.map((fault) => ({ code: "malformed", fault }));
  if (token.hadPrefix) found.push({ code: "bearer_prefix" });
  found.push(...aboutSize(token.octets, tables.limits));
  const headers = headersOf(token);
  const isEncrypted = token.form === COMPACT_JWE || token.form === JSON_JWE;
  for (const header of headers) {
    found.push(...objectFaults(header, "header"));
    if (header.isObject) found.push(...aboutHeader(header.members, isEncrypted, tables));
  }
  for (const signature of token.signatures) found.push(...(await aboutSignature(signature, tables)));
  if (token.recipients.length > 0) found.push({ code: "encrypted" });
  if (token.claims !== null) found.push(...aboutClaims(token.claims, headers[0]?.members.typ, now, tables));
  return sorted(found, tables);
}

export function sorted(found, tables) {
  const rank = ({ code }) => SEVERITIES.indexOf(tables.lints[code].severity);
  const once = new Map(found.map((one) => [JSON.stringify(one), one]));
  return [...once.values()].sort((one, other) => rank(one) - rank(other));
}

function aboutClaims(claims, typ, now, tables) {
  if (!claims.isObject) return [{ code: "claims_missing", fault: claims.fault }];
  return [...objectFaults(claims, "claims"), ...lintClaims(claims.members, typ, now, tables)];
}

function objectFaults(part, place) {
  const found = part.duplicates.map((name) => ({ code: "duplicate_member", detail: `${JSON.stringify(name)}`, place }));
  return part.fault === null ? found : [{ code: "malformed", fault: part.fault, place }, ...found];
}

function aboutSize(octets, limits) {
  if (octets > limits.jwt) return [{ code: "oversize_limit", octets }];
  if (octets > limits.header) return [{ code: "oversize", octets }];
  return octets > limits.cookie ? [{ code: "oversize_cookie", octets }] : [];
}

function aboutHeader(header, isEncrypted, tables) {
  const found = isEncrypted ? aboutEncryption(header, tables) : aboutAlgorithm(header, tables);
  if (!isEncrypted && !has(header, "typ")) found.push({ code: "typ_missing" });
  found.push(...aboutKeyHints(header));
  if (has(header, "crit")) found.push({ code: "crit", detail: shown(header.crit) });
  return found;
}

const isAbsent = (value) => value === undefined || value === null;

function aboutAlgorithm(header, tables) {
  const algorithm = header.alg;
  if (isAbsent(algorithm)) return [{ code: "alg_missing" }];
  if (typeof algorithm === "string" && algorithm.toLowerCase() === "none") return [{ code: "alg_none" }];
  if (!tables.signature_algorithms.includes(algorithm)) return [{ code: "alg_unknown", detail: shown(algorithm) }];
  if (tables.symmetric_algorithms.includes(algorithm)) {
    const speaks = ["jku", "jwk", "x5c", "x5u"].filter((name) => has(header, name));
    if (speaks.length > 0) return [{ code: "alg_confusion", detail: speaks.join(", ") }];
    return [{ code: "alg_symmetric", detail: algorithm }];
  }
  return algorithm === "EdDSA" ? [{ code: "alg_polymorphic" }] : [];
}

function aboutEncryption(header, tables) {
  const found = [];
  if (isAbsent(header.alg)) found.push({ code: "alg_missing" });
  else if (!tables.encryption_algorithms.includes(header.alg)) found.push({ code: "alg_unknown", detail: shown(header.alg) });
  else if (header.alg === "RSA1_5") found.push({ code: "alg_rsa1_5" });
  if (!tables.content_encryptions.includes(header.enc)) found.push({ code: "enc_unknown", detail: shown(header.enc) });
  if (has(header, "zip")) found.push({ code: "zip" });
  if (Number.isInteger(header.p2c) && header.p2c < tables.limits.lowest_pbes2) found.push({ code: "pbes2_count", detail: `p2c: ${header.p2c}` });
  else if (header.p2c > tables.limits.highest_pbes2) found.push({ code: "pbes2_count_high", detail: `p2c: ${header.p2c}` });
  return found;
}

function aboutKeyHints(header) {
  const found = [];
  if (typeof header.kid === "string" && SUSPICIOUS_KID.test(header.kid)) {
    found.push({ code: "kid_suspicious", detail: shown(header.kid) });
  } else if (isAbsent(header.kid) && !EMBEDDED.some((name) => has(header, name))) {
    found.push({ code: "kid_missing" });
  }
  for (const name of ["jku", "x5u"]) {
    if (has(header, name)) found.push({ code: "key_by_url", detail: `${name}: ${shown(header[name])}` });
  }
  // A DPoP proof is made to bring its key along (RFC 9449, 4.2).
  if (has(header, "x5c") || (has(header, "jwk") && header.typ !== "dpop+jwt")) {
    found.push({ code: "key_embedded", detail: has(header, "jwk") ? "jwk" : "x5c" });
  }
  return found;
}

async function aboutSignature({ header, octets, signed }, tables) {
  const algorithm = header.members.alg;
  if (octets.length === 0) return [{ code: "signature_empty" }];
  const expected = Object.hasOwn(SIGNATURE_OCTETS, algorithm) ? SIGNATURE_OCTETS[algorithm] : octets.length;
  if (octets.length !== expected) {
    const isDer = algorithm.startsWith("ES") && octets[0] === DER_SEQUENCE;
    return [{ code: isDer ? "signature_der" : "signature_length", octets: octets.length, expected }];
  }
  if (!Object.hasOwn(DIGESTS, algorithm) || !globalThis.crypto?.subtle) return [];
  const found = [];
  for (const secret of tables.guessable_secrets) {
    if (await signedWith(secret, DIGESTS[algorithm], signed, octets)) {
      found.push({ code: "secret_guessable", detail: JSON.stringify(secret) });
    }
  }
  return found;
}

async function signedWith(secret, hash, signed, signature) {
  // WebCrypto takes no empty key; HMAC pads with zeros, so a zero octet is the same key (RFC 2104, 2).
  const octets = secret === "" ? new Uint8Array(1) : toUtf8(secret);
  const key = await crypto.subtle.importKey("raw", octets, { name: "HMAC", hash }, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, signature, signed);
}

export function shown(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "–";
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
