// What a text that may be a token holds, read leniently: for showing, never for deciding (RFC 7515; RFC 7516).
// The twin of valetkey.jose.dissection; a test holds the two together.

import { decodeBase64url, decodeLeniently, fromUtf8, toUtf8 } from "./encoding.js";
import { has, isObject, isTooDeep, readJson } from "./json.js";

export const COMPACT_JWS = "JWS, compact";
export const JSON_JWS = "JWS, JSON";
export const COMPACT_JWE = "JWE, compact";
export const JSON_JWE = "JWE, JSON";
export const UNKNOWN = "no token";

const MAXIMUM_OCTETS = 262_144;
const MAXIMUM_SIGNATURES = 16;
const NOTHING = new Uint8Array();
const JWE_NAMES = ["header", "encrypted_key", "iv", "ciphertext", "tag"];

// A fault is the name of its sentence and what stands in it.
export const fault = (name, values = {}) => ({ name, values });
const emptyObject = () => ({ members: Object.create(null), duplicates: [], fault: null, isObject: true, shown: "{}" });
const noObject = (name) => ({ ...emptyObject(), fault: fault(name), isObject: false, shown: "" });

export function dissect(text) {
  const token = unquoted(text.trim());
  const bare = withoutPrefix(token);
  const read = readToken(bare, toUtf8(bare).length);
  return { claims: null, signatures: [], recipients: [], segments: [], faults: [], ...read, hadPrefix: bare !== token };
}

// The headers, one for each signature or recipient.
export const headersOf = (token) =>
  token.recipients.length > 0 ? token.recipients : token.signatures.map((signature) => signature.header);

function readToken(token, octets) {
  if (octets > MAXIMUM_OCTETS) return { form: UNKNOWN, octets, faults: [fault("too_large", { most: MAXIMUM_OCTETS })] };
  if (token.startsWith("{")) return readJsonToken(token, octets);
  const segments = token.split(".");
  if (segments.length === 3) return readCompactJws(token, segments, octets);
  if (segments.length === 5) return readCompactJwe(segments, octets);
  return { form: UNKNOWN, octets, faults: [fault("segments", { count: segments.length })] };
}

function readCompactJws(token, segments, octets) {
  const [header, payload, signature] = segments.map(readOctets);
  const signed = toUtf8(token.slice(0, token.lastIndexOf(".")));
  return {
    form: COMPACT_JWS,
    octets,
    payload: payload.octets,
    claims: readObject(payload.octets),
    signatures: [{ header: readObject(header.octets), octets: signature.octets, signed, segment: segments[2] }],
    segments: namedSegments(["header", "claims", "signature"], segments),
    faults: faultsOf(["header", "payload", "signature"], [header, payload, signature]),
  };
}

function readCompactJwe(segments, octets) {
  const parts = segments.map(readOctets);
  return {
    form: COMPACT_JWE,
    octets,
    recipients: [readObject(parts[0].octets)],
    segments: namedSegments(JWE_NAMES, segments),
    faults: faultsOf(JWE_NAMES, parts),
  };
}

const namedSegments = (names, segments) => segments.map((text, at) => ({ name: names[at], text }));

function unquoted(text) {
  return text.replace(/^["']+/, "").replace(/["']+$/, "");
}

function withoutPrefix(token) {
  let bare = token;
  for (const prefix of ["authorization:", "bearer ", "dpop "]) {
    if (bare.slice(0, prefix.length).toLowerCase() === prefix) bare = bare.slice(prefix.length).trimStart();
  }
  return bare;
}

function readOctets(segment) {
  if (typeof segment !== "string") return { octets: NOTHING, fault: "not_text" };
  const octets = decodeBase64url(segment);
  if (octets !== null) return { octets, fault: null };
  return { octets: decodeLeniently(segment) ?? NOTHING, fault: "not_base64url" };
}

function faultsOf(names, parts) {
  return parts.flatMap((part, at) => (part.fault === null ? [] : [fault(part.fault, { part: names[at] })]));
}

function readObject(octets) {
  const text = fromUtf8(octets);
  return text === null ? noObject("not_json") : readObjectText(text);
}

function readObjectText(text) {
  const read = readJson(text);
  if (read === null) return noObject("not_json");
  if (!isObject(read.value)) return noObject("not_an_object");
  if (isTooDeep(read.value)) return noObject("too_deep");
  return { ...emptyObject(), members: read.value, duplicates: read.duplicates, shown: read.shown };
}

function readJsonToken(token, octets) {
  const whole = readObjectText(token);
  const { members } = whole;
  if (has(members, "ciphertext")) return readJsonJwe(whole, octets);
  if (!has(members, "signature") && !has(members, "signatures")) {
    return { form: UNKNOWN, octets, faults: [whole.fault ?? fault("neither")] };
  }
  const segment = has(members, "payload") ? members.payload : "";
  const payload = readOctets(segment);
  const text = typeof segment === "string" ? segment : "";
  return {
    form: JSON_JWS,
    octets,
    payload: payload.octets,
    claims: readObject(payload.octets),
    signatures: listed(members, "signatures").map((one) => readJsonSignature(one, text)),
    segments: [{ name: "claims", text }],
    faults: [...faultsOf(["payload"], [payload]), ...twice(whole)],
  };
}

function readJsonSignature(members, payload) {
  const segment = members.protected ?? "";
  const first = segment === "" ? emptyObject() : readObject(readOctets(segment).octets);
  return {
    header: merged(first, members.header),
    octets: readOctets(members.signature).octets,
    signed: toUtf8(`${segment}.${payload}`),
    segment: typeof members.signature === "string" ? members.signature : "",
  };
}

function readJsonJwe(whole, octets) {
  const { members } = whole;
  const segment = members.protected ?? "";
  const first = segment === "" ? emptyObject() : readObject(readOctets(segment).octets);
  const shared = merged(first, members.unprotected);
  const headers = listed(members, "recipients").map((one) => merged(shared, one.header));
  return {
    form: JSON_JWE,
    octets,
    recipients: headers.length > 0 ? headers : [shared],
    faults: twice(whole),
  };
}

function listed(members, name) {
  const found = has(members, name) ? members[name] : [members];
  return Array.isArray(found) ? found.slice(0, MAXIMUM_SIGNATURES).filter(isObject) : [];
}

function merged(first, unprotected) {
  if (!isObject(unprotected) || Object.keys(unprotected).length === 0) return first;
  const repeated = Object.keys(unprotected).filter((name) => has(first.members, name));
  const members = Object.assign(Object.create(null), unprotected, first.members);
  const shown = JSON.stringify(members, null, 2);
  return { ...first, members, shown, duplicates: [...first.duplicates, ...repeated] };
}

const twice = (whole) => whole.duplicates.map((name) => fault("stands_twice", { name }));
