// The chat's page. Every text is set as text: nothing that anybody writes becomes markup, and no link
// in it is fetched.
"use strict";
const { chat, origins } = document.body.dataset;
const allowed = origins.split(" ");
const kept = `discreet-chat:${chat}`;
const log = document.getElementById("log");
const note = document.getElementById("note");
const form = document.getElementById("form");
const box = document.getElementById("text");

let token = null; // of a visitor who proved who they are: never stored
let following = null;
let waiting = 0;
let shown = new Set(); // ids of messages

const stored = () => {
  try { return localStorage.getItem(kept); } catch { return null; }
};
const store = (value) => {
  try {
    if (value) localStorage.setItem(kept, value);
    else localStorage.removeItem(kept);
  } catch { /* without storage the conversation ends with the page */ }
};

async function open(identity) {
  const given = {};
  if (identity) given.identity = identity;
  if (identity && stored()) given.visitor = stored();
  const answer = await fetch("session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || "The chat can't be opened now.");
  token = body.token;
  store(body.known ? null : token);
}

const call = (path, options = {}) =>
  fetch(path, { ...options, headers: { Authorization: `Bearer ${token}`, ...options.headers } });

function add(text, mine) {
  const line = document.createElement("div");
  line.className = mine ? "line mine" : "line";
  line.dir = "auto";
  line.textContent = text;
  log.append(line);
  log.scrollTop = log.scrollHeight;
  return line;
}

async function* eventsOf(response) {
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = {};
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at > 0) event[line.slice(0, at)] = line.slice(at + 2);
      }
      if (event.data) yield { ...event, data: JSON.parse(event.data) };
    }
  }
}

async function showHistory() {
  const sessions = await (await call("/api/sessions?limit=20")).json();
  const lines = [];
  for (const session of (sessions.items || []).reverse()) {
    let after = 0;
    while (after !== null) {
      const path = `/api/sessions/${session.id}/messages?after=${after}`;
      const page = await (await call(path)).json();
      lines.push(...(page.items || []));
      after = page.next ?? null;
    }
  }
  lines.sort((one, other) => (one.created_at < other.created_at ? -1 : 1));
  log.replaceChildren();
  shown = new Set(lines.map((one) => one.id));
  for (const one of lines.slice(-200)) add(one.text, one.direction === "in");
}

// What the owner writes in person comes without a question of the visitor's. `begun` is called once
// nothing is missed any more.
async function follow(begun) {
  const mine = (following = {});
  let seen = null;
  while (following === mine) {
    try {
      const headers = seen ? { "Last-Event-ID": seen } : {};
      const response = await call("/api/events?kind=message.sent", { headers });
      begun();
      if (!response.ok) return;
      for await (const event of eventsOf(response)) {
        if (following !== mine) return;
        seen = event.id;
        const { data, message } = event.data;
        if (!message || !data.in_person || waiting || shown.has(event.data.message_id)) continue;
        add(message.text, false);
      }
    } catch { begun(); /* the connection was lost */ }
    await new Promise((done) => setTimeout(done, 2000));
  }
}

async function start(identity) {
  try {
    if (identity) await open(identity);
    else token = stored();
    note.textContent = "";
    if (!token) return;
    await new Promise(follow);
    await showHistory();
  } catch (error) {
    note.textContent = error.message;
  }
}

const STATES = {
  paused: "Nobody answers now. The answer will appear here.",
  taken_over: "A person will answer here.",
  waiting: "The answer will appear here.",
};

async function say(text) {
  if (!token) {
    await open(null);
    await new Promise(follow);
  }
  const answer = await call("/api/messages", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ text }),
  });
  if (!answer.ok) {
    if (answer.status === 401) store((token = null));
    throw new Error((await answer.json()).detail || "The message wasn't sent.");
  }
  let line = null;
  let written = "";
  for await (const { event, data } of eventsOf(answer)) {
    if (event === "delta") {
      // The offset counts code points.
      written = [...written].slice(0, data.offset).join("") + data.text;
      line = line || add("", false);
      line.textContent = written;
    } else if (event === "state") {
      note.textContent = STATES[data.state] || "";
    } else if (event === "problem") {
      throw new Error(data.detail || "There is no answer now.");
    } else if (event === "answer") {
      const final = data.answer ?? data.apology;
      if (final !== null && final !== undefined) (line || add("", false)).textContent = final;
      note.textContent = "";
    }
    log.scrollTop = log.scrollHeight;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  add(text, true);
  note.textContent = "…";
  waiting += 1;
  try {
    await say(text);
  } catch (error) {
    note.textContent = error.message;
  } finally {
    waiting -= 1;
  }
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
addEventListener("message", (event) => {
  if (event.source !== parent || !allowed.includes(event.origin)) return;
  if (event.data && event.data.discreet === "identity" && event.data.identity)
    start(event.data.identity);
});
start(null);
if (parent !== window) parent.postMessage({ discreet: "ready" }, "*");
