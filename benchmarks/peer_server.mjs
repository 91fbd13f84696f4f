// The peer of benchmarks/server.py and start.py: npm oidc-provider with its in-memory adapter, registered like ours.
import { generateKeyPairSync } from 'node:crypto';
import Provider from '../tests/interop/node_modules/oidc-provider/lib/index.js';

const [port, secret] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const resource = 'https://api.example.com';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'machine',
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
      scope: 'a.read',
    },
    {
      client_id: 'web',
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://web.example.com/callback'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
      scope: 'openid offline_access a.read',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'one' }] },
  scopes: ['openid', 'offline_access', 'a.read'],
  clientBasedCORS: () => false,
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  ttl: { AccessToken: 300, ClientCredentials: 300, IdToken: 300 },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => resource,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({
        scope: 'a.read',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
