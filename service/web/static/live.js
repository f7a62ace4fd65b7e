// What is shown changes as the study does: the server draws the page, this only puts the new one in its place.
"use strict";

const EVERY_MS = 1000, ROUND_MS = 5000, TYPING_MS = 400;

function say(text) {
  document.getElementById("said").textContent = text;
}

// The part of a page that changes, with what its reader has opened, typed and reached by keyboard.
function swap(old, fresh) {
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  const focused = document.activeElement?.id;
  old.replaceChildren(...fresh.childNodes);
  old.querySelectorAll("details").forEach((each, n) => { each.open = open[n] ?? each.open; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (fresh) swap(part, fresh);
  }
}

let due = null;

function soon() {
  due ??= setTimeout(async () => {
    try { await refresh(); } catch { say("The service does not answer; this page tries again."); }
    due = null;
  }, EVERY_MS);
}

function follow(url) {
  const events = new EventSource(url);
  for (const kind of ["study", "trial", "attempt", "waiting", "report", "published", "resized", "superseded", "experiment"]) {
    events.addEventListener(kind, soon);
  }
  events.onmessage = soon;
  events.onopen = () => say("");
  events.onerror = soon;
}

function problemOf(body, status) {
  const errors = (body.errors ?? []).map((each) => (each.path ? `${each.path}: ${each.detail}` : each.detail));
  return errors.join("; ") || body.detail || `HTTP ${status}`;
}

async function post(path, body) {
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method: "POST", headers, body });
  const said = await answer.json();
  if (!answer.ok) throw new Error(problemOf(said, answer.status));
  return said;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-post]");
  if (!button || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
  button.disabled = true;
  try {
    let body;
    if (button.dataset.seeds) {
      const seeds = prompt("How many seeds in all?", button.dataset.seeds);
      if (seeds === null) return;
      body = JSON.stringify({ seeds: Number(seeds) });
    }
    const study = await post(button.dataset.post, body);
    if (study.id && !location.pathname.endsWith(study.id)) location.href = `/studies/${study.id}`;
    say("");
    await refresh();
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
  }
});

function plan(form) {
  const text = form.querySelector("textarea"), shown = document.getElementById("plan");
  const submit = form.querySelector("button");
  let typed = null, asked = 0;
  async function ask() {
    const mine = ++asked;
    shown.setAttribute("aria-busy", "true");
    const body = JSON.stringify({ text: text.value });
    const answer = await fetch("/new/plan", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (mine !== asked) return;
    shown.removeAttribute("aria-busy");
    if (!answer.ok) { say(problemOf(await answer.json(), answer.status)); return; }
    say("");
    shown.innerHTML = await answer.text();
    submit.disabled = !shown.querySelector("[data-study]");
  }
  text.addEventListener("input", () => {
    submit.disabled = true;
    clearTimeout(typed);
    typed = setTimeout(ask, TYPING_MS);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const study = await post("/v1/studies", shown.querySelector("[data-study]").dataset.study);
      location.href = `/studies/${study.id}`;
    } catch (error) {
      say(error.message);
      submit.disabled = false;
    }
  });
  // A refusal leads to its line.
  shown.addEventListener("click", (event) => {
    const line = event.target.closest("[data-line]")?.dataset.line;
    if (!line) return;
    const lines = text.value.split("\n"), start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + lines[line - 1].length);
  });
  if (text.value.trim()) ask();
}

const main = document.querySelector("main");
if (main.dataset.events) follow(main.dataset.events);
if ("round" in main.dataset) setInterval(() => { if (!document.hidden) soon(); }, ROUND_MS);
const form = document.querySelector("form[data-plan]");
if (form) plan(form);
