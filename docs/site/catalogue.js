// The catalogue: sorts and filters its table, and plots what is left. Texts become text nodes; nothing is requested.
"use strict";
(() => {
  const root = document.getElementById("catalogue");
  if (!root) return;
  /** @type {Array<any>} */
  const all = JSON.parse(document.getElementById("catalogue-data").textContent);
  const body = root.querySelector("tbody"), rows = new Map([...body.rows].map((row) => [row.dataset.name, row]));
  const AXES = [["params", "Parameters"], ["macs", "MACs"], ["flops", "FLOPs"], ["layers", "Layers"], ["year", "Year"], ["top1", "Top-1, %"]];
  let sort = {key: "", down: false}, filter = "";
  /** @param {string} tag @param {Record<string, any>} attributes @param {...any} children @returns {any} */
  function el(tag, attributes, ...children) { return fill(document.createElement(tag), attributes, children); }
  /** @param {string} tag @param {Record<string, any>} attributes @param {...any} children @returns {any} */
  function sv(tag, attributes, ...children) { return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children); }
  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value); else node.setAttribute(key, String(value));
    }
    node.append(...children.flat());
    return node;
  }
  const box = el("input", {type: "search", id: "catalogue-filter", placeholder: "resnet 2016", input: () => { filter = box.value.toLowerCase(); show(); }});
  const pick = (id, chosen) => el("select", {id, change: show}, AXES.map(([key, label]) => {
    const option = el("option", {value: key}, label);
    option.selected = key === chosen;
    return option;
  }));
  const across = pick("catalogue-x", "macs"), up = pick("catalogue-y", "top1"), count = el("span", {role: "status"});
  document.getElementById("catalogue-tools").append(el("label", {}, "Filter", box), el("label", {}, "Plot", up), el("label", {}, "against", across), count);
  root.querySelectorAll("th").forEach((head) => {
    const key = head.dataset.key, label = head.textContent;
    head.replaceChildren(el("button", {type: "button", click: () => {
      sort = {key, down: sort.key === key ? !sort.down : head.classList.contains("n")};
      root.querySelectorAll("th").forEach((other) => other.setAttribute("aria-sort", other !== head ? "none" : sort.down ? "descending" : "ascending"));
      show();
    }}, label));
  });
  /** The entries that are left, in order; those without a value come last. */
  function left() {
    const words = filter.split(/\s+/).filter(Boolean);
    const found = all.filter((each) => words.every((word) => `${each.name} ${each.title} ${each.family} ${each.year || ""}`.toLowerCase().includes(word)));
    if (!sort.key) return found;
    const known = found.filter((each) => each[sort.key] !== null && each[sort.key] !== "");
    known.sort((a, b) => (a[sort.key] < b[sort.key] ? -1 : a[sort.key] > b[sort.key] ? 1 : 0) * (sort.down ? -1 : 1));
    return [...known, ...found.filter((each) => !known.includes(each))];
  }
  function show() {
    const found = left();
    body.replaceChildren(...found.map((each) => rows.get(each.name)));
    count.textContent = `${found.length} of ${all.length} networks`;
    document.getElementById("catalogue-plot").replaceChildren(plot(found));
  }
  const readable = (n) => {
    if (!n) return "0";
    const power = Math.max(0, Math.min(4, Math.floor(Math.log10(n) / 3)));
    return `${Number((n / 1000 ** power).toPrecision(4))}${["", "k", "M", "G", "T"][power]}`;
  };
  /** A scale: logarithmic for amounts, plain for years and percents. */
  function scale(key, values, from, to) {
    const plain = key === "year" || key === "top1";
    let low = Math.min(...values), high = Math.max(...values);
    if (plain) {
      const room = (high - low) * 0.05 || 1;
      low -= room; high += room;
      const raw = (high - low) / 6, unit = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((k) => k * unit).find((k) => k >= raw);
      const whole = key === "year" ? Math.max(1, Math.round(step)) : step, ticks = [];
      for (let t = Math.ceil(low / whole) * whole; t <= high; t += whole) ticks.push(Number(t.toPrecision(10)));
      return {at: (v) => from + (to - from) * (v - low) / (high - low), ticks, text: String};
    }
    low = 10 ** Math.floor(Math.log10(low)); high = 10 ** Math.ceil(Math.log10(high * 1.0001));
    const ticks = [];
    for (let t = low; t <= high * 1.0001; t *= 10) ticks.push(t);
    return {at: (v) => from + (to - from) * Math.log(v / low) / Math.log(high / low), ticks, text: readable};
  }
  function plot(found) {
    const x = across.value, y = up.value, shown = found.filter((each) => each[x] > 0 && each[y] > 0);
    const [W, H, L, B] = [760, 380, 62, 40];
    const svg = sv("svg", {viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": "The networks as points; the table has the numbers"});
    if (!shown.length) { svg.append(sv("text", {x: L, y: 40}, "Nothing to plot.")); return svg; }
    const h = scale(x, shown.map((each) => each[x]), L, W - 16), v = scale(y, shown.map((each) => each[y]), H - B, 12);
    for (const t of h.ticks) svg.append(sv("line", {x1: h.at(t), x2: h.at(t), y1: 12, y2: H - B}), sv("text", {x: h.at(t), y: H - B + 15, "text-anchor": "middle"}, h.text(t)));
    for (const t of v.ticks) svg.append(sv("line", {x1: L, x2: W - 16, y1: v.at(t), y2: v.at(t)}), sv("text", {x: L - 6, y: v.at(t) + 4, "text-anchor": "end"}, v.text(t)));
    const label = (key) => AXES.find(([name]) => name === key)[1];
    svg.append(sv("text", {x: (W + L) / 2, y: H - 6, "text-anchor": "middle"}, label(x)), sv("text", {x: L + 4, y: 10}, label(y)));
    for (const each of shown) {
      const about = `${each.title || each.name}: ${label(x)} ${each[x].toLocaleString("en-US")}, ${label(y)} ${each[y].toLocaleString("en-US")}`;
      svg.append(sv("a", {href: `${each.name}/`, "aria-label": about}, sv("circle", {cx: h.at(each[x]), cy: v.at(each[y]), r: 5}, sv("title", {}, about))));
    }
    return svg;
  }
  show();
})();
