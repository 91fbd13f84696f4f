// The TypeScript MCP client of @modelcontextprotocol/sdk, as a program without a screen of its own would use it.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { answer } from './peer.mjs';

const kept = {};
let transport;
let client;

function program({ redirect_uri, document_url, metadata = {} }) {
  return {
    redirectUrl: redirect_uri,
    clientMetadataUrl: document_url,
    clientMetadata: {
      client_name: 'Notes Desk',
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...metadata,
    },
    state: () => crypto.randomUUID(),
    clientInformation: () => kept.client,
    saveClientInformation: (given) => {
      kept.client = given;
    },
    tokens: () => kept.tokens,
    saveTokens: (given) => {
      kept.tokens = given;
    },
    redirectToAuthorization: (url) => {
      kept.opened = url.href;
    },
    saveCodeVerifier: (verifier) => {
      kept.verifier = verifier;
    },
    codeVerifier: () => kept.verifier,
    invalidateCredentials: (scope) => {
      if (scope === 'all' || scope === 'client') delete kept.client;
      if (scope === 'all' || scope === 'tokens') delete kept.tokens;
    },
  };
}

let provider;

async function connect(server_url) {
  transport = new StreamableHTTPClientTransport(new URL(server_url), { authProvider: provider });
  client = new Client({ name: 'Notes Desk', version: '1' });
  await client.connect(transport);
}

// Runs `act`; where that wants a person first, tells the URL that a browser is to open.
async function unlessAsked(act) {
  delete kept.opened;
  try {
    return { result: await act(), opened: null };
  } catch (error) {
    if (kept.opened === undefined) throw error;
    return { result: null, opened: kept.opened };
  }
}

await answer({
  open({ server_url, ...program_ }) {
    provider = program(program_);
    return unlessAsked(async () => {
      await connect(server_url);
      return true;
    });
  },

  async finish({ server_url, code }) {
    await transport.finishAuth(code);
    await connect(server_url);
    return true;
  },

  call_tool: () => unlessAsked(() => client.callTool({ name: 'notes', arguments: {} })),

  kept: () => kept,

  // As if time had passed: what is kept is no access token that anybody takes.
  forget_access_token() {
    kept.tokens = { ...kept.tokens, access_token: 'expired' };
    return true;
  },
});
