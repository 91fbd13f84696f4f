// The part of the decode pane that opens an encrypted token with a pasted key.

import { decrypt } from "./decryption.js";
import { COMPACT_JWE, UNKNOWN, dissect } from "./dissection.js";
import { byId, element, fill, show, tell, words } from "./elements.js";
import { fromUtf8 } from "./encoding.js";
import { Problem } from "./problem.js";

// `decode` shows another token in this pane; `part` makes one of its boxes. Returns what tells which token is shown.
export function startOpening(decode, part) {
  const key = byId("decode-key");
  let token = null;
  let inside = "";
  let round = 0;

  const forget = () => {
    round += 1;
    inside = "";
    show(byId("decode-plaintext"));
    byId("decode-opened").hidden = true;
    tell(key, null);
  };
  key.addEventListener("input", forget);
  byId("decode-open-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
    const own = round;
    try {
      const opened = await decrypt(token.segments.map((segment) => segment.text), key.value);
      if (own !== round) return;
      const text = fromUtf8(opened.plaintext);
      inside = text ?? "";
      const isToken = text !== null && dissect(text).form !== UNKNOWN;
      const shown = text ?? fill(words.parts.octets, { count: opened.plaintext.length });
      show(byId("decode-plaintext"), part("claims", words.parts.plaintext, "", element("pre", { class: "part-json", dir: "ltr" }, shown)));
      byId("decode-inside").hidden = !isToken;
      byId("decode-opened").hidden = false;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (own !== round) return;
      tell(key, fill(words.problems[error.name], error.values));
      key.focus();
    }
  });
  byId("decode-inside").addEventListener("click", () => {
    decode(inside);
    byId("decode-token").focus();
  });
  return (shown) => {
    token = shown;
    forget();
    byId("decode-open-section").hidden = shown.form !== COMPACT_JWE;
  };
}
