// The page of the Album Wall: who is signed in, when that ends, and what the API wants (RFC 9470).
import { Refused, leave, open, returned, silently } from "./sign_in.js";

const RENEW_BEFORE_MILLISECONDS = 60_000;
const SHOWN = ["sub", "name", "email", "auth_time", "acr", "amr", "sid"];
const ACTIONS = {
  order: { method: "POST", path: "/prints", done: "The API took the order." },
  empty: { method: "DELETE", path: "/bin", done: "The API emptied the bin." },
};
const at = (id) => document.getElementById(id);

const server = await open();
let session = null;
let renewing = null;

function tell(words) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toTimeString().slice(0, 8);
  line.append(time, ` ${words}`);
  at("log").prepend(line);
}

function show() {
  at("in").hidden = at("claims-card").hidden = at("albums-card").hidden = session === null;
  at("out").hidden = session !== null;
  if (session === null) return;
  at("signed-in").textContent = `Hello, ${session.claims.name ?? "you"}`;
  at("claims").replaceChildren(
    ...SHOWN.filter((name) => name in session.claims).map((name) => {
      const row = document.createElement("div");
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      value.textContent = [session.claims[name]].flat().join(", ");
      value.id = `claim-${name}`;
      row.append(term, value);
      return row;
    }),
  );
}

async function become(found, words) {
  const someoneElse = session !== null && session.claims.sub !== found.claims.sub;
  session = found;
  tell(someoneElse ? `Somebody else is signed in now: ${found.claims.name}.` : words);
  show();
  watch();
  await albums();
}

function lose(words) {
  if (session === null) return;
  session = null;
  at("session")?.remove();
  tell(words);
  show();
}

async function renew() {
  // One at a time: two frames would fight for nothing.
  renewing ??= silently(server).finally(() => { renewing = null; });
  try {
    await become(await renewing, "Renewed silently.");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code === "timeout") tell("The authorization server did not answer the frame in time.");
    else lose(`The session has ended: ${error.code}.`);
  }
}

async function call(method, path) {
  try {
    return await fetch(server.api + path, { method, headers: { authorization: `Bearer ${session.accessToken}` } });
  } catch {
    tell("The API cannot be reached.");
    return null;
  }
}

async function albums() {
  const response = await call("GET", "/albums");
  if (response?.status === 401) return lose("The API refuses the token: the session has ended elsewhere.");
  const titles = response?.ok ? (await response.json()).albums.map((album) => album.title) : [];
  at("albums").replaceChildren(
    ...titles.map((title) => Object.assign(document.createElement("li"), { textContent: title })),
  );
}

async function act(name, again = false) {
  const { method, path, done } = ACTIONS[name];
  const response = await call(method, path);
  if (response === null) return;
  if (response.ok) {
    tell(done);
    await albums();
    return;
  }
  const wanted = challenge(response.headers.get("www-authenticate") ?? "");
  if (response.status !== 401) tell(`The API answered ${response.status}.`);
  else if (wanted === null) lose("The API refuses the token: the session has ended elsewhere.");
  else if (again) tell("The sign-in did not reach that level. Set up a second factor on your account page.");
  else await leave(server, wanted, name);
}

// What RFC 9470, 3 says that the next sign-in needs; null for another challenge.
function challenge(header) {
  const found = Object.fromEntries([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  if (found.error !== "insufficient_user_authentication") return null;
  const { acr_values, max_age } = found;
  return { ...(acr_values && { acr_values }), ...(max_age && { max_age }) };
}

// Session Management, 3: a frame of the server says whether anything changed, without asking the network.
function watch() {
  const checked = server.metadata.check_session_iframe;
  if (!checked || !session.sessionState || at("session")) return;
  const frame = Object.assign(document.createElement("iframe"), { id: "session", hidden: true, title: "Session", src: checked });
  const origin = new URL(checked).origin;
  const ask = () => {
    if (session && frame.isConnected) {
      frame.contentWindow.postMessage(`${server.client_id} ${session.sessionState}`, origin);
      setTimeout(ask, 2000);
    }
  };
  window.addEventListener("message", (event) => {
    if (event.origin !== origin || event.source !== frame.contentWindow || session === null) return;
    if (event.data === "changed") {
      tell("The session at the authorization server has changed.");
      renew();
    }
  });
  frame.addEventListener("load", ask, { once: true });
  document.body.append(frame);
}

new BroadcastChannel("logout").addEventListener("message", ({ data }) => {
  // Anybody can link to that page: only who knows the session ends it.
  const isOurs = data.iss === server.issuer && data.sid === session?.claims.sid;
  if (isOurs) lose("Signed out by a front-channel logout.");
});

setInterval(() => {
  if (session === null) return;
  const left = session.expiresAt - Date.now();
  at("countdown").textContent = `${Math.max(0, Math.round(left / 1000))} s`;
  if (left < RENEW_BEFORE_MILLISECONDS && renewing === null) renew();
}, 1000);

at("sign-in").addEventListener("click", () => leave(server, {}, "sign_in"));
at("renew").addEventListener("click", renew);
at("order").addEventListener("click", () => act("order"));
at("empty").addEventListener("click", () => act("empty"));
at("sign-out").addEventListener("click", () => {
  const query = new URLSearchParams({
    id_token_hint: session.idToken,
    client_id: server.client_id,
    post_logout_redirect_uri: server.post_logout_redirect_uri,
  });
  session = null;
  location.assign(`${server.metadata.end_session_endpoint}?${query}`);
});

show();
try {
  const found = await returned(server);
  if (found !== null) {
    await become(found, `Signed in by the authorization server, level ${found.claims.acr}.`);
    if (found.why in ACTIONS) await act(found.why, true);
  } else {
    // Whoever signed in at the other application is signed in here, without a page.
    await become(await silently(server), "Signed in without a page.");
  }
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  tell(`Not signed in: ${error.code}.`);
}
document.body.dataset.ready = "true";
