// An answer of the authorization server: a silent frame gives it to its parent, a window keeps it for the page.
if (window.parent !== window) {
  window.parent.postMessage({ answer: location.search }, location.origin);
} else {
  sessionStorage.setItem("answer", location.search);
  location.replace("/");
}
