// A single-page application as the documentation of oidc-client-ts writes it; a test calls what hangs on `app`.
'use strict';

const settings = JSON.parse(sessionStorage.getItem('settings') ?? 'null');
const users = settings && new oidc.UserManager({
  ...settings,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  loadUserInfo: true,
  automaticSilentRenew: false,
  userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
});

function shown(user) {
  return user && {
    access_token: user.access_token,
    refresh_token: user.refresh_token ?? null,
    scope: user.scope,
    expires_in: user.expires_in,
    profile: user.profile,
  };
}

window.app = {
  start: (given) => users.signinRedirect(given),
  finish: async () => shown(await users.signinRedirectCallback()),
  renew: async () => shown(await users.signinSilent()),
  user: async () => shown(await users.getUser()),
  logout: async () => users.signoutRedirect(),

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
