// The page of the Reading Room: it has no token, and asks the server that it came from for everything (RFC 10017, 6.1).

const SHOWN = ["sub", "name", "email", "auth_time", "acr", "amr"];
const ACTIONS = {
  order: { method: "POST", path: "/prints", done: "The API took the order." },
  empty: { method: "DELETE", path: "/bin", done: "The API emptied the bin." },
};
const at = (id) => document.getElementById(id);

function tell(words) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toTimeString().slice(0, 8);
  line.append(time, ` ${words}`);
  at("log").prepend(line);
}

// The header says that a page of this origin asks: no other page can send it without being asked about it first.
function call(method, path) {
  return fetch(path, { method, headers: { "x-csrf": "1" } });
}

function show(claims) {
  at("in").hidden = at("claims-card").hidden = at("albums-card").hidden = claims === null;
  at("out").hidden = claims !== null;
  at("found-cookies").textContent = ours(document.cookie) || "none that a script may read";
  at("found-storage").textContent = localStorage.length + sessionStorage.length === 0 ? "empty" : "not empty";
  if (claims === null) return;
  at("signed-in").textContent = `Hello, ${claims.name ?? "you"}`;
  at("claims").replaceChildren(
    ...SHOWN.filter((name) => name in claims).map((name) => {
      const row = document.createElement("div");
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      value.textContent = [claims[name]].flat().join(", ");
      value.id = `claim-${name}`;
      row.append(term, value);
      return row;
    }),
  );
}

// Cookies know no ports: the server beside us on this computer has one that scripts may read (Session Management, 3.2).
function ours(cookies) {
  return cookies.split("; ").filter((cookie) => cookie && !cookie.includes("vk_opbs")).join("; ");
}

function lose(words) {
  tell(words);
  show(null);
}

async function who() {
  const response = await fetch("/session", { cache: "no-store" });
  return response.ok ? (await response.json()).claims : null;
}

async function albums() {
  const response = await call("GET", "/api/albums");
  if (response.status === 401) return lose("The session has ended elsewhere.");
  if (!response.ok) return tell(`The API cannot be asked: ${(await response.json()).error}.`);
  const titles = (await response.json()).albums.map((album) => album.title);
  at("albums").replaceChildren(
    ...titles.map((title) => Object.assign(document.createElement("li"), { textContent: title })),
  );
}

async function act(name, again = false) {
  const { method, path, done } = ACTIONS[name];
  const response = await call(method, `/api${path}`);
  if (response.ok) return tell(done);
  const { error, login } = await response.json();
  if (error !== "insufficient_user_authentication") {
    return response.status === 401 ? lose("The session has ended elsewhere.") : tell(`Not done: ${error}.`);
  }
  if (again) return tell("The sign-in did not reach that level. Set up a second factor on your account page.");
  leave(login, `/?again=${name}`);
}

function leave(login, back) {
  location.assign(`${login}${login.includes("?") ? "&" : "?"}return_to=${encodeURIComponent(back)}`);
}

at("sign-in").addEventListener("click", () => leave("/session/login", "/"));
at("read").addEventListener("click", async () => {
  await albums();
  if (!at("in").hidden) tell("The API told the albums.");
});
at("order").addEventListener("click", () => act("order"));
at("empty").addEventListener("click", () => act("empty"));
at("sign-out").addEventListener("click", async () => {
  const response = await call("POST", "/session/logout");
  location.assign((await response.json()).location);
});

const came = new URLSearchParams(location.search);
history.replaceState(null, "", "/");
const claims = await who();
show(claims);
if (came.has("session_error")) tell(`The sign-in brought nothing: ${came.get("session_error")}.`);
if (claims !== null) {
  tell("Signed in on the server.");
  await albums();
  if (came.get("again") in ACTIONS) await act(came.get("again"), true);
}
document.body.dataset.ready = "true";
