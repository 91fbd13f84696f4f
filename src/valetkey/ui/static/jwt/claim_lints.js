// Lints about claims: the twin of valetkey.jose.claim_lints; a test holds the two together.

import { has, isObject } from "./json.js";

const MILLISECONDS = 100_000_000_000;
const LATEST = 253_402_300_799;
const MAXIMUM_DEPTH = 8;
const SECRET_NAME = new RegExp(
  "(^|_)(password|passwd|pwd|passphrase|secret|client_?secret|api_?key|private_?key|access_?key|secret_?key|" +
    "refresh_?token|otp|pin|totp|cvv|cvc|card_?number|credit_?card|iban|ssn|seed_?phrase|mnemonic)($|_)",
);
const SECRET_VALUE = new RegExp(
  "-----BEGIN [A-Z ]*PRIVATE KEY|^vk_(at|rt|ac|cs|ak|rat)_|^(sk|rk)_(live|test)_|^gh[pousr]_\\w{20}|^github_pat_|" +
    "^AKIA[0-9A-Z]{16}$|^xox[abprs]-|^glpat-|^\\$(argon2|2[aby]\\$|6\\$|pbkdf2)|^[a-z][a-z0-9+]*:\\/\\/[^/\\s:@]+:[^/\\s@]+@",
);
const PERSONAL = new Set([
  "email", "phone_number", "phone", "address", "birthdate", "date_of_birth", "gender", "nationality", "ip", "given_name",
]);
const WORD_START = /(?<=[a-z0-9])(?=[A-Z])|-/g;
const NOT_A_SECRET = [null, "", false, true, 0, 1];

// The media type as two are compared (RFC 7515, 4.1.9).
export const normalTyp = (typ) => typ.toLowerCase().replace(/^application\//, "");

// The seconds since the epoch if the value is a NumericDate (RFC 7519, 2), else null.
export const numericDate = (value) => (typeof value === "number" && value >= 0 && value <= LATEST ? value : null);

export function lintClaims(claims, typ, now, tables) {
  const kind = typeof typ === "string" ? normalTyp(typ) : "";
  const found = [...times(claims, now, tables), ...missing(claims, kind, tables), ...lifetime(claims, kind, now, tables)];
  const isAccessToken = !has(claims, "nonce") && has(claims, "scope") && has(claims, "client_id");
  if ((kind === "" || kind === "jwt") && isAccessToken) found.push({ code: "typ_access_token" });
  return [...found, ...readable(claims, "", MAXIMUM_DEPTH)];
}

function times(claims, now, { limits }) {
  const present = ["exp", "nbf", "iat"].filter((name) => has(claims, name));
  return present.flatMap((name) => aboutTime(name, claims[name], now, limits));
}

function aboutTime(name, value, now, limits) {
  const time = numericDate(value);
  if (typeof value === "number" && value > MILLISECONDS) return [{ code: "time_in_milliseconds", detail: `${name}: ${value}` }];
  if (time === null) return [{ code: "time_malformed", detail: `${name}: ${JSON.stringify(value)}` }];
  if (name === "exp") return now >= time ? [{ code: "exp_past", at: time }] : [];
  return time > now + limits.clock_skew ? [{ code: `${name}_future`, at: time }] : [];
}

function missing(claims, kind, tables) {
  const absent = (name) => claims[name] === undefined || claims[name] === null;
  const required = Object.hasOwn(tables.claims_of_kinds, kind) ? tables.claims_of_kinds[kind] : tables.expected_claims;
  return tables.expected_claims.filter((name) => required.includes(name) && absent(name)).map((name) => ({ code: `${name}_missing` }));
}

function lifetime(claims, kind, now, { limits }) {
  const expiresAt = numericDate(claims.exp);
  const issuedAt = numericDate(claims.iat);
  if (expiresAt === null || expiresAt > MILLISECONDS) return [];
  const seconds = expiresAt - (issuedAt ?? now);
  if (issuedAt !== null && seconds <= 0) return [{ code: "exp_before_iat" }];
  const most = kind === "at+jwt" ? limits.access_token_life : limits.life;
  return seconds > most ? [{ code: "long_life", seconds }] : [];
}

function readable(value, path, depth) {
  if (depth === 0) return [];
  if (Array.isArray(value)) return value.flatMap((inner) => readable(inner, path, depth - 1));
  if (isObject(value)) return Object.entries(value).flatMap(([name, inner]) => aboutMember(name, inner, path, depth));
  return typeof value === "string" && SECRET_VALUE.test(value) ? [{ code: "secret_claim", detail: path }] : [];
}

function aboutMember(name, inner, path, depth) {
  const place = path === "" ? name : `${path}.${name}`;
  const words = name.replace(WORD_START, "_").toLowerCase();
  if (SECRET_NAME.test(words) && !NOT_A_SECRET.includes(inner)) return [{ code: "secret_claim", detail: place }];
  if (PERSONAL.has(words) && inner !== null && inner !== "") return [{ code: "personal_claim", detail: place }];
  return readable(inner, place, depth - 1);
}
