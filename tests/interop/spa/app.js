// A single-page application as the documentation of oidc-client-ts writes it; a test calls what hangs on `app`.
'use strict';

const settings = JSON.parse(localStorage.getItem('settings') ?? 'null');
const users = settings && new oidc.UserManager({
  redirect_uri: `${location.origin}/callback`,
  silent_redirect_uri: `${location.origin}/silent`,
  post_logout_redirect_uri: `${location.origin}/`,
  loadUserInfo: true,
  automaticSilentRenew: false,
  userStore: new oidc.WebStorageStateStore({ store: localStorage }),
  ...settings,
});

function shown(user) {
  return user && {
    access_token: user.access_token,
    refresh_token: user.refresh_token ?? null,
    id_token: user.id_token ?? null,
    session_state: user.session_state,
    scope: user.scope,
    expires_in: user.expires_in,
    profile: user.profile,
    state: user.state ?? null,
  };
}

const told = [];
users?.events.addUserSignedOut(() => told.push('signed out'));
users?.events.addUserSessionChanged(() => told.push('session changed'));

// What the signed-out page of the server frames: whose session it names must be the one that is known here.
async function signedOutElsewhere() {
  const asked = new URLSearchParams(location.search);
  const user = await users.getUser();
  if (user && asked.get('iss') === settings.authority && asked.get('sid') === user.profile.sid) {
    await users.removeUser();
  }
}

if (location.pathname === '/silent') users.signinSilentCallback();
if (location.pathname === '/signed-out-elsewhere') signedOutElsewhere();

window.app = {
  told,
  start: (given) => users.signinRedirect(given),
  finish: async () => shown(await users.signinRedirectCallback()),
  renew: async (given) => shown(await users.signinSilent(given)),
  status: async () => users.querySessionStatus(),
  user: async () => shown(await users.getUser()),
  logout: async (given) => users.signoutRedirect(given),
  finishLogout: async () => users.signoutRedirectCallback(),

  // What a script of this origin may read of the server; the browser decides by what the server answers.
  async read(url, options) {
    try {
      const response = await fetch(url, options);
      return { status: response.status, text: await response.text() };
    } catch (error) {
      return { refused: error.message };
    }
  },
};
