// The pane that shows what a token holds. It verifies nothing, and says so.

import { numericDate } from "./claim_lints.js";
import { UNKNOWN, dissect, headersOf } from "./dissection.js";
import { byId, element, fill, given, local, moment, now, relative, show, words } from "./elements.js";
import { fromUtf8 } from "./encoding.js";
import { findingsList } from "./findings_view.js";
import { has } from "./json.js";
import { lintDissection } from "./lints.js";
import { startOpening } from "./opening.js";

const PATIENCE = 150; // ms after the last key, so that nobody hears every one of them
const TIMES = ["exp", "iat", "nbf", "auth_time"];

export function startDecoding(goVerify) {
  const field = byId("decode-token");
  let timer = 0;
  let round = 0;
  const decode = async () => {
    round += 1;
    const own = round;
    const token = dissect(field.value);
    const findings = await lintDissection(token, now(), given);
    // A later paste may have overtaken this one.
    if (own !== round) return;
    present(field.value, token, findings);
    offerToOpen(token);
  };
  const offerToOpen = startOpening((token) => {
    field.value = token;
    return decode();
  }, part);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(decode, PATIENCE);
  });
  byId("decode-verify").addEventListener("click", () => goVerify({ token: bareToken(field.value) }));
  return (token) => {
    field.value = token;
    return decode();
  };
}

// What was pasted, without the words of the HTTP header.
function bareToken(text) {
  const { segments } = dissect(text);
  return segments.length === 3 ? segments.map((segment) => segment.text).join(".") : text.trim();
}

function present(text, token, findings) {
  const isEmpty = text.trim() === "";
  byId("decode-empty").hidden = !isEmpty;
  byId("decode-result").hidden = isEmpty;
  byId("decode-status").textContent = isEmpty ? "" : summary(token, findings);
  if (isEmpty) return;
  show(byId("decode-parts"), ...partsOf(token));
  byId("decode-parts-section").hidden = token.form === UNKNOWN;
  byId("decode-verify").hidden = token.segments.length !== 3;
  const times = timesOf(token.claims?.members ?? {});
  show(byId("decode-times"), ...times);
  byId("decode-times-section").hidden = times.length === 0;
  show(byId("decode-findings"), findingsList(findings));
  byId("decode-findings-section").hidden = findings.length === 0;
}

function summary(token, findings) {
  const name = ["no_findings", "one_finding"][findings.length] ?? "findings";
  return fill(words.findings[name], { form: words.forms[token.form], count: findings.length });
}

function partsOf(token) {
  const segment = (name) => token.segments.find((one) => one.name === name)?.text ?? "";
  const headers = headersOf(token);
  const several = headers.length > 1;
  const headerParts = headers.map((header, at) => {
    const title = several ? fill(words.parts.header_of, { number: at + 1 }) : words.parts.header;
    return part("header", title, segment("header"), header.shown || words.faults[header.fault?.name]);
  });
  if (token.claims === null) return [...headerParts, ...sealedParts(token)];
  const signatures = token.signatures.map((signature, at) => {
    const title = several ? fill(words.parts.signature_of, { number: at + 1 }) : words.parts.signature;
    return part("signature", title, signature.segment, note(signature.octets));
  });
  return [...headerParts, claimsPart(token, segment("claims")), ...signatures];
}

function claimsPart(token, text) {
  const { claims, payload } = token;
  if (claims.isObject) return part("claims", words.parts.claims, text, claims.shown);
  return part("claims", words.parts.payload, text, fromUtf8(payload) ?? words.parts.not_text_payload);
}

function sealedParts(token) {
  const sealed = token.segments.filter((one) => one.name !== "header" && one.text !== "");
  return sealed.map((one) => part("sealed", words.parts[one.name], one.text, element("p", { class: "quiet" }, words.parts.sealed)));
}

function note(octets) {
  const size = fill(words.parts.octets, { count: octets.length });
  return element("p", { class: "quiet" }, `${size}. ${words.parts.not_judged_signature}`);
}

function part(kind, title, text, content) {
  const body = typeof content === "string" ? element("pre", { class: "part-json", dir: "ltr" }, content) : content;
  const made = element("section", { class: `part part-${kind}`, "data-part": kind }, element("h4", { class: "part-title" }, title));
  if (text) made.append(element("p", { class: "part-segment code", dir: "ltr" }, text));
  made.append(body);
  return made;
}

function timesOf(claims) {
  return TIMES.filter((name) => has(claims, name)).map((name) => {
    const time = numericDate(claims[name]);
    const said = time === null ? [words.times.no_time] : [moment(time, local(time)), element("span", { class: "quiet" }, relative(time))];
    return element("div", { class: "fact" }, element("dt", {}, words.times[name]), element("dd", {}, ...said));
  });
}
