// Loads the page anew when something happened at the server, such as a logout from elsewhere.
const shown = Number(document.body.dataset.version);

async function look() {
  try {
    const answer = await fetch("/version", { cache: "no-store" });
    if (answer.ok && (await answer.json()).version !== shown) {
      location.reload();
      return;
    }
  } catch {
    // The server is away: the page stays as it is.
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
