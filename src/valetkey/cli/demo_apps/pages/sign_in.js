// Authorization code with PKCE in a browser: in this window, or silently in a frame (OAuth 2.1, 4.1; Core, 3.1.3.7).

const SILENT_MILLISECONDS = 10_000;
const CLOCK_SKEW = 10;

export class Refused extends Error {
  constructor(code, words) {
    super(words || code);
    this.code = code;
  }
}

export async function open() {
  const parties = await (await fetch("/parties.json", { cache: "no-store" })).json();
  const metadata = await (await fetch(`${parties.issuer}/.well-known/openid-configuration`)).json();
  if (metadata.issuer !== parties.issuer) throw new Refused("issuer_mismatch");
  return { ...parties, metadata };
}

// Sends the window away; the answer is found by `returned` when the page is loaded again.
export async function leave(server, parameters, why) {
  const started = await begin(server, parameters);
  sessionStorage.setItem("started", JSON.stringify({ ...started, why, url: undefined }));
  location.assign(started.url);
}

// The answer that a window came back with, redeemed; null where there is none.
export async function returned(server) {
  const answer = sessionStorage.getItem("answer");
  const started = JSON.parse(sessionStorage.getItem("started") ?? "null");
  sessionStorage.removeItem("answer");
  sessionStorage.removeItem("started");
  if (answer === null || started === null) return null;
  return { ...(await redeem(server, started, answer)), why: started.why };
}

// The same in a frame that shows nothing (prompt=none).
export async function silently(server) {
  const started = await begin(server, { prompt: "none" });
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.title = "Silent renewal";
  try {
    const answer = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Refused("timeout")), SILENT_MILLISECONDS);
      window.addEventListener("message", function heard(event) {
        if (event.origin !== location.origin || event.source !== frame.contentWindow) return;
        window.removeEventListener("message", heard);
        clearTimeout(timer);
        resolve(String(event.data?.answer ?? ""));
      });
      frame.src = started.url;
      document.body.append(frame);
    });
    return await redeem(server, started, answer);
  } finally {
    frame.remove();
  }
}

async function begin(server, parameters) {
  const [state, nonce, verifier] = [random(), random(), random()];
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: server.client_id,
    redirect_uri: server.redirect_uri,
    scope: server.scope,
    claims: server.claims,
    resource: server.api,
    state,
    nonce,
    code_challenge: base64url(hash),
    code_challenge_method: "S256",
    ...parameters,
  });
  return { state, nonce, verifier, url: `${server.metadata.authorization_endpoint}?${query}` };
}

async function redeem(server, started, answer) {
  const found = new URLSearchParams(answer);
  if (found.get("state") !== started.state) throw new Refused("state_mismatch");
  if (found.get("iss") !== server.issuer) throw new Refused("issuer_mismatch");
  if (found.has("error")) throw new Refused(found.get("error"), found.get("error_description"));
  const response = await fetch(server.metadata.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: server.client_id,
      code: found.get("code"),
      redirect_uri: server.redirect_uri,
      code_verifier: started.verifier,
    }),
  });
  const tokens = await response.json();
  if (!response.ok) throw new Refused(tokens.error, tokens.error_description);
  const claims = await verified(server, tokens.id_token, started.nonce);
  return {
    claims,
    idToken: tokens.id_token,
    accessToken: tokens.access_token,
    expiresAt: Date.now() + tokens.expires_in * 1000,
    sessionState: found.get("session_state"),
  };
}

async function verified(server, idToken, nonce) {
  const [header, payload, signature] = idToken.split(".");
  const { kid, alg } = JSON.parse(text(header));
  if (alg !== "RS256") throw new Refused("invalid_id_token");
  const { keys } = await (await fetch(server.metadata.jwks_uri)).json();
  const jwk = keys.find((each) => each.kid === kid);
  if (jwk === undefined) throw new Refused("invalid_id_token");
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", { ...jwk, key_ops: ["verify"] }, algorithm, false, ["verify"]);
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  if (!(await crypto.subtle.verify(algorithm, key, octets(signature), signed))) throw new Refused("invalid_id_token");
  const claims = JSON.parse(text(payload));
  const isOurs = claims.iss === server.issuer && [claims.aud].flat().includes(server.client_id) && claims.nonce === nonce;
  if (!isOurs || claims.exp * 1000 < Date.now() - CLOCK_SKEW * 1000) throw new Refused("invalid_id_token");
  return claims;
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function octets(encoded) {
  return Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

function text(encoded) {
  return new TextDecoder().decode(octets(encoded));
}
