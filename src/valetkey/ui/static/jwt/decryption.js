// Opens a compact JWE with its recipient's key, to look inside (RFC 7516, 5.2; RFC 7518, 4 and 5). It proves no sender.

import { decodeBase64url, encodeBase64url, toUtf8 } from "./encoding.js";
import { has, isObject } from "./json.js";
import { jwksOf, namedBy, rsaBits } from "./keys.js";
import { Problem } from "./problem.js";
import { readStrictObject } from "./verification.js";

const MAXIMUM_OCTETS = 262_144;
const MAXIMUM_COUNT = 200_000; // how often a sender may have a password stretched
const MINIMUM_COUNT = 1_000;
const MINIMUM_RSA_BITS = 2048;
const PEM = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/;

const gcm = (octets) => ({ octets, open: openGcm });
const cbc = (octets, hash) => ({ octets, open: (cek, parts) => openCbc(cek, parts, hash) });
const ENCRYPTIONS = {
  A128GCM: gcm(16), A192GCM: gcm(24), A256GCM: gcm(32),
  "A128CBC-HS256": cbc(32, "SHA-256"), "A192CBC-HS384": cbc(48, "SHA-384"), "A256CBC-HS512": cbc(64, "SHA-512"),
};

const rsa = (hash) => ({ kty: ["RSA"], unwrap: (key, token) => unwrapRsa(key, token, hash) });
const kw = (octets) => ({ kty: ["oct"], unwrap: async (key, token) => unwrapAes(secretOf(key, octets), token.encryptedKey) });
const gcmkw = (octets) => ({ kty: ["oct"], unwrap: (key, token) => unwrapGcm(secretOf(key, octets), token) });
const pbes2 = (hash, octets) => ({ kty: ["oct"], isPassword: true, unwrap: (key, token) => unwrapPbes2(key, token, hash, octets) });
const ecdh = (octets) => ({ kty: ["EC", "OKP"], unwrap: (key, token) => unwrapEcdh(key, token, octets) });
const ALGORITHMS = {
  "RSA-OAEP": rsa("SHA-1"), "RSA-OAEP-256": rsa("SHA-256"), "RSA-OAEP-384": rsa("SHA-384"), "RSA-OAEP-512": rsa("SHA-512"),
  A128KW: kw(16), A192KW: kw(24), A256KW: kw(32),
  A128GCMKW: gcmkw(16), A192GCMKW: gcmkw(24), A256GCMKW: gcmkw(32),
  dir: { kty: ["oct"], unwrap: async (key, token) => direct(secretOf(key), token) },
  "ECDH-ES": ecdh(0), "ECDH-ES+A128KW": ecdh(16), "ECDH-ES+A192KW": ecdh(24), "ECDH-ES+A256KW": ecdh(32),
  "PBES2-HS256+A128KW": pbes2("SHA-256", 16), "PBES2-HS384+A192KW": pbes2("SHA-384", 24), "PBES2-HS512+A256KW": pbes2("SHA-512", 32),
};

// Returns the header and the octets of the plaintext; raises a Problem, the same one for whatever depends on the key.
export async function decrypt(segments, keyText) {
  const token = readToken(segments);
  const row = ALGORITHMS[token.header.alg];
  const candidates = await readOpeners(keyText, token.header, row);
  let problem = new Problem("not_opened");
  for (const key of candidates) {
    try {
      const cek = await row.unwrap(key, token);
      if (cek.length !== token.encryption.octets) continue;
      return { header: token.header, plaintext: await token.encryption.open(cek, token) };
    } catch (error) {
      if (error.name === "NotSupportedError") problem = new Problem("open_unavailable", { algorithm: token.header.alg });
      else if (error instanceof Problem) problem = error;
    }
  }
  throw problem;
}

