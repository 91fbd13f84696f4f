// A server that we did not write, for our client: npm oidc-provider with every feature that the client speaks.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, secret, jwk] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const resource = 'https://api.example.com';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const client = {
  client_secret: secret,
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: 'ES256',
  introspection_signed_response_alg: 'ES256',
};
const machine = { ...client, grant_types: ['client_credentials'], scope: 'a.read' };

const provider = new Provider(issuer, {
  clients: [
    { ...machine, client_id: 'basic' },
    { ...machine, client_id: 'post', token_endpoint_auth_method: 'client_secret_post' },
    { ...machine, client_id: 'mac', token_endpoint_auth_method: 'client_secret_jwt' },
    {
      ...machine,
      client_id: 'key',
      client_secret: undefined,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [JSON.parse(jwk)] },
    },
    {
      ...client,
      client_id: 'native',
      client_secret: undefined,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid offline_access a.read',
    },
    {
      ...client,
      client_id: 'tv',
      client_secret: undefined,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      scope: 'openid offline_access a.read',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'one' }] },
  scopes: ['openid', 'offline_access', 'a.read'],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
  clientBasedCORS: () => false,
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => resource,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({ scope: 'a.read', audience: resource, accessTokenFormat: 'opaque' }),
    },
  },
  enabledJWA: { introspectionSigningAlgValues: ['ES256'] },
});

provider.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
