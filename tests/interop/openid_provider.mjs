// A provider that we did not write, to compare with: npm oidc-provider with what OpenID Connect leaves to choose.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const types = ['code', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token'];

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: 'compared',
    client_secret: secret,
    redirect_uris: ['https://compared.example.com/callback'],
    post_logout_redirect_uris: ['https://compared.example.com/bye'],
    grant_types: ['authorization_code', 'implicit'],
    response_types: types,
    scope: 'openid email',
  }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'one' }] },
  responseTypes: types,
  scopes: ['openid', 'email', 'offline_access'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  pkce: { required: () => false },
  features: {
    claimsParameter: { enabled: true },
    requestObjects: { enabled: true },
    backchannelLogout: { enabled: true },
  },
});

provider.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
