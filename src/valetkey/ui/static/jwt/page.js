// The token debugger: three panes, one at a time. Nothing that is typed here leaves the page or is kept.

import { startDecoding } from "./decode_pane.js";
import { byId } from "./elements.js";
import { startGenerating } from "./generate_pane.js";
import { startVerifying } from "./verify_pane.js";

const NAMES = ["decode", "verify", "generate"];
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
const tabs = NAMES.map((name) => byId(`tab-${name}`));

function open(name) {
  NAMES.forEach((other, at) => {
    const isOpen = other === name;
    tabs[at].setAttribute("aria-selected", String(isOpen));
    tabs[at].tabIndex = isOpen ? 0 : -1;
    byId(`pane-${other}`).hidden = !isOpen;
  });
}

// An address may name a pane. It is only read: nothing that is done here shows in it.
function openHere() {
  const name = location.hash.slice(1);
  open(NAMES.includes(name) ? name : NAMES[0]);
}

tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => open(NAMES[at]));
  tab.addEventListener("keydown", (event) => {
    const mirror = document.documentElement.dir === "rtl" && /Left|Right/.test(event.key) ? -1 : 1;
    const last = NAMES.length - 1;
    const step = STEPS[event.key] === undefined ? null : (at + mirror * STEPS[event.key] + NAMES.length) % NAMES.length;
    const target = event.key === "Home" ? 0 : event.key === "End" ? last : step;
    if (target === null) return;
    event.preventDefault();
    open(NAMES[target]);
    tabs[target].focus();
  });
});

const fillVerify = startVerifying();
const goVerify = (values) => {
  fillVerify(values);
  open("verify");
  byId(values.key === undefined ? "verify-key" : "verify-submit").focus();
};
startDecoding(goVerify);
const hasCryptography = globalThis.crypto?.subtle !== undefined;
if (hasCryptography) startGenerating(goVerify);
document.querySelectorAll("[data-needs-cryptography]").forEach((button) => { button.disabled = !hasCryptography; });
document.querySelectorAll("[data-no-cryptography]").forEach((line) => { line.hidden = hasCryptography; });

window.addEventListener("hashchange", openHere);
// A page that the back button brings back would still hold what was pasted.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
openHere();
byId("jwt-without").hidden = true;
byId("jwt-debugger").hidden = false;
