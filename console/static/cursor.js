// A cursor over charts: value and time under the pointer, or by the arrow keys.
"use strict";

function spelled(at, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit",
    minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "longOffset",
  }).formatToParts(at);
  const said = Object.fromEntries(parts.map((part) => [part.type, part.value]));
  const offset = said.timeZoneName.replace("GMT", "") || "+00:00";
  return `${said.year}-${said.month}-${said.day} ${said.hour}:${said.minute}:${said.second} ${offset}`;
}

let chosen = null;

function point(box, index) {
  const points = box.dataset.points.split("\n");
  const n = Math.max(0, Math.min(points.length - 1, index));
  const at = Number(box.dataset.start) + (n + 0.5) * Number(box.dataset.width);
  chosen = at;
  const said = `${spelled(at, box.dataset.zone)}: ${points[n] || box.dataset.none}`;
  const cursor = box.querySelector(".cursor");
  cursor.hidden = false;
  cursor.style.left = `${((n + 0.5) / points.length) * 100}%`;
  box.setAttribute("aria-valuenow", String(n));
  box.setAttribute("aria-valuetext", said);
  box.closest(".chart").querySelector(".readout").textContent = said;
}

function under(event) {
  const box = event.target.closest?.(".box[data-points]");
  if (!box) return;
  const { left, width } = box.getBoundingClientRect();
  const count = box.dataset.points.split("\n").length;
  point(box, Math.floor(((event.clientX - left) / width) * count));
}

function step(event) {
  const box = event.target.closest?.(".box[data-points]");
  if (!box) return;
  const last = Number(box.getAttribute("aria-valuemax"));
  const now = Number(box.getAttribute("aria-valuenow"));
  const to = {
    ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1,
    PageDown: now - 10, PageUp: now + 10, Home: 0, End: last,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  point(box, to);
}

// Charts are drawn anew while somebody stands on one by the keyboard: they stay where they are.
let held = null;

function hold(event) {
  const box = event.target.closest?.(".box[data-points]");
  held = box ? box.closest(".chart").getAttribute("aria-label") : null;
}

function letGo(event) {
  if (event.target.isConnected && event.relatedTarget) held = null;
}

function regain() {
  if (held === null || document.activeElement !== document.body) return;
  const charts = [...document.querySelectorAll(".chart")];
  const same = charts.find((each) => each.getAttribute("aria-label") === held);
  const box = same?.querySelector(".box[data-points]");
  if (!box) return;
  box.focus({ preventScroll: true });
  if (chosen === null) return;
  point(box, Math.floor((chosen - Number(box.dataset.start)) / Number(box.dataset.width)));
}

document.addEventListener("focusin", hold);
document.addEventListener("focusout", letGo);
document.addEventListener("pointerdown", () => { held = null; }, true);
new MutationObserver(regain).observe(document.documentElement, { childList: true, subtree: true });
document.addEventListener("pointermove", under);
document.addEventListener("pointerdown", under);
document.addEventListener("keydown", step);
