// npm jose as the other side: signs, verifies, encrypts and decrypts what pytest asks for.
import * as jose from 'jose';
import { answer } from './peer.mjs';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

await answer({
  async sign({ key, alg, header, claims }) {
    return new jose.SignJWT(claims).setProtectedHeader({ ...header, alg }).sign(await jose.importJWK(key, alg));
  },
  async verify({ key, alg, token, issuer, audience, typ, now }) {
    const options = { algorithms: [alg], issuer, audience, typ, currentDate: new Date(now * 1000) };
    return (await jose.jwtVerify(token, await jose.importJWK(key, alg), options)).payload;
  },
  async sign_json({ key, alg, payload }) {
    const made = new jose.GeneralSign(encoder.encode(payload));
    made.addSignature(await jose.importJWK(key, alg)).setProtectedHeader({ alg, kid: key.kid });
    return made.sign();
  },
  async verify_json({ key, alg, value }) {
    const found = await jose.generalVerify(value, await jose.importJWK(key, alg), { algorithms: [alg] });
    return decoder.decode(found.payload);
  },
  async sign_unencoded({ key, alg, payload }) {
    const made = await new jose.FlattenedSign(encoder.encode(payload))
      .setProtectedHeader({ alg, b64: false, crit: ['b64'], kid: key.kid })
      .sign(await jose.importJWK(key, alg));
    return `${made.protected}..${made.signature}`;
  },
  async encrypt({ key, alg, enc, plaintext }) {
    return new jose.CompactEncrypt(encoder.encode(plaintext))
      .setProtectedHeader({ alg, enc, kid: key.kid })
      .encrypt(await jose.importJWK(key, alg));
  },
  async decrypt({ key, alg, enc, token }) {
    const options = {
      keyManagementAlgorithms: [alg],
      contentEncryptionAlgorithms: [enc],
      maxPBES2Count: 200000,
    };
    const found = await jose.compactDecrypt(token, await jose.importJWK(key, alg), options);
    return decoder.decode(found.plaintext);
  },
  async decrypt_json({ key, alg, value }) {
    const options = { keyManagementAlgorithms: [alg] };
    const found = await jose.generalDecrypt(value, await jose.importJWK(key, alg), options);
    return decoder.decode(found.plaintext);
  },
  async thumbprint({ key }) {
    return jose.calculateJwkThumbprint(key);
  },
});
