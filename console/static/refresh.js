// Keeps the status page current. A screen that no longer hears the console must not look alive.
"use strict";
const EVERY_MS = 1000;
const PATIENCE_MS = 4000;
const LOST_MS = 5000;
let heard = Date.now();

function mark() {
  const lost = Date.now() - heard > LOST_MS;
  document.body.classList.toggle("lost", lost);
  document.getElementById("lost").hidden = !lost;
  if (lost) document.title = `✖ ${document.getElementById("lost").dataset.title}`;
  document.getElementById("heard").textContent = document.querySelector("#live time").textContent;
}

async function look() {
  try {
    const answer = await fetch("/live", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) location.assign("/login?next=%2F&idle=1");
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    document.getElementById("live").replaceWith(fresh);
    document.title = fresh.dataset.title;
    heard = Date.now();
  } catch {
    // mark() says how long ago it last worked.
  }
  mark();
  setTimeout(look, EVERY_MS);
}

setInterval(mark, EVERY_MS);
setTimeout(look, EVERY_MS);
