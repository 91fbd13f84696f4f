// Base64url and UTF-8: strictly for judging, leniently for showing (RFC 7515, 2; RFC 4648, 5).

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]));

export function encodeBase64url(octets) {
  let text = "";
  for (let at = 0; at < octets.length; at += 3) {
    const [first, second = 0, third = 0] = octets.subarray(at, at + 3);
    const bits = (first << 16) | (second << 8) | third;
    const written = Math.min(octets.length - at, 3) + 1;
    for (let place = 0; place < written; place += 1) text += ALPHABET[(bits >> (18 - 6 * place)) & 63];
  }
  return text;
}

// The octets of canonical base64url; null for anything else, padding and unused bits included.
export function decodeBase64url(text) {
  const octets = decodeSextets(text);
  return octets !== null && encodeBase64url(octets) === text ? octets : null;
}

// The octets that a careless reader gets: both alphabets, strangers left out; null where there are none to get.
export function decodeLeniently(text) {
  if (/[^\x00-\x7f]/.test(text)) return null;
  let kept = "";
  for (const character of text.replaceAll("+", "-").replaceAll("/", "_")) {
    if (character === "=" && kept.length % 4 >= 2) break;
    if (VALUES.has(character)) kept += character;
  }
  return decodeSextets(kept);
}

function decodeSextets(text) {
  if (text.length % 4 === 1) return null;
  const octets = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = VALUES.get(character);
    if (value === undefined) return null;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      octets[at] = (bits >> held) & 0xff;
      at += 1;
    }
  }
  return octets;
}

export const toUtf8 = (text) => new TextEncoder().encode(text);

// The text of UTF-8 octets, or null.
export function fromUtf8(octets) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return null;
  }
}
