// Progressive enhancement only: every page works without this file.

const PATIENCE = 300; // ms until the button says that something is under way
const GIVE_UP = 10_000; // ms until a form that got no answer may be sent again

function submitOnce(form) {
  let timers = [];
  let restore = null;

  const rest = () => {
    timers.forEach(clearTimeout);
    timers = [];
    restore?.();
    restore = null;
    delete form.dataset.sent;
  };

  const showProgress = (button) => {
    const label = button.querySelector("[data-label]");
    const words = label.textContent;
    button.setAttribute("aria-busy", "true");
    label.textContent = button.dataset.busy;
    restore = () => {
      button.removeAttribute("aria-busy");
      label.textContent = words;
    };
  };

  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    const button = event.submitter;
    if (button?.dataset.busy) timers.push(setTimeout(showProgress, PATIENCE, button));
    timers.push(setTimeout(rest, GIVE_UP));
  });

  // The back button may bring the page back as it was left.
  window.addEventListener("pageshow", rest);
}

function offerReveal(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const label = button.querySelector("[data-label]");
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    label.textContent = shown ? button.dataset.hide : button.dataset.show;
  };
  button.addEventListener("click", () => show(input.type === "password"));
  // Sent as a password again, so that no browser remembers it as a text that was typed.
  input.form.addEventListener("submit", () => show(false));
  input.parentElement.classList.add("with-reveal");
  button.hidden = false;
}

function offerCopy(button) {
  if (!navigator.clipboard) return;
  const label = button.querySelector("[data-label]");
  const words = label.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    label.textContent = button.dataset.done;
    setTimeout(() => { label.textContent = words; }, 2000);
  });
  button.hidden = false;
}

function goOn(form) {
  form.requestSubmit(form.querySelector("[type=submit]"));
}

document.querySelectorAll("form").forEach(submitOnce);
document.querySelectorAll("[data-reveal]").forEach(offerReveal);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
document.querySelectorAll("[data-onward]").forEach(goOn);
