"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const review = document.body.dataset.review === "1";
  const groups = all("article.group");
  const list = at("list");
  const dialog = at("compare");
  const said = at("said");

  // What is shown ---------------------------------------------------------------------------------------------------

  const parts = all("#gallery .group, tbody[data-group]").map((node) => ({
    node,
    least: Number(node.dataset.least),
    skips: Number(node.dataset.skips),
  }));
  const chunks = all("#list .chunk");

  const tasksOf = (node) => [node, ...all("[data-task]", node)].map((one) => JSON.parse(one.dataset.task));

  function named(part, text) {
    part.tasks ??= tasksOf(part.node).map((one) => (typeof one === "number" ? String(one) : one.toLowerCase()));
    part.numbers ??= typeof JSON.parse(part.node.dataset.task) === "number";
    return part.tasks.some((one) => (part.numbers ? one.startsWith(text) : one.includes(text)));
  }

  function bound(id, otherwise) {
    const value = at(id).valueAsNumber;
    return Number.isNaN(value) ? otherwise : value;
  }

  function filter() {
    const text = at("find").value.trim().toLowerCase();
    const many = bound("many", 1);
    const low = bound("low", -Infinity) - 0.05; // as it is written: to a tenth
    const high = bound("high", Infinity) + 0.05;
    const found = new Set();
    for (const part of parts) {
      const fits = part.skips >= many && part.least >= low && part.least < high && (!text || named(part, text));
      part.node.hidden = !fits;
      if (fits) found.add(part.node.dataset.group);
    }
    for (const chunk of chunks) chunk.hidden = !chunk.querySelector("tbody:not([hidden])");
    if (text && list && !groups.some((one) => !one.hidden)) list.open = chunks.some((one) => !one.hidden);
    const count = new Set(parts.map((part) => part.node.dataset.group)).size;
    at("count").textContent = `${found.size.toLocaleString("en")} of ${count.toLocaleString("en")} groups`;
  }

  // Where one is ----------------------------------------------------------------------------------------------------

  const here = (selector) => document.activeElement?.closest(selector) ?? null;
  const skipsOf = (group) => all(".skip", group);

  function go(node) {
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  function nextGroup(from, step) {
    const shown = groups.filter((one) => !one.hidden);
    const place = shown.indexOf(from);
    return place < 0 ? shown[0] : shown[place + step];
  }

  function nextSkip(from, group, step) {
    const skips = skipsOf(group);
    const place = skips.indexOf(from);
    return place < 0 ? skips[0] : skips[place + step];
  }

  // Comparison ------------------------------------------------------------------------------------------------------

  let shown = null;

  function side(id, item, text) {
    const picture = item.querySelector("img");
    const image = at(id);
    image.hidden = !picture;
    image.src = picture ? picture.src : "data:,";
    image.alt = picture ? picture.alt : "";
    at(`${id}Text`).textContent = [text, item.querySelector(".size")?.textContent].filter(Boolean).join(", ");
  }

  const nameOf = (node) => node.querySelector("a, .id").textContent;

  function compare(skip, over) {
    const group = skip.closest(".group");
    shown = skip;
    const [kept, other] = group.closest("#more") ? ["Would stay", "Would be skipped"] : ["Kept", "Duplicate"];
    side("one", group.querySelector(".kept"), `${kept}: ${nameOf(group.querySelector("h3"))}`);
    side("other", skip, `${other}: ${nameOf(skip)}, ${skip.querySelector(".like").textContent}`);
    at("reason").textContent = skip.querySelector(".why").textContent;
    outline(skip);
    at("overlay").firstChild.textContent = skip.dataset.lies ? "Overlay " : "Overlay, not aligned ";
    at("previous").disabled = !nextSkip(skip, group, -1);
    at("next").disabled = !nextSkip(skip, group, 1);
    lay(over);
    if (!dialog.open) {
      dialog.showModal();
      if (said) dialog.append(said); // what stands outside of an open dialog is not read aloud
    }
    refresh();
  }

  function lay(over) {
    at("sides").classList.toggle("over", over);
    at("overlay").setAttribute("aria-pressed", String(over));
    at("mix").hidden = at("blink").hidden = !over;
    at("laid").textContent = over ? laidOf(shown) : "";
    mix(over ? 50 : 100);
    align();
  }

  function laidOf(skip) {
    if (!skip.dataset.lies) return "The two are not aligned: how they lie on each other is not known.";
    const differs = at("places").children.length ? "What differs is outlined." : "Nothing differs at this size.";
    return `The duplicate is laid on the kept image. ${differs}`;
  }

  function outline(skip) {
    const places = (skip.dataset.differs ?? "").split(",").filter(Boolean).map((one) => one.split(" ").map(Number));
    at("places").replaceChildren(...places.map(([left, top, width, height]) => {
      const place = document.createElement("div");
      Object.assign(place.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
      return place;
    }));
    at("mask").hidden = !places.length;
  }

  function contentOf(image) {
    const scale = Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    return { left: (image.clientWidth - width) / 2, top: (image.clientHeight - height) / 2, width, height };
  }

  const isThere = (image) => !image.hidden && image.naturalWidth > 0 && image.clientWidth > 0;

  // Shares of the two pictures become pixels of the stage, in which both lie in the middle.
  function align() {
    const [one, other] = [at("one"), at("other")];
    other.style.transform = "";
    if (!shown || !isThere(one)) return;
    const kept = contentOf(one);
    for (const side of ["left", "top", "width", "height"]) at("places").style[side] = `${kept[side]}px`;
    if (!isOver() || !shown.dataset.lies || !isThere(other)) return;
    const laid = contentOf(other);
    const matrix = new DOMMatrix()
      .translate(kept.left, kept.top)
      .scale(kept.width, kept.height)
      .multiply(new DOMMatrix(shown.dataset.lies.split(" ").map(Number)))
      .scale(1 / laid.width, 1 / laid.height)
      .translate(-laid.left, -laid.top);
    other.style.transform = matrix.toString();
  }

  function mask() {
    const on = at("places").classList.toggle("mask");
    at("mask").setAttribute("aria-pressed", String(on));
  }

  function mix(percent) {
    at("slide").value = String(percent);
    at("other").style.opacity = String(percent / 100);
  }

  const isOver = () => at("sides").classList.contains("over");
  const blink = () => mix(at("slide").valueAsNumber < 50 ? 100 : 0);

  function turn(step) {
    const next = nextSkip(shown, shown.closest(".group"), step);
    if (next) compare(next, isOver());
  }

  function turnGroup(step) {
    const next = nextGroup(shown.closest(".group"), step);
    if (next && skipsOf(next).length) compare(skipsOf(next)[0], isOver());
  }

  function shut() {
    const skip = shown;
    shown = null;
    dialog.close(); // which tells so later, when a quick hand may be elsewhere already
    go(skip);
  }

  dialog.addEventListener("close", () => {
    if (said) document.body.append(said);
    if (shown) go(shown); // closed by what the browser has for it, such as a gesture
    shown = null;
  });
  at("close").addEventListener("click", shut);
  at("overlay").addEventListener("click", () => lay(!isOver()));
  at("blink").addEventListener("click", blink);
  at("mask").addEventListener("click", mask);
  for (const id of ["one", "other"]) at(id).addEventListener("load", align);
  window.addEventListener("resize", align);
  at("slide").addEventListener("input", () => mix(at("slide").valueAsNumber));
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));

  // Marks -----------------------------------------------------------------------------------------------------------

  const MARKS = {
    distinct: ["Not a duplicate", "d"],
    same: ["Same as another task", "s"],
    representative: ["Make this the representative", "r"],
    keep: ["Keep all", "a"],
  };

  function button(text, act, key) {
    const made = document.createElement("button");
    made.type = "button";
    made.append(text);
    if (key) {
      const shownKey = document.createElement("kbd");
      shownKey.textContent = key;
      made.append(" ", shownKey);
    }
    made.addEventListener("click", act);
    return made;
  }

  function marker(kind, item) {
    const made = button(MARKS[kind][0], () => mark(kind, item()), MARKS[kind][1]);
    made.dataset.mark = kind;
    return made;
  }

  const partsOf = (item) => all(`[data-group="${item.closest("[data-group]").dataset.group}"]`);

  function asked(kind, item, another) {
    const group = item.closest("[data-group]");
    if (kind === "keep") return { mark: kind, tasks: [...new Set(partsOf(item).flatMap(tasksOf))] };
    return { mark: kind, one: JSON.parse(item.dataset.task), other: another ?? JSON.parse(group.dataset.task) };
  }

  function done(item, text, kind) {
    item.dataset.done = text;
    for (const one of all("button[data-mark]", item)) one.disabled = true;
    const badge = document.createElement("p");
    badge.className = "badge";
    badge.textContent = text;
    const place = item.querySelector(item.matches("article") ? "header" : ".act");
    place.append(badge);
    if (kind !== "distinct") return;
    const undo = button("Undo", () => mark("same", item), MARKS.same[1]);
    undo.className = "undo";
    place.append(undo);
  }

  function undone(item) {
    delete item.dataset.done;
    for (const one of all("button[data-mark]", item)) one.disabled = false;
    for (const one of all(".badge, .undo", item)) one.remove();
    item.focus({ preventScroll: true });
  }

  const isDone = (item) => Boolean(item.dataset.done || item.closest("[data-group]").dataset.done);
  const isApart = (item) => Boolean(item.matches(".skip, tr") && item.querySelector(".undo"));

  function askFor(group) {
    const answer = prompt(`Which task shows the same as task ${group.dataset.task}? Give its number.`);
    return /^\s*\d+\s*$/.test(answer ?? "") ? Number(answer) : null;
  }

  async function mark(kind, item) {
    const back = kind === "same" && isApart(item);
    if (kind === "same" && !back) item = item.closest("[data-group]");
    if (!["keep", "same"].includes(kind) && !item.matches(".skip, tr")) return;
    const subjects = kind === "distinct" || back ? [item] : partsOf(item); // the others decide about the whole group
    const closed = back ? item.closest("[data-group]").dataset.done : isDone(item);
    if (closed || subjects.some((one) => one.dataset.busy)) return;
    const another = kind === "same" && !back ? askFor(item) : undefined;
    if (another === null) return;
    for (const one of subjects) one.dataset.busy = "1";
    say("Writing …");
    try {
      const answer = await fetch("marks", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Labelonce": "review" },
        body: JSON.stringify(asked(kind, item, another)),
      });
      const told = await answer.json();
      const other = kind === "representative" || another !== undefined;
      if (answer.ok && other) told.text += ". Load the page again to go on with it.";
      if (answer.ok && back) undone(item);
      else if (answer.ok) for (const one of subjects) settle(one, told.text, kind);
      say([told.text, told.advice].filter(Boolean).join(" "));
    } catch {
      say("Nothing was marked: the review does not answer. Is it still running?");
    }
    for (const one of subjects) delete one.dataset.busy;
    refresh();
  }

  function settle(subject, text, kind) {
    const had = subject.contains(document.activeElement) && document.activeElement.matches("button");
    if (subject.matches("tbody")) subject.dataset.done = text;
    done(subject.matches("tbody") ? subject.querySelector("tr") : subject, text, kind);
    if (subject.matches("tbody")) for (const one of all("button[data-mark]", subject)) one.disabled = true;
    if (had && subject.tabIndex === -1) subject.focus({ preventScroll: true });
  }

  function say(text) {
    said.textContent = text;
  }

  function refresh() {
    if (!shown) return;
    for (const one of all("#marks button")) {
      one.disabled = isDone(shown) && !(one.dataset.mark === "same" && isApart(shown));
    }
  }

  function equip(chunk) {
    for (const row of all("tr[data-task]", chunk)) {
      const cell = row.querySelector(".act");
      cell.append(marker("distinct", () => row), marker("representative", () => row));
      if (row.matches(":first-child")) cell.append(marker("same", () => row), marker("keep", () => row));
      if (isDone(row)) for (const one of all("button", cell)) one.disabled = true;
    }
  }

  // All together ----------------------------------------------------------------------------------------------------

  for (const skip of all(".skip")) {
    const tools = document.createElement("p");
    tools.className = "act";
    const open = button("Compare", () => compare(skip, false));
    open.setAttribute("aria-label", `Compare ${nameOf(skip)} with what is kept`);
    tools.append(open);
    if (review) tools.append(marker("distinct", () => skip), marker("representative", () => skip));
    skip.append(tools);
    skip.querySelector(".frame").addEventListener("click", () => compare(skip, false));
  }
  if (review) {
    for (const group of groups) {
      group.querySelector("header").append(marker("same", () => group), marker("keep", () => group));
    }
    for (const kind of Object.keys(MARKS)) at("marks").append(marker(kind, () => shown));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        equip(entry.target);
      }
    }, { rootMargin: "300px" });
    for (const chunk of chunks) seen.observe(chunk);
  }

  function inDialog(key, target) {
    const moves = { ArrowLeft: () => turn(-1), ArrowRight: () => turn(1) };
    const acts = {
      j: () => turnGroup(1),
      k: () => turnGroup(-1),
      o: () => lay(!isOver()),
      b: () => isOver() && blink(),
      m: () => at("mask").hidden || mask(),
      Escape: shut,
    };
    if (target.matches("input") && key in moves) return null;
    return moves[key] ?? acts[key] ?? markOf(key, shown);
  }

  function onPage(key, target) {
    const group = here(".group");
    const skip = here(".skip") ?? group?.querySelector(".skip");
    const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[key];
    if (step && (group || key.length === 1)) return () => go(nextGroup(group, step) ?? group ?? document.body);
    if (key === "/") return () => go(at("find"));
    if (group && skip) {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (way) return () => go(nextSkip(here(".skip"), group, way) ?? group);
      if (key === "o") return () => compare(skip, true);
      if (key === "Enter" && !target.matches("a, button")) return () => compare(skip, false);
    }
    return markOf(key, skip ?? here("tr[data-task]"));
  }

  function markOf(key, item) {
    const kind = Object.keys(MARKS).find((one) => MARKS[one][1] === key);
    return review && kind && item ? () => mark(kind, kind === "keep" ? item.closest("[data-group]") : item) : null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !at("filter")) return;
    if (event.repeat && "dras".includes(event.key)) return; // a key that stays down marks once
    if (event.target.matches("input:not([type=range])")) {
      const first = nextGroup(null, 1);
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && first) go(first);
      return;
    }
    const act = dialog.open ? inDialog(event.key, event.target) : onPage(event.key, event.target);
    if (!act) return;
    event.preventDefault();
    act();
  });

  if (at("filter")) {
    at("filter").hidden = at("keys").hidden = false;
    at("keys").open = matchMedia("(min-width: 40rem) and (pointer: fine)").matches;
    at("filter").addEventListener("submit", (event) => event.preventDefault());
    at("filter").addEventListener("input", filter);
    filter();
  }
})();
