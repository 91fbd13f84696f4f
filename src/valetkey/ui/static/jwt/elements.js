// The page's language: elements, sentences and times. Text only ever becomes text, never markup.

const LANGUAGE = document.documentElement.lang;
const UNITS = [["year", 31_556_952], ["month", 2_629_746], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const DATES = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long", timeStyle: "long" });
const RELATIVE = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

export const byId = (id) => document.getElementById(id);
const { dataset } = byId("jwt-debugger");
export const given = JSON.parse(dataset.tables);
export const { issuer, audience } = dataset;
export const { words } = given;

export const now = () => Math.floor(Date.now() / 1000);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? "–"));

// The sentence with nodes in some of its places.
export function fillNodes(sentence, values) {
  return sentence.split(/(\{\w+\})/).map((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    if (name === undefined) return piece;
    return values[name] instanceof Node ? values[name] : element("bdi", {}, String(values[name] ?? "–"));
  });
}

function unitOf(seconds) {
  return UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
}

export function relative(time) {
  const seconds = Math.trunc(time - now());
  const [unit, length] = unitOf(seconds);
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

export function duration(seconds) {
  const [unit, length] = unitOf(seconds);
  const style = { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(LANGUAGE, style).format(seconds / length);
}

export const local = (time) => DATES.format(time * 1000);

// A moment as people say it; the exact one is beside it for machines and in its title.
export function moment(time, text = relative(time)) {
  return element("time", { datetime: new Date(time * 1000).toISOString(), title: local(time) }, text);
}

// Ties the sentence of a problem to a field, or takes it away.
export function tell(field, sentence) {
  const line = byId(`${field.id}-problem`);
  line.textContent = sentence ?? "";
  line.hidden = !sentence;
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

export function show(target, ...children) {
  target.replaceChildren(...children);
}
