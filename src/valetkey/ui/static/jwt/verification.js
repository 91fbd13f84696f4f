// Verifies a token against what the person expects, strictly: nothing is taken from the token on trust
// (RFC 7515, 5.2; RFC 7519, 7.2; RFC 8725, 3).

import { ALGORITHMS, isSymmetric } from "./algorithms.js";
import { normalTyp, numericDate } from "./claim_lints.js";
import { decodeBase64url, fromUtf8, toUtf8 } from "./encoding.js";
import { has, isObject, isStrictJson, isTooDeep, readJson } from "./json.js";
import { bind, fits, namedBy, readKeys, thumbprint } from "./keys.js";
import { Problem } from "./problem.js";

export const MAXIMUM_OCTETS = 16_384;
const LEEWAY = 10;

const PASSED = "passed";
const FAILED = "failed";
const SKIPPED = "skipped";

// `expected` names algorithm, issuer, audience and typ; an empty text says that it is not to be judged.
// Returns `verdict` ("verified", "partly" or "refused") and `rows`, each the name of a sentence with its state.
export async function verify(text, keyText, expected, now) {
  const rows = [];
  try {
    const token = readStrictly(text);
    rows.push(await verifySignature(token, keyText, expected));
    rows.push(...judgeHeader(token.header, expected), ...judgeClaims(token.claims, expected, now));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    rows.push({ state: FAILED, name: error.name, values: error.values });
  }
  return { verdict: verdictOf(rows), rows };
}

function verdictOf(rows) {
  if (rows.some((row) => row.state === FAILED)) return "refused";
  return rows.some((row) => row.state === SKIPPED) ? "partly" : "verified";
}

export function readStrictly(text) {
  const token = text.trim();
  if (token === "") throw new Problem("token_absent");
  if (toUtf8(token).length > MAXIMUM_OCTETS) throw new Problem("token_large", { most: MAXIMUM_OCTETS });
  const segments = token.split(".");
  if (segments.length === 5) throw new Problem("token_encrypted");
  if (segments.length !== 3) throw new Problem("token_not_compact");
  const [header, claims, signature] = segments.map(decodeBase64url);
  if (header === null || claims === null || signature === null) throw new Problem("token_not_base64url");
  const signed = toUtf8(`${segments[0]}.${segments[1]}`);
  return { header: readStrictObject(header, "header"), claims, signature, signed };
}

export function readStrictObject(octets, place) {
  const text = fromUtf8(octets);
  const read = text === null ? null : readJson(text);
  const isSound = read !== null && isObject(read.value) && !isTooDeep(read.value) && isStrictJson(text);
  if (!isSound) throw new Problem(`${place}_not_json`);
  if (read.duplicates.length > 0) throw new Problem("duplicates", { name: read.duplicates[0] });
  return read.value;
}

async function verifySignature(token, keyText, { algorithm, secretIs }) {
  const named = token.header.alg;
  if (named !== algorithm) throw new Problem("algorithm_other", { named: String(named ?? "–"), algorithm });
  if (has(token.header, "crit")) throw new Problem("crit_refused");
  const keys = await readKeys(keyText, algorithm, secretIs);
  const { kid } = token.header;
  const candidates = namedBy(kid, keys.filter((key) => fits(key, algorithm, "verify")));
  if (candidates.length === 0) throw new Problem(noKey(keys, kid), { kid: String(kid ?? "–"), algorithm });
  for (const key of candidates) {
    const bound = await bind(key, algorithm, "verify");
    if (await crypto.subtle.verify(ALGORITHMS[algorithm].operation, bound, token.signature, token.signed)) {
      return { state: PASSED, ...(await nameOf(key)) };
    }
  }
  throw new Problem(isSymmetric(algorithm) ? "signature_wrong_secret" : "signature_wrong");
}

const noKey = (keys, kid) => (keys.length > 1 && kid !== undefined ? "key_unknown" : "key_misfit");

async function nameOf(key) {
  if (typeof key.kid === "string") return { name: "signed_by_kid", values: { kid: key.kid } };
  if (key.kty === "oct") return { name: "signed_by_secret", values: {} };
  return { name: "signed_by_thumbprint", values: { thumbprint: await thumbprint(key) } };
}

function judgeHeader({ typ }, expected) {
  if (expected.typ === "") return [{ state: SKIPPED, name: "typ_skipped", values: {} }];
  const isRight = typeof typ === "string" && normalTyp(typ) === normalTyp(expected.typ);
  return [row(isRight, "typ", { found: typ ?? "–", expected: expected.typ })];
}

function judgeClaims(octets, expected, now) {
  const claims = readStrictObject(octets, "claims");
  return [judgeIssuer(claims, expected.issuer), judgeAudience(claims, expected.audience), ...judgeTimes(claims, now)];
}

function judgeIssuer({ iss }, issuer) {
  if (issuer === "") return { state: SKIPPED, name: "iss_skipped", values: {} };
  return row(iss === issuer, "iss", { found: iss ?? "–", expected: issuer });
}

function judgeAudience({ aud }, audience) {
  if (audience === "") return { state: SKIPPED, name: "aud_skipped", values: {} };
  const listed = Array.isArray(aud) ? aud : [aud];
  return row(listed.includes(audience), "aud", { found: aud === undefined ? "–" : listed.join(", "), expected: audience });
}

function judgeTimes(claims, now) {
  const expiresAt = numericDate(claims.exp);
  const rows = [];
  if (expiresAt === null) rows.push({ state: FAILED, name: has(claims, "exp") ? "exp_malformed" : "exp_absent", values: {} });
  else rows.push({ ...row(now < expiresAt, "exp", {}), at: expiresAt });
  for (const name of ["nbf", "iat"]) {
    if (!has(claims, name)) continue;
    const time = numericDate(claims[name]);
    if (time === null) rows.push({ state: FAILED, name: `${name}_malformed`, values: {} });
    else rows.push({ ...row(time <= now + LEEWAY, name, {}), at: time });
  }
  return rows;
}

function row(isRight, name, values) {
  return { state: isRight ? PASSED : FAILED, name: `${name}_${isRight ? "right" : "wrong"}`, values };
}
