// Findings as a list: how grave, in words, and where.

import { duration, element, fill, given, relative, words } from "./elements.js";

export function findingsList(findings) {
  return element("ul", { class: "findings" }, ...findings.map(findingLine));
}

function findingLine(finding) {
  const { severity, sentence } = given.lints[finding.code];
  const text = element("p", {}, sentence);
  const detail = detailOf(finding);
  const body = element("div", { class: "finding-body" }, text);
  if (detail) body.append(element("p", { class: "finding-detail", dir: "auto" }, detail));
  const badge = element("span", { class: `severity severity-${severity}` }, words.severities[severity]);
  return element("li", { class: "finding", "data-code": finding.code }, badge, body);
}

export function faultText({ name, values }) {
  const named = { ...values, part: words.parts[values.part] };
  return fill(words.faults[name], named);
}

function detailOf(finding) {
  const place = finding.place ? ` (${words.findings[`places_${finding.place}`]})` : "";
  if (finding.fault) return faultText(finding.fault) + place;
  if (finding.detail) return finding.detail + place;
  if (finding.at !== undefined) return relative(finding.at);
  if (finding.seconds !== undefined) return fill(words.parts.lives, { duration: duration(finding.seconds) });
  if (finding.bits !== undefined) return fill(words.parts.bits_expected, { count: finding.bits, expected: finding.least });
  if (finding.octets === undefined) return "";
  const name = finding.expected === undefined ? "octets" : "octets_expected";
  return fill(words.parts[name], { count: finding.octets, expected: finding.expected });
}
