// Tells the page of a client whether the login state has changed (OpenID Connect Session Management, 3.2).

const { cookie: name, origins } = document.documentElement.dataset;
const expected = new Set(origins.split(" ").filter(Boolean));

function loginState() {
  const pairs = document.cookie.split("; ").filter((pair) => pair.startsWith(`${name}=`));
  // Several are none: who can plant a second one must not choose between them.
  return pairs.length === 1 ? pairs[0].slice(name.length + 1) : "";
}

async function hashed(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

async function verdict(message, origin) {
  const at = message.lastIndexOf(" ");
  const [hash, salt, ...more] = message.slice(at + 1).split(".");
  if (at <= 0 || !hash || !salt || more.length) return "error";
  const state = loginState();
  if (!state) return "changed";
  // The origin is the browser's word for who asks: the state that another origin was given fits nobody else.
  const own = await hashed(`${message.slice(0, at)} ${origin} ${state} ${salt}`);
  return own === hash ? "unchanged" : "changed";
}

window.addEventListener("message", async (event) => {
  if (!event.source || event.source === window || !expected.has(event.origin)) return;
  const answer = typeof event.data === "string" ? await verdict(event.data, event.origin) : "error";
  event.source.postMessage(answer, event.origin);
});
