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
  async sign_form({ form, key, alg, header, payload }) {
    const octets = encoder.encode(payload);
    const signer = await jose.importJWK(key, alg);
    if (form === 'general') {
      return new jose.GeneralSign(octets).addSignature(signer).setProtectedHeader(header).sign();
    }
    if (form === 'compact' || form === 'detached') {
      return new jose.CompactSign(octets).setProtectedHeader(header).sign(signer);
    }
    const made = await new jose.FlattenedSign(octets).setProtectedHeader(header).sign(signer);
    if (form === 'unencoded') return `${made.protected}..${made.signature}`;
    return form === 'unencoded_json' ? { ...made, payload } : made;
  },
  async verify_form({ form, key, alg, value, payload }) {
    const verifier = await jose.importJWK(key, alg);
    const options = { algorithms: [alg] };
    if (form === 'compact') return decoder.decode((await jose.compactVerify(value, verifier, options)).payload);
    if (form === 'general') return decoder.decode((await jose.generalVerify(value, verifier, options)).payload);
    let flattened = value;
    if (form === 'detached' || form === 'unencoded') {
      const [head, , signature] = value.split('.');
      const text = form === 'detached' ? jose.base64url.encode(payload) : payload;
      flattened = { protected: head, payload: text, signature };
    }
    return decoder.decode((await jose.flattenedVerify(flattened, verifier, options)).payload);
  },
  async encrypt_form({ form, key, alg, enc, plaintext, second }) {
    const octets = encoder.encode(plaintext);
    const owner = await jose.importJWK(key, alg);
    if (form === 'compact') {
      return new jose.CompactEncrypt(octets).setProtectedHeader({ alg, enc, kid: key.kid }).encrypt(owner);
    }
    if (form === 'flattened') {
      const made = new jose.FlattenedEncrypt(octets).setProtectedHeader({ enc });
      return made.setUnprotectedHeader({ alg, kid: key.kid }).encrypt(owner);
    }
    const made = new jose.GeneralEncrypt(octets).setProtectedHeader({ enc });
    made.addRecipient(owner).setUnprotectedHeader({ alg, kid: key.kid });
    if (second !== null) {
      const other = await jose.importJWK(second, 'A256KW');
      made.addRecipient(other).setUnprotectedHeader({ alg: 'A256KW', kid: second.kid });
    }
    return made.encrypt();
  },
  async decrypt_form({ form, key, alg, enc, value }) {
    const owner = await jose.importJWK(key, alg);
    const options = {
      keyManagementAlgorithms: [alg],
      contentEncryptionAlgorithms: [enc],
      maxPBES2Count: 200000,
    };
    const decrypt = { compact: jose.compactDecrypt, flattened: jose.flattenedDecrypt, general: jose.generalDecrypt };
    return decoder.decode((await decrypt[form](value, owner, options)).plaintext);
  },
  async thumbprint({ key }) {
    return jose.calculateJwkThumbprint(key);
  },
});
