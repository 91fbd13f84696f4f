// openid-client 6 as an application would use it, with every check that it offers switched on.
import { CompactEncrypt, createRemoteJWKSet, importJWK, jwtVerify } from 'jose';
import * as client from 'openid-client';

import { answer } from './peer.mjs';

let config;
let begun;

const authentication = {
  none: () => client.None(),
  client_secret_basic: ({ secret }) => client.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => client.ClientSecretPost(secret),
  client_secret_jwt: ({ secret }) => client.ClientSecretJwt(secret),
  private_key_jwt: async ({ jwk }) =>
    client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }),
};

function options(issuer, algorithm) {
  return {
    algorithm,
    // Plain http is for loopback alone, and only where the issuer says so itself.
    execute: [
      client.enableNonRepudiationChecks,
      ...(issuer.startsWith('http://localhost:') ? [client.allowInsecureRequests] : []),
    ],
    timeout: 20,
  };
}

// What the browser brought: an address, or an address and the form that was posted to it.
function arrival(url, posted) {
  if (posted === undefined) return new URL(url);
  return new Request(url, { method: 'POST', body: new URLSearchParams(posted) });
}

async function beginning({ redirect_uri, ...parameters }) {
  begun = {
    verifier: client.randomPKCECodeVerifier(),
    state: client.randomState(),
    nonce: client.randomNonce(),
  };
  return {
    redirect_uri,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
    code_challenge_method: 'S256',
    ...parameters,
  };
}

await answer({
  async discover({ issuer, client_id, method, metadata = {}, algorithm = 'oidc', ...credentials }) {
    config = await client.discovery(
      new URL(issuer),
      client_id,
      metadata,
      await authentication[method](credentials),
      options(issuer, algorithm),
    );
    return config.serverMetadata();
  },

  // What comes encrypted from here on is opened with the client's own key; what is not, is refused.
  async decrypting({ jwk, enc }) {
    const key = await importJWK(jwk, jwk.alg);
    client.enableDecryptingResponses(config, [enc], { key, alg: jwk.alg, kid: jwk.kid });
    return {};
  },

  // From here on, the other calls are those of the client that was registered.
  async register({ issuer, metadata, initial_access_token, algorithm = 'oidc', ...credentials }) {
    const method = metadata.token_endpoint_auth_method;
    config = await client.dynamicClientRegistration(
      new URL(issuer),
      metadata,
      method === undefined ? undefined : await authentication[method](credentials),
      { ...options(issuer, algorithm), initialAccessToken: initial_access_token },
    );
    return config.clientMetadata();
  },

  async begin(parameters) {
    return client.buildAuthorizationUrl(config, await beginning(parameters)).href;
  },

  // The whole request as an object that the client signs (RFC 9101), encrypted for the server where it has a key.
  async begin_signed({ jwk, recipient, ...parameters }) {
    const signingKey = { key: await importJWK(jwk, jwk.alg), kid: jwk.kid };
    const url = await client.buildAuthorizationUrlWithJAR(config, await beginning(parameters), signingKey);
    if (recipient !== undefined) {
      const signed = new TextEncoder().encode(url.searchParams.get('request'));
      const header = { alg: recipient.alg, enc: 'A256GCM', kid: recipient.kid, cty: 'oauth-authz-req+jwt' };
      const sealed = new CompactEncrypt(signed).setProtectedHeader(header);
      url.searchParams.set('request', await sealed.encrypt(await importJWK(recipient, recipient.alg)));
    }
    return url.href;
  },

  // From here on, the client asks for this response type, and looks for its answer where that puts it.
  async expect({ response_type }) {
    if (response_type === 'code id_token') client.useCodeIdTokenResponseType(config);
    if (response_type === 'id_token') client.useIdTokenResponseType(config);
    return {};
  },

  async finish_implicit({ url, posted, changed = {} }) {
    const kept = { ...begun, ...changed };
    const arrived = arrival(url, posted);
    return client.implicitAuthentication(config, arrived, kept.nonce, { expectedState: kept.state });
  },

  async finish({ url, posted, changed = {}, max_age }) {
    const kept = { ...begun, ...changed };
    const tokens = await client.authorizationCodeGrant(config, arrival(url, posted), {
      pkceCodeVerifier: kept.verifier,
      expectedState: kept.state,
      expectedNonce: kept.nonce,
      idTokenExpected: true,
      ...(max_age === undefined ? {} : { maxAge: max_age }),
    });
    return { ...tokens, claims: tokens.claims(), lifetime: tokens.expiresIn() };
  },

  async refresh({ refresh_token, ...parameters }) {
    const tokens = await client.refreshTokenGrant(config, refresh_token, parameters);
    return { ...tokens, claims: tokens.claims() ?? null };
  },

  end_session: (parameters) => client.buildEndSessionUrl(config, parameters).href,

  // As a relying party judges a logout token (OpenID Connect Back-Channel Logout, 2.6), by the keys of the server.
  async logged_out({ token, issuer, audience, jwks_uri, algorithm }) {
    const keys = createRemoteJWKSet(new URL(jwks_uri));
    const rules = { issuer, audience, typ: 'logout+jwt', algorithms: [algorithm], maxTokenAge: '2 minutes' };
    const requiredClaims = ['iss', 'aud', 'iat', 'exp', 'jti', 'events', 'sid'];
    return (await jwtVerify(token, keys, { ...rules, requiredClaims })).payload;
  },

  userinfo: ({ access_token, subject }) => client.fetchUserInfo(config, access_token, subject),

  introspect: ({ token, ...parameters }) => client.tokenIntrospection(config, token, parameters),

  async revoke({ token, ...parameters }) {
    await client.tokenRevocation(config, token, parameters);
    return {};
  },

  client_credentials: (parameters) => client.clientCredentialsGrant(config, parameters),

  grant: ({ grant_type, ...parameters }) => client.genericGrantRequest(config, grant_type, parameters),

  device: (parameters) => client.initiateDeviceAuthorization(config, parameters),

  // Waits and asks as often as the answers say, until they say something else.
  async poll({ device }) {
    const tokens = await client.pollDeviceAuthorizationGrant(config, device);
    return { ...tokens, claims: tokens.claims() ?? null };
  },

  async call_api({ access_token, url }) {
    const response = await client.fetchProtectedResource(config, access_token, new URL(url), 'GET');
    return { status: response.status, body: await response.json() };
  },
});
