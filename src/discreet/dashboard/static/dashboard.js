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
// Hidden pages close their stream, because a browser opens at most six connections per server.
for (const part of document.querySelectorAll("[data-live]")) {
  let events = null;
  const follow = () => {
    events?.close();
    events = null;
    if (document.hidden) return;
    const following = new EventSource(part.dataset.live);
    events = following;
    following.addEventListener("changed", async () => {
      const answer = await fetch(part.dataset.part, { redirect: "error" });
      if (!answer.ok) return following.close();
      part.innerHTML = await answer.text();
      localTimes(part);
      toTheEnd(part.parentElement);
    });
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

// A double click sends a form only once. Coming back to the page allows it again.
const SENDING_MS = 10_000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (Date.now() - Number(form.dataset.sentAt ?? 0) < SENDING_MS) event.preventDefault();
  else form.dataset.sentAt = Date.now();
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent-at]")) delete form.dataset.sentAt;
});

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
  if (document.querySelector("dialog[open]")) return;
  const rows = [...document.querySelectorAll("[data-keys] > *")].filter(
    (row) => row.checkVisibility() && row.querySelector("a, button, summary"),
  );
  const go = (row) => row?.querySelector("a, button, summary").focus();
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  switch (event.key) {
    case "/":
      event.preventDefault();
      document.getElementById("search")?.focus();
      break;
    case "j":
      go(rows[Math.min(at + 1, rows.length - 1)]);
      break;
    case "k":
      go(rows[Math.max(at - 1, 0)]);
      break;
    case "?":
      document.getElementById("keys")?.showModal();
      break;
  }
});

localTimes(document);
toTheEnd(document);