function readToken(segments) {
  if (segments.join(".").length > MAXIMUM_OCTETS) throw new Problem("token_large", { most: MAXIMUM_OCTETS });
  const [head, encryptedKey, iv, ciphertext, tag] = segments.map(decodeBase64url);
  if ([head, encryptedKey, iv, ciphertext, tag].includes(null)) throw new Problem("token_not_base64url");
  const header = readStrictObject(head, "header");
  if (has(header, "crit")) throw new Problem("crit_refused");
  if (has(header, "zip")) throw new Problem("zip_refused");
  const named = (name, table) => typeof header[name] === "string" && Object.hasOwn(table, header[name]);
  if (!named("alg", ALGORITHMS)) throw new Problem("open_unknown", { algorithm: String(header.alg ?? "–") });
  if (!named("enc", ENCRYPTIONS)) throw new Problem("open_unknown", { algorithm: String(header.enc ?? "–") });
  return { header, encryptedKey, iv, ciphertext, tag, aad: toUtf8(segments[0]), encryption: ENCRYPTIONS[header.enc] };
}

async function readOpeners(text, header, row) {
  const pasted = text.trim();
  if (pasted === "") throw new Problem("opener_absent");
  if (pasted.startsWith("{")) {
    const keys = jwksOf(pasted);
    const found = namedBy(header.kid, keys.filter((key) => fits(key, header, row)));
    if (found.length === 0) throw new Problem("opener_misfit", { algorithm: header.alg });
    return found;
  }
  const pem = PEM.exec(pasted);
  if (pem !== null && !row.kty.includes("oct")) return [{ pem: Uint8Array.from(atob(pem[1].replace(/\s/g, "")), (c) => c.charCodeAt(0)) }];
  if (pasted.includes("-----BEGIN ") || !row.kty.includes("oct")) throw new Problem("opener_unreadable", { algorithm: header.alg });
  if (row.isPassword) return [{ kty: "oct", k: encodeBase64url(toUtf8(text.replace(/\r?\n$/, ""))) }];
  if (decodeBase64url(pasted) === null) throw new Problem("secret_not_base64url");
  return [{ kty: "oct", k: pasted }];
}

function fits(key, header, row) {
  const names = header.alg === "dir" ? ["dir", header.enc] : [header.alg];
  return (
    row.kty.includes(key.kty) &&
    (key.alg === undefined || names.includes(key.alg)) &&
    (key.use === undefined || key.use === "enc") &&
    (key.kty === "oct" ? has(key, "k") : has(key, "d"))
  );
}

function secretOf(key, octets) {
  const secret = typeof key.k === "string" ? decodeBase64url(key.k) : null;
  if (secret === null || (octets !== undefined && secret.length !== octets)) throw new Problem("key_malformed");
  return secret;
}

const fixed = (octets, algorithm, use) => crypto.subtle.importKey("raw", octets, algorithm, false, [use]);

function direct(secret, token) {
  if (token.encryptedKey.length > 0) throw new Problem("not_opened");
  return secret;
}

// A content key may be longer than any key of AES, so it passes for one of HMAC on its way out.
async function unwrapAes(secret, encryptedKey) {
  const kek = await fixed(secret, "AES-KW", "unwrapKey");
  const cek = await crypto.subtle.unwrapKey("raw", encryptedKey, kek, "AES-KW", { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
  return new Uint8Array(await crypto.subtle.exportKey("raw", cek));
}

async function unwrapRsa(key, token, hash) {
  const algorithm = { name: "RSA-OAEP", hash };
  if (key.pem === undefined && rsaBits(key) < MINIMUM_RSA_BITS) {
    throw new Problem("rsa_short", { bits: rsaBits(key), least: MINIMUM_RSA_BITS });
  }
  const own = await importOwn(key, algorithm, ["decrypt"]);
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, own, token.encryptedKey));
}

function importOwn(key, algorithm, uses) {
  if (key.pem !== undefined) return crypto.subtle.importKey("pkcs8", key.pem, algorithm, false, uses);
  const { alg: _, use: __, key_ops: ___, ext: ____, ...members } = key;
  return crypto.subtle.importKey("jwk", members, algorithm, false, uses);
}

async function unwrapGcm(secret, token) {
  const [iv, tag] = [octetsOf(token.header, "iv"), octetsOf(token.header, "tag")];
  if (iv.length !== 12 || tag.length !== 16) throw new Problem("not_opened");
  return openWithGcm(await fixed(secret, "AES-GCM", "decrypt"), iv, token.encryptedKey, tag, new Uint8Array());
}

