"use strict";
// Times in the browser's own zone.
function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.dateTime;
      time.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    }
  }
}

function toTheEnd(within) {
  for (const lines of within.matches(".lines") ? [within] : within.querySelectorAll(".lines")) {
    lines.scrollTop = lines.scrollHeight;
  }
}

// A part of the page that is fetched again when something was said.
for (const part of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(part.dataset.live);
  events.addEventListener("changed", async () => {
    const answer = await fetch(part.dataset.part, { redirect: "error" });
    if (!answer.ok) {
      events.close();
      return;
    }
    part.innerHTML = await answer.text();
    localTimes(part);
    toTheEnd(part);
  });
}

// Keys: / searches, j and k move in a list, ? helps.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) {
    return;
  }
  const links = [...document.querySelectorAll("[data-keys] a")];
  const at = links.indexOf(document.activeElement);
  switch (event.key) {
    case "/":
      document.getElementById("search").focus();
      event.preventDefault();
      break;
    case "j":
      links[Math.min(at + 1, links.length - 1)]?.focus();
      break;
    case "k":
      links[Math.max(at - 1, 0)]?.focus();
      break;
    case "?":
      document.getElementById("keys").showModal();
      break;
  }
});

localTimes(document);
toTheEnd(document.body);
