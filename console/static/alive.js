// A screen that no longer hears the console must not look alive: it says so, and how old it is.
"use strict";
const LOOK_MS = 500;
const LOST_MS = 5000;
let heard = Date.now();
let beat = "";

function look() {
  const place = document.querySelector(".beat");
  const banner = document.getElementById("lost");
  if (!place || !banner) return;
  const now = place.textContent;
  if (now !== beat) {
    beat = now;
    heard = Date.now();
  }
  const cut = document.getElementById("popup")?.ariaHidden === "false";
  const lost = cut || Date.now() - heard > LOST_MS;
  if (lost === !banner.hidden) return;
  document.body.classList.toggle("lost", lost);
  document.getElementById("heard").textContent = beat;
  banner.hidden = !lost;
}

setInterval(look, LOOK_MS);
