// What the page does beyond reading: live updates, search, copying. Without it everything can still be read and searched.
// Texts from the server are strangers' words: they are set as text, never as markup.

const DRAWN_AT_ONCE = 100;
const RETRY_MS = 3000;
const SAID_MS = 1500;

const by = (id) => document.getElementById(id);

// ---- rows: the server's markup, filled with the server's texts

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(element, row) {
  for (const part of element.querySelectorAll("[data-f]")) setText(part, row[part.dataset.f]);
  for (const part of element.querySelectorAll("[data-if]")) {
    part.hidden = !part.dataset.if.split(" ").some((name) => row[name]);
  }
  if (row.tone !== undefined && element.dataset.tone !== row.tone) element.dataset.tone = row.tone;
}

/** Makes the rows of `parent` those of `rows`, and touches nothing that stays as it is. */
function draw(parent, selector, rows, { template, fillRow }) {
  const known = new Map();
  for (const element of parent.querySelectorAll(`:scope > ${selector}`)) known.set(element.dataset.id, element);
  const kept = new Set();
  let next = parent.querySelector(`:scope > ${selector}`);
  for (const row of rows) {
    let element = known.get(row.id);
    if (!element || kept.has(element)) {
      element = template.content.firstElementChild.cloneNode(true);
      element.dataset.id = row.id;
    }
    fillRow(element, row);
    kept.add(element);
    if (element === next) next = nextOf(next, selector);
    else parent.insertBefore(element, next);
  }
  for (const element of parent.querySelectorAll(`:scope > ${selector}`)) {
    if (!kept.has(element)) element.remove();
  }
}

function nextOf(element, selector) {
  let next = element.nextElementSibling;
  while (next && !next.matches(selector)) next = next.nextElementSibling;
  return next;
}

// ---- overview: endpoints and recent requests

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function localTime(iso) {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock.format(at) : `${date.format(at)} ${hour.format(at)}`;
}

function fillExchange(element, row) {
  fill(element, { ...row, time: localTime(row.at) });
  element.querySelector("time").dateTime = row.at;
  element.querySelector("a").href = `/multillama/exchanges/${encodeURIComponent(row.id)}`;
}

function drawOverview({ summary, endpoints, recent }) {
  if (document.title !== summary.title) document.title = summary.title;
  fill(by("summary"), summary);
  fill(by("warnings"), summary);
  draw(by("endpoints"), "tbody", endpoints, { template: by("endpoint-row"), fillRow: fill });
  draw(by("recent-rows"), "tr", recent, { template: by("exchange-row"), fillRow: fillExchange });
  oneTabStop(by("recent-rows"));
  by("endpoints").hidden = !endpoints.length;
  by("no-endpoints").hidden = endpoints.length > 0;
  by("recent").hidden = !recent.length;
  by("no-recent").hidden = recent.length > 0;
}

function localiseTimes() {
  for (const time of document.querySelectorAll("#recent-rows time")) setText(time, localTime(time.dateTime));
  setText(by("zone"), "");
}

// ---- models: search, arrow keys, choice

const models = { all: null, digest: "", limit: DRAWN_AT_ONCE, chosen: by("chosen").textContent };

function fillModel(element, row) {
  fill(element, row);
  element.querySelector("a").href = `/?model=${encodeURIComponent(row.id)}#use`;
  if (row.id === models.chosen) element.setAttribute("aria-current", "true");
  else element.removeAttribute("aria-current");
}

function drawModels() {
  if (!models.all) return;
  const words = by("q").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = models.all.filter((row) => words.every((word) => row.text.includes(word)));
  draw(by("model-rows"), "tr", found.slice(0, models.limit), { template: by("model-row"), fillRow: fillModel });
  setText(by("found"), `${found.length} of ${models.all.length}`);
  by("model-table").hidden = !found.length;
  by("no-models").hidden = models.all.length > 0;
  by("no-match").hidden = found.length > 0 || !models.all.length;
  by("more").hidden = found.length <= models.limit;
  oneTabStop(by("model-rows"));
}

// A list is one stop for the tabulator; the arrow keys move inside it.
function oneTabStop(list) {
  const links = [...list.querySelectorAll("a")];
  const current = links.find((link) => link.tabIndex === 0 && link === document.activeElement) ?? links[0];
  for (const link of links) link.tabIndex = link === current ? 0 : -1;
}

function moveInList(event) {
  const list = event.currentTarget;
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  if (to < 0 && list === by("model-rows")) return by("q").focus();
  const link = links[Math.max(0, Math.min(to, links.length - 1))];
  for (const other of links) other.tabIndex = other === link ? 0 : -1;
  link.focus();
}

