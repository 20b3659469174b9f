"use strict";
// What is folded on the screen is on paper.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});

(() => {
  const input = document.getElementById("search");
  if (!input) return;
  const MOST = 20;
  const found = document.getElementById("found");
  const list = document.getElementById("lives");
  const lives = JSON.parse(document.getElementById("records").textContent);
  const decoded = (identifier) => {
    try {
      return decodeURIComponent(identifier);
    } catch {  // a long one may be cut within a character
      return identifier;
    }
  };
  const texts = lives.map((life) =>
    [life.name, life.identifier, decoded(life.identifier), life.sys_id].join("\n").toLowerCase());

  // Names are always set as text, never as markup.
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const columns = (event) => {
    const rows = element("dl", undefined, "columns");
    for (const [column, before, after] of event.changes) {
      const row = rows.appendChild(element("div"));
      row.append(element("dt", column));
      const values = row.appendChild(element("dd"));
      if (before) values.append(element("del", before), " → ");
      values.append(after ? element("ins", after) : element("span", "empty", "soft"));
    }
    return rows;
  };

  const draw = (life, open) => {
    const box = element("details", undefined, "life");
    box.open = open;
    const head = box.appendChild(element("summary"));
    head.append(element("strong", life.name || life.identifier), " ");
    head.append(element("span", `${life.identifier} in ${life.table}`, "soft"));
    if (life.sys_id) box.append(element("p", `sys_id ${life.sys_id}`, "soft"));
    for (const event of life.events) {
      const line = box.appendChild(element("p"));
      line.append(element("span", event.outcome, `status ${event.outcome}`), ` ${event.when}`);
      if (event.reason) box.append(element("p", event.reason, "reason"));
      if (event.changes.length) box.append(columns(event));
      if (event.more) box.append(element("p", `and ${event.more} more columns`, "more"));
    }
    if (life.more) box.append(element("p", `and ${life.more} earlier entries in the ledger`, "more"));
    return box;
  };

  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const matches = wanted.length
      ? lives.filter((_, at) => wanted.every((word) => texts[at].includes(word)))
      : [];
    list.replaceChildren(...matches.slice(0, MOST).map((life) => draw(life, matches.length === 1)));
    found.textContent = !wanted.length ? ""
      : !matches.length ? "Not on this page. The ledger knows every record."
      : matches.length > MOST ? `${matches.length} records, of which the first ${MOST} are shown`
      : matches.length === 1 ? "1 record" : `${matches.length} records`;
  });
})();
