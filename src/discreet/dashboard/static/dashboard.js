"use strict";
// Times in the browser's own zone; what happened today without its day.
const STYLES = {
  moment: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "medium" },
  clock: { timeStyle: "short" },
  earlier: { month: "short", day: "numeric", hour: "numeric", minute: "numeric" },
};
function localTimes(within) {
  for (const time of within.querySelectorAll("time[data-style]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = moment.toLocaleString([], STYLES.moment);
    let style = time.dataset.style;
    if (style === "clock" && moment.toDateString() !== new Date().toDateString()) style = "earlier";
    if (style in STYLES) time.textContent = moment.toLocaleString([], STYLES[style]);
  }
}

function toTheEnd(within) {
  for (const lines of within.querySelectorAll(".lines")) lines.scrollTop = lines.scrollHeight;
}

// A part of the page that is fetched again when something was said.
for (const part of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(part.dataset.live);
  events.addEventListener("changed", async () => {
    const answer = await fetch(part.dataset.part, { redirect: "error" });
    if (!answer.ok) return events.close();
    part.innerHTML = await answer.text();
    localTimes(part);
    toTheEnd(part.parentElement);
  });
}

// A choice that takes effect at once; a message that Enter sends, as in any chat.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches("[data-send]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// Keys: / searches, j and k move in a list, ? helps.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const links = [...document.querySelectorAll("[data-keys] a")];
  const at = links.indexOf(document.activeElement);
  switch (event.key) {
    case "/":
      event.preventDefault();
      document.getElementById("search")?.focus();
      break;
    case "j":
      links[Math.min(at + 1, links.length - 1)]?.focus();
      break;
    case "k":
      links[Math.max(at - 1, 0)]?.focus();
      break;
    case "?":
      document.getElementById("keys")?.showModal();
      break;
  }
});

localTimes(document);
toTheEnd(document);
