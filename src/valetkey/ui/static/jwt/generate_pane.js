// The pane that makes a key and signs a token.

import { isSymmetric } from "./algorithms.js";
import { audience, byId, element, fill, given, issuer, now, show, tell, words } from "./elements.js";
import { findingsList } from "./findings_view.js";
import { firstClaims, makeKey, readClaims, readSigningKey, sign } from "./generation.js";
import { lintKey } from "./key_lints.js";
import { lintToken, sorted } from "./lints.js";
import { Problem } from "./problem.js";

const PARTS = ["header", "claims", "signature"];
const field = (name) => byId(`generate-${name}`);
const laidOut = (members) => JSON.stringify(members, null, 2);
const isPasted = () => byId("generate-pasted").checked;

export function startGenerating(goVerify) {
  let kept = null; // the key that was made here, with its algorithm
  let signed = null;
  const fresh = () => firstClaims(issuer, audience, now(), crypto.randomUUID());

  const keyFor = async (algorithm) => {
    if (isPasted()) return readSigningKey(field("key").value, algorithm, byId("generate-secret").value);
    if (kept?.alg !== algorithm) kept = await makeKey(algorithm);
    return kept;
  };

  const signNow = async () => {
    for (const name of ["key", "claims", "algorithm"]) tell(field(name), null);
    const algorithm = field("algorithm").value;
    const claims = field("claims").value;
    try {
      readClaims(claims);
      const key = await keyFor(algorithm);
      signed = { ...(await sign(claims, key, algorithm, field("typ").value.trim())), key, algorithm };
      await present(signed, !isPasted());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      byId("generate-result").hidden = true;
      byId("generate-status").textContent = words.signed.signing_failed;
      const target = fieldOf(error.name);
      tell(target, fill(words.problems[error.name], error.values));
      target.focus();
    }
  };

  byId("generate-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signNow();
  });
  byId("generate-form").addEventListener("change", offerKey);
  byId("generate-fresh").addEventListener("click", () => renew(fresh()));
  byId("generate-new-key").addEventListener("click", () => {
    kept = null;
    signNow();
  });
  byId("generate-verify").addEventListener("click", () => goVerify(expectationsOf(signed)));
  field("claims").value = laidOut(fresh());
  offerKey();
}

function fieldOf(problem) {
  if (problem === "claims_not_json" || problem === "duplicates") return field("claims");
  return problem === "unavailable" ? field("algorithm") : field("key");
}

function offerKey() {
  byId("generate-key-field").hidden = !isPasted();
  byId("generate-secret-choice").hidden = !isPasted() || !isSymmetric(field("algorithm").value);
  byId("generate-new-key").hidden = isPasted();
}

// New times and a new jti; the other claims stay as the person wrote them.
function renew(fresh) {
  tell(field("claims"), null);
  try {
    const { iat, exp, jti } = fresh;
    field("claims").value = laidOut({ ...readClaims(field("claims").value), iat, exp, jti });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    field("claims").value = laidOut(fresh);
  }
}

async function present({ token, publicKey, key, algorithm }, isNew) {
  const remarks = await lintToken(token, now(), given);
  const aboutKey = lintKey(key, given).filter((one) => one.code !== "key_private");
  const findings = sorted([...remarks, ...aboutKey], given);
  show(byId("generate-token"), ...coloured(token));
  show(byId("generate-public"), publicKey === null ? "" : laidOut(publicKey));
  byId("generate-public-terminal").hidden = publicKey === null;
  byId("generate-no-public").hidden = publicKey !== null;
  show(byId("generate-private"), laidOut(key));
  byId("generate-key-is-new").hidden = !isNew;
  show(byId("generate-findings"), findingsList(findings));
  byId("generate-findings-section").hidden = findings.length === 0;
  byId("generate-result").hidden = false;
  byId("generate-empty").hidden = true;
  byId("generate-status").textContent = fill(words.signed.signed, { algorithm });
}

function coloured(token) {
  const spans = token.split(".").map((text, at) => element("span", { class: `ink-${PARTS[at]}` }, text));
  return [spans[0], ".", spans[1], ".", spans[2]];
}

function expectationsOf({ token, publicKey, key, algorithm }) {
  const { iss, aud } = readClaims(field("claims").value);
  const text = (value) => (typeof value === "string" ? value : "");
  return {
    token, algorithm, key: laidOut(publicKey ?? key),
    issuer: text(iss), audience: text(Array.isArray(aud) ? aud[0] : aud), typ: field("typ").value.trim(),
  };
}
