// A row per algorithm that WebCrypto has: nothing else knows what a name means (RFC 7518, 3; RFC 9864).

const rsa = (name, hash) => ({
  kty: "RSA",
  key: { name, hash },
  operation: name === "RSA-PSS" ? { name, saltLength: Number(hash.slice(4)) / 8 } : { name },
  generation: { name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
});
const hmac = (hash) => {
  const key = { name: "HMAC", hash };
  const octets = Number(hash.slice(4)) / 8;
  return { kty: "oct", octets, key, operation: key, generation: { ...key, length: octets * 8 } };
};
const ecdsa = (hash, curve) => {
  const key = { name: "ECDSA", namedCurve: curve };
  return { kty: "EC", curve, key, operation: { name: "ECDSA", hash }, generation: key };
};
const ed25519 = { kty: "OKP", curve: "Ed25519", key: { name: "Ed25519" }, operation: { name: "Ed25519" }, generation: { name: "Ed25519" } };

export const ALGORITHMS = {
  ES256: ecdsa("SHA-256", "P-256"),
  ES384: ecdsa("SHA-384", "P-384"),
  ES512: ecdsa("SHA-512", "P-521"),
  Ed25519: ed25519,
  EdDSA: ed25519,
  PS256: rsa("RSA-PSS", "SHA-256"),
  PS384: rsa("RSA-PSS", "SHA-384"),
  PS512: rsa("RSA-PSS", "SHA-512"),
  RS256: rsa("RSASSA-PKCS1-v1_5", "SHA-256"),
  RS384: rsa("RSASSA-PKCS1-v1_5", "SHA-384"),
  RS512: rsa("RSASSA-PKCS1-v1_5", "SHA-512"),
  HS256: hmac("SHA-256"),
  HS384: hmac("SHA-384"),
  HS512: hmac("SHA-512"),
};

export const isSymmetric = (algorithm) => ALGORITHMS[algorithm].kty === "oct";

// Tells whether this browser can work with the algorithm.
export async function isAvailable(algorithm) {
  if (!globalThis.crypto?.subtle) return false;
  if (ALGORITHMS[algorithm].kty !== "OKP") return true;
  try {
    await crypto.subtle.generateKey(ALGORITHMS[algorithm].generation, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}
