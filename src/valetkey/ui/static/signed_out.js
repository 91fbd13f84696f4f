// Goes on to where the person came from, once every client's frame has had its chance. The link does the same.

const PATIENCE = 5_000; // ms for the frames together

const link = document.getElementById("signed-out-continue");
let gone = false;

function goOn() {
  if (gone || !link) return;
  gone = true;
  // In place of this page: the back button leads to where the person was before.
  window.location.replace(link.href);
}

// The page has loaded when its frames have, those too that could not be.
if (document.readyState === "complete") goOn();
else window.addEventListener("load", goOn);
setTimeout(goOn, PATIENCE);
