// The pane that verifies a token by what the person expects of it.

import { isSymmetric } from "./algorithms.js";
import { byId, element, fill, fillNodes, given, moment, now, show, tell, words } from "./elements.js";
import { findingsList } from "./findings_view.js";
import { lintKey } from "./key_lints.js";
import { isPrivate, readKeys } from "./keys.js";
import { Problem } from "./problem.js";
import { verify } from "./verification.js";

const FIELDS = ["token", "key", "algorithm", "issuer", "audience", "typ"];
let round = 0; // which judgement counts: a later change may overtake one that is under way
const field = (name) => byId(`verify-${name}`);

export function startVerifying() {
  byId("verify-form").addEventListener("submit", (event) => {
    event.preventDefault();
    judge();
  });
  field("algorithm").addEventListener("change", offerSecret);
  // What was judged is no longer what stands there.
  byId("verify-form").addEventListener("input", hideVerdict);
  return (values) => {
    for (const name of FIELDS) {
      if (values[name] !== undefined) field(name).value = values[name];
    }
    offerSecret();
    hideVerdict();
  };
}

function hideVerdict() {
  round += 1;
  byId("verify-result").hidden = true;
  byId("verify-empty").hidden = false;
}

function offerSecret() {
  const { value } = field("algorithm");
  byId("verify-secret-choice").hidden = value === "" || !isSymmetric(value);
}

async function judge() {
  round += 1;
  const own = round;
  const algorithm = field("algorithm").value;
  for (const name of ["token", "key", "algorithm"]) tell(field(name), null);
  if (algorithm === "") {
    tell(field("algorithm"), words.signed.choose_algorithm);
    field("algorithm").focus();
    return;
  }
  const text = (name) => field(name).value.trim();
  const expected = {
    algorithm, issuer: text("issuer"), audience: text("audience"), typ: text("typ"), secretIs: byId("verify-secret").value,
  };
  const keyText = field("key").value;
  const { verdict, rows } = await verify(field("token").value, keyText, expected, now());
  const remarks = await aboutKey(keyText, algorithm, expected.secretIs);
  if (own !== round) return;
  present(verdict, rows, remarks);
  rows.filter((row) => row.state === "failed").forEach(tie);
}

function present(verdict, rows, remarks) {
  const box = byId("verify-verdict");
  box.dataset.verdict = verdict;
  show(byId("verify-title"), words.judged[verdict]);
  show(byId("verify-what"), words.judged[`${verdict}_what`]);
  show(byId("verify-rows"), ...rows.map(line));
  show(byId("verify-remarks"), ...remarks);
  byId("verify-result").hidden = false;
  byId("verify-empty").hidden = true;
}

function line({ state, name, values, at }) {
  const badge = element("span", { class: `severity severity-${state}` }, words.judged[state]);
  const places = at === undefined ? values : { ...values, when: moment(at) };
  const text = element("p", {}, ...fillNodes(words.judged[name], places));
  return element("li", { class: "finding", "data-state": state, "data-row": name }, badge, text);
}

// Marks the field that the person can put right.
function tie({ name, values }) {
  const isAboutKey = /^(key_|secret_|rsa_|pem_)/.test(name);
  const target = isAboutKey ? field("key") : name.startsWith("token_") ? field("token") : null;
  if (target) tell(target, fill(words.judged[name], values));
}

async function aboutKey(text, algorithm, secretIs) {
  try {
    const keys = await readKeys(text, algorithm, secretIs);
    const remarks = keys.length === 1 ? lintKey(keys[0], given).filter((one) => one.code !== "key_private") : [];
    const shown = remarks.length > 0 ? [findingsList(remarks)] : [];
    if (keys.some(isPrivate)) shown.unshift(element("p", { class: "quiet" }, words.problems.key_private_here));
    return shown;
  } catch (error) {
    if (error instanceof Problem) return [];
    throw error;
  }
}