async function unwrapPbes2(key, token, hash, octets) {
  const { p2c: iterations, alg } = token.header;
  const input = octetsOf(token.header, "p2s");
  const isSensible = Number.isInteger(iterations) && iterations >= MINIMUM_COUNT && iterations <= MAXIMUM_COUNT;
  if (!isSensible || input.length < 8) throw new Problem("count_refused", { most: MAXIMUM_COUNT });
  const salt = Uint8Array.of(...toUtf8(alg), 0, ...input);
  const password = await fixed(secretOf(key), "PBKDF2", "deriveBits");
  const kek = await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations }, password, octets * 8);
  return unwrapAes(new Uint8Array(kek), token.encryptedKey);
}

async function unwrapEcdh(key, token, octets) {
  const { epk, alg, enc } = token.header;
  const isSound = isObject(epk) && !has(epk, "d") && (key.pem !== undefined || (epk.kty === key.kty && epk.crv === key.crv));
  if (!isSound) throw new Problem("not_opened");
  const algorithm = epk.kty === "EC" ? { name: "ECDH", namedCurve: epk.crv } : { name: epk.crv };
  const members = Object.fromEntries(["kty", "crv", "x", "y"].filter((name) => has(epk, name)).map((name) => [name, epk[name]]));
  const theirs = await crypto.subtle.importKey("jwk", members, algorithm, false, []);
  const own = await importOwn(key, algorithm, ["deriveBits"]);
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: algorithm.name, public: theirs }, own, null));
  if (octets === 0) return direct(await derived(shared, enc, token.encryption.octets, token.header), token);
  return unwrapAes(await derived(shared, alg, octets, token.header), token.encryptedKey);
}

// The one-step derivation of NIST SP 800-56A, 5.8.1, as RFC 7518, 4.6.2 fills it in.
async function derived(shared, name, octets, header) {
  const number = (value) => new Uint8Array(new Uint32Array([value]).buffer).reverse();
  const parties = ["apu", "apv"].map((party) => (has(header, party) ? octetsOf(header, party) : new Uint8Array()));
  const info = [toUtf8(name), ...parties].flatMap((part) => [...number(part.length), ...part]);
  const made = [];
  for (let round = 1; made.length < octets; round += 1) {
    const hashed = Uint8Array.of(...number(round), ...shared, ...info, ...number(octets * 8));
    made.push(...new Uint8Array(await crypto.subtle.digest("SHA-256", hashed)));
  }
  return Uint8Array.from(made.slice(0, octets));
}

function octetsOf(header, name) {
  const octets = typeof header[name] === "string" ? decodeBase64url(header[name]) : null;
  if (octets === null) throw new Problem("not_opened");
  return octets;
}

async function openGcm(cek, { iv, ciphertext, tag, aad }) {
  if (iv.length !== 12 || tag.length !== 16) throw new Problem("not_opened");
  return openWithGcm(await fixed(cek, "AES-GCM", "decrypt"), iv, ciphertext, tag, aad);
}

async function openWithGcm(key, iv, ciphertext, tag, additionalData) {
  const sealed = new Uint8Array(ciphertext.length + tag.length);
  sealed.set(ciphertext);
  sealed.set(tag, ciphertext.length);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData, tagLength: 128 }, key, sealed));
}

// Encrypted, then authenticated: the tag is looked at first, over its whole length (RFC 7518, 5.2.2.2).
async function openCbc(cek, { iv, ciphertext, tag, aad }, hash) {
  const half = cek.length / 2;
  const covered = new Uint8Array(aad.length + iv.length + ciphertext.length + 8);
  covered.set(aad);
  covered.set(iv, aad.length);
  covered.set(ciphertext, aad.length + iv.length);
  new DataView(covered.buffer).setUint32(covered.length - 4, aad.length * 8);
  const mac = await fixed(cek.slice(0, half), { name: "HMAC", hash }, "sign");
  const expected = new Uint8Array(await crypto.subtle.sign("HMAC", mac, covered)).subarray(0, half);
  const difference = expected.reduce((sum, octet, at) => sum | (octet ^ tag[at]), 0);
  if (iv.length !== 16 || tag.length !== half || difference !== 0) throw new Problem("not_opened");
  const key = await fixed(cek.slice(half), "AES-CBC", "decrypt");
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv }, key, ciphertext));
}