function onModels({ rows, digest }) {
  models.all = rows.map((row) => ({ ...row, text: `${row.id} ${row.endpoints}`.toLowerCase() }));
  models.digest = digest;
  drawModels();
  if (!rows.some((row) => row.id === models.chosen)) choose("");
}

/** Puts a model into the examples; the server writes them, for it knows how to quote a hostile name. */
async function choose(id) {
  const answer = await fetch(`/multillama/snippets.json?model=${encodeURIComponent(id)}`).catch(() => null);
  if (!answer?.ok) return;
  const { model, texts } = await answer.json();
  models.chosen = model ?? "";
  setText(by("chosen"), models.chosen);
  by("use-hint").hidden = !model;
  by("no-model-hint").hidden = Boolean(model);
  for (const [language, text] of Object.entries(texts)) setText(by(`text-${language}`), ownBase(text));
  drawModels();
}

function onPick(event) {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button > 0) return;
  event.preventDefault();
  choose(link.textContent).then(() => say(`The examples use ${models.chosen}`));
  if (!isInView(by("use"))) by("use").scrollIntoView({ block: "start" });
}

function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight / 2;
}

// ---- the base URL: a proxy in front may have hidden from the server how the browser sees it

function ownBase(text) {
  return text.replaceAll(by("base").dataset.base, `${location.origin}/v1`);
}

function showOwnBase() {
  for (const code of [by("base"), ...document.querySelectorAll(".snippet code")]) setText(code, ownBase(code.textContent));
}

// ---- copying

async function copy(button) {
  const code = by(button.dataset.copy);
  const isDone = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
  if (!isDone && !copyBySelection(code)) return say("Copying failed: select the text and copy it");
  button.dataset.done = "true";
  setText(button, "Copied");
  say("Copied");
  setTimeout(() => {
    delete button.dataset.done;
    setText(button, "Copy");
  }, SAID_MS);
}

// Plain http from another machine has no clipboard API.
function copyBySelection(code) {
  getSelection().selectAllChildren(code);
  return document.execCommand("copy");
}

function say(text) {
  by("said").textContent = text;
}

// ---- live

let source = null;
let retry = 0;

function connect() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(`/multillama/live?models=${models.digest}`);
  source.onopen = () => showLive("ok", "Live");
  source.onerror = onLost;
  source.addEventListener("overview", (event) => drawOverview(JSON.parse(event.data)));
  source.addEventListener("models", (event) => onModels({ rows: JSON.parse(event.data), digest: event.lastEventId }));
}

async function onLost() {
  showLive("warn", "Reconnecting…");
  if (source.readyState !== EventSource.CLOSED) return;
  const answer = await fetch("/multillama/status.json", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) return showLive("bad", "Signed out: reload the page");
  retry = setTimeout(connect, RETRY_MS);
}

function showLive(tone, text) {
  by("live").dataset.tone = tone;
  setText(by("live-text"), text);
}

// A browser holds few connections to one server: hidden pages give theirs back.
function onVisibility() {
  if (!document.hidden) return connect();
  clearTimeout(retry);
  source?.close();
  source = null;
}

// ---- start

function isTyping(target) {
  return target instanceof HTMLInputElement && target.type !== "radio";
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !isTyping(event.target)) {
    event.preventDefault();
    by("q").focus();
    by("q").select();
  }
}

function onSearchKey(event) {
  if (event.key === "Escape") {
    by("q").value = "";
    onSearch();
  }
  if (event.key === "ArrowDown") {
    event.preventDefault();
    by("model-rows").querySelector("a")?.focus();
  }
}

function onSearch() {
  models.limit = DRAWN_AT_ONCE;
  by("model-box").scrollTop = 0;
  drawModels();
}

document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", onVisibility);
by("q").addEventListener("input", onSearch);
by("q").addEventListener("keydown", onSearchKey);
by("q").form.addEventListener("submit", (event) => {
  if (models.all) event.preventDefault();
});
by("model-rows").addEventListener("click", onPick);
by("model-rows").addEventListener("keydown", moveInList);
by("recent-rows").addEventListener("keydown", moveInList);
by("more").addEventListener("click", () => {
  models.limit += 10 * DRAWN_AT_ONCE;
  drawModels();
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
showOwnBase();
localiseTimes();
oneTabStop(by("model-rows"));
oneTabStop(by("recent-rows"));
onVisibility();
