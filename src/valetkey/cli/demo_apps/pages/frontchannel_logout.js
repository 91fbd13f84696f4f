// Front-Channel Logout, 3: tells every tab of this application which session of which issuer has ended.
const query = new URLSearchParams(location.search);
new BroadcastChannel("logout").postMessage({ iss: query.get("iss"), sid: query.get("sid") });
