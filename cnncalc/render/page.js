// The page of cnncalc. All that it shows is in the element "data"; it asks for nothing from anywhere, and makes
// markup of no text: every text becomes a text node.
"use strict";
(() => {
  /** @typedef {{b: Array<any>, e: Array<[number, number, string]>, r: Array<Array<[number, number]>>}} Drawing */
  /** What is shown: networks, and their comparison. @type {any} */
  let DATA;
  // The fields of a layer, as cnncalc.views.page writes them.
  const F = {name: 0, kind: 1, what: 2, output: 3, inputs: 4, params: 5, macs: 6, flops: 7, activations: 8, read: 9,
    written: 10, alive: 11, saved: 12, seconds: 13, field: 14, stride: 15, padding: 16, sees: 17, measured: 18};
  /** Take over new data: give layers and drawings the form that is shown. @param {any} data */
  function take(data) {
    for (const each of data.networks) {
      each.layers = each.layers.map(([name, inputs, record, field], i) => {
        const [kind, what, output, ...costs] = each.records[record];
        if (field === undefined) return [name, kind, what, output, inputs];
        return [name, kind, what, output, inputs, ...costs, ...each.fields[field], ...(each.measured ? [each.measured.seconds[i]] : [])];
      });
      unpack(each.drawing, each.layers);
    }
    DATA = data;
  }
  /** Give a drawing's boxes, edges and rows the form that is drawn: boxes are [name, label, what, shape, nodes, inside].
   * @param {any} drawing @param {Array<any>} layers */
  function unpack(drawing, layers) {
    drawing.b = drawing.b.map((box) => {
      if (typeof box === "number") {
        const parts = layers[box][0].split("."), last = parts[parts.length - 1];
        const label = parts.length > 1 && /^\d+$/.test(last) ? parts.slice(-2).join(".") : last;
        return [layers[box][0], label, layers[box][2], layers[box][3].join("x"), [box, 1], null];
      }
      unpack(box[4], layers);
      const nodes = box[3], end = nodes[nodes.length - 2] + nodes[nodes.length - 1] - 1;
      return [box[0], box[1], box[2], layers[end][3].join("x"), nodes, box[4]];
    });
    drawing.e = drawing.e.map(([from, to, shape]) => [from, to, shape === undefined ? drawing.b[from][3] : shape]);
    drawing.r = drawing.r.map((row) => row.map((slot) => (slot < 0 ? [-2 - slot, 1] : [slot, 0])));
  }
  const ALL_COLUMNS = [["Layer", F.name], ["Kind", F.kind], ["Output", F.output], ["Parameters", F.params],
    ["MACs", F.macs], ["FLOPs", F.flops], ["Activations", F.activations], ["Read, bytes", F.read],
    ["Written, bytes", F.written], ["Alive, bytes", F.alive], ["Saved, bytes", F.saved], ["Least seconds", F.seconds],
    ["Measured seconds", F.measured], ["Receptive field", F.field]];
  let COLUMNS = ALL_COLUMNS;
  const ALL_COSTS = [["kind", "Kind of layer"], ["params", "Parameters"], ["macs", "MACs"], ["read", "Bytes read"],
    ["saved", "Saved bytes"], ["seconds", "Least time"], ["measured", "Measured time"], ["field", "Receptive field"]];
  const MOST_ROWS = 400;

  // ---- elements ----
  /** An element with attributes and children; texts become text nodes.
   * @param {string} tag @param {Record<string, any>} [attributes] @param {...any} children @returns {any} */
  function el(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  /** The same in SVG. @param {string} tag @param {Record<string, any>} [attributes] @param {...any} children @returns {any} */
  function sv(tag, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  }
  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(key, value);
      else node.setAttribute(key, value === true ? "" : String(value));
    }
    for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
    return node;
  }
  /** A cell as people read it; unknown is told, never 0. @param {any} value @param {number} field @returns {string} */
  function text(value, field) {
    if (value === undefined) return "";
    if (value === null) return "unknown";
    if (Array.isArray(value)) return value.join("x");
    if (field === F.seconds || field === F.measured) return value.toExponential(3);
    return typeof value === "number" ? value.toLocaleString("en-US", {maximumFractionDigits: 6}) : value;
  }
  /** A value to sort and to colour by. @param {any} value @returns {any} */
  function order(value) {
    if (Array.isArray(value)) return value.reduce((a, b) => a * b, 1);
    if (typeof value === "string" && /^(at least )?[\d,]+$/.test(value)) return Number(value.replace(/[^\d]/g, ""));
    return value === null || value === undefined ? -1 : value;
  }
  const readable = (n) => {
    if (n === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(n)) / 3);
    const names = ["p", "n", "\u00b5", "m", "", "k", "M", "G", "T", "P", "E"];
    const at = Math.max(-4, Math.min(power, 6));
    return `${Number((n / 1000 ** at).toPrecision(3))}${names[at + 4]}`;
  };

  // ---- state ----
  /** The network that is shown. @type {any} */
  let net;
  let number = 0;
  let selected = -1;
  let open = new Set();
  let zoom = 1;
  let cost = "kind";
  let sort = {field: -1, down: false};
  let filter = "";
  let limit = MOST_ROWS;
  let shown = [];
  const live = el("p", {class: "skip", role: "status", "aria-live": "polite"});

  // ---- the frame ----
  const view = el("div", {class: "view", id: "graph", tabindex: "0", role: "region", "aria-label": "The network's graph"});
  const panel = el("section", {class: "panel", id: "layer", "aria-label": "The layer", tabindex: "0"});
  const tableBox = el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "The layers as a table"});
  const tableCount = el("span", {class: "dim", id: "count"});
  const chartBox = el("div", {class: "charts"});
  const totals = el("ul", {class: "totals"});
  const heading = el("p", {class: "dim"});
  const title = el("h1");
  const notes = el("div");
  const warned = el("section", {id: "warnings"});
  const names = el("datalist", {id: "names"});
  const search = el("input", {type: "search", id: "search", list: "names", placeholder: "conv1", "aria-label": "Find a layer",
    keydown: (event) => { if (event.key === "Enter") find(search.value); }, change: () => find(search.value)});
  const colour = el("select", {id: "cost", change: () => { cost = colour.value; draw(); }});
  const filterBox = el("input", {type: "search", id: "filter", placeholder: "name or kind", "aria-label": "Filter the table",
    input: () => { filter = filterBox.value.toLowerCase(); limit = MOST_ROWS; table(); }});

  function frame() {
    const tabs = DATA.networks.length < 2 ? null : el("nav", {class: "bar", "aria-label": "Networks"},
      DATA.networks.map((each, i) => el("button", {class: "tab", "aria-pressed": "false", click: () => { choose(i); hash(); }}, each.title)));
    document.querySelectorAll("body > .part").forEach((part) => part.remove());
    document.body.append(
      el("a", {class: "skip part", href: "#table"}, "To the table"),
      el("header", {class: "part"}, title, heading, tabs, totals),
      el("main", {class: "part"},
        DATA.compared ? compared() : null,
        el("div", {class: "two"},
          el("section", {}, el("h2", {}, "Graph"),
            el("div", {class: "bar"}, el("label", {}, "Find", search), names,
              el("label", {}, "Colour", colour),
              el("button", {click: () => scale(zoom * 1.25), "aria-label": "Larger"}, "+"),
              el("button", {click: () => scale(zoom / 1.25), "aria-label": "Smaller"}, "\u2212"),
              el("button", {click: fit}, "Fit"),
              el("button", {id: "open", click: () => { groups(net.drawing, (box) => open.add(box[0])); draw(); }}, "Open all"),
              el("button", {id: "close", click: () => { open.clear(); draw(); }}, "Close all")),
            view),
          el("section", {}, el("h2", {}, "Layer"), panel)),
        warned,
        el("section", {}, el("h2", {}, "Charts"), chartBox),
        el("section", {}, el("h2", {id: "table"}, "Layers"),
          el("div", {class: "bar"}, el("label", {}, "Filter", filterBox),
            el("button", {id: "copy", click: copy}, "Copy as CSV"), tableCount),
          tableBox),
        el("section", {}, el("h2", {}, "What is counted"), notes)),
      el("footer", {class: "part"}, el("p", {class: "dim"}, "Made by cnncalc. Counts are exact; what a layer does not say is unknown, never zero.")),
      live);
  }
  live.classList.add("part");
  view.addEventListener("wheel", (event) => {
    if (event.ctrlKey) { event.preventDefault(); scale(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)); }
  }, {passive: false});
  addEventListener("hashchange", fromHash);

  /** Show a network. @param {number} i */
  function choose(i) {
    selected = -1; zoom = 1; open = new Set(); limit = MOST_ROWS;
    present(i);
  }
  /** Show a network with the zoom, the open groups and the rows that are asked for. @param {number} i */
  function present(i) {
    number = i; net = DATA.networks[i]; shown = [];
    const known = ([, field]) => field !== F.measured || net.measured;
    COLUMNS = ALL_COLUMNS.filter(known);
    colour.replaceChildren(...ALL_COSTS.filter(([key]) => known([0, F[key]])).map(([key, label]) => el("option", {value: key}, label)));
    if (cost === "measured" && !net.measured) cost = "kind";
    colour.value = cost;
    document.querySelectorAll(".tab").forEach((tab, k) => tab.setAttribute("aria-pressed", String(k === i)));
    title.textContent = net.title; heading.textContent = net.heading;
    totals.replaceChildren(...net.totals.map(([label, value]) => el("li", {}, el("b", {}, text(value, -1)), label)));
    notes.replaceChildren(...net.notes.map((note) => el("p", {}, note)),
      el("p", {}, `Least time: the roofline's, on ${net.device}.`),
      ...(net.measured ? [el("p", {}, `Measured time: ${net.measured.what}.`)] : []));
    names.replaceChildren(...net.layers.slice(0, 2000).map((layer) => el("option", {value: layer[F.name]})));
    draw(); details(); charts(); warnings(); table();
  }
  /** Show new data in place of the old: what was open, chosen, sorted and filtered stays so. @param {any} data */
  function replace(data) {
    const name = net && selected >= 0 ? net.layers[selected][F.name] : "";
    const places = [view.scrollLeft, view.scrollTop, scrollX, scrollY];
    take(data); frame();
    document.title = DATA.networks.map((each) => each.title).join(", ");
    selected = -1;
    present(Math.min(number, DATA.networks.length - 1));
    const at = net.layers.findIndex((layer) => layer[F.name] === name);
    if (at >= 0) select(at);
    view.scrollTo(places[0], places[1]); scrollTo(places[2], places[3]);
  }

  // ---- the graph: rows and lanes come with the data; here boxes get their sizes and places ----
  const LETTER = 6.4, LINE = 15, PAD = 8, GAP = 18, LANE = 8, ROW = 26;
  /** All groups of a drawing, however deep. @param {Drawing} drawing @param {(box: any) => void} visit */
  function groups(drawing, visit) {
    for (const box of drawing.b) if (box[5]) { visit(box); groups(box[5], visit); }
  }
  function lines(box) {
    const what = box[2] === box[1] ? [] : box[2].match(/.{1,34}(\s|$)|\S{34}|.+$/g).slice(0, 3).map((line) => line.trim());
    return [box[1].length > 34 ? `${box[1].slice(0, 33)}\u2026` : box[1], ...what, box[3]];
  }
  /** A drawing with sizes and places, as render/svg.py lays it out. @param {Drawing} drawing @returns {any} */
  function layout(drawing) {
    const inside = drawing.b.map((box) => (box[5] && open.has(box[0]) ? layout(box[5]) : null));
    const sizes = drawing.b.map((box, i) => {
      const texts = inside[i] ? [lines(box)[0]] : lines(box);
      const width = Math.max(...texts.map((line) => line.length)) * LETTER + 2 * PAD;
      return inside[i] ? [Math.max(width, inside[i].width + 2 * PAD), LINE + inside[i].height + 2 * ROW]
        : [Math.max(width, 60), texts.length * LINE + PAD];
    });
    const row = new Array(drawing.b.length);
    drawing.r.forEach((slots, r) => slots.forEach(([box, lane]) => { if (!lane) row[box] = r; }));
    const sources = drawing.b.map(() => []);
    for (const [from, to] of drawing.e) if (to >= 0 && from !== to) sources[to].push(from);
    let above = new Map(), left = 0, right = 0;
    const widths = drawing.r.map((slots) => slots.map(([box, lane]) => (lane ? LANE : sizes[box][0])));
    const middles = drawing.r.map((slots, r) => {
      const wanted = slots.map(([box, lane]) => {
        const near = (lane ? [box] : sources[box]).map((from) => {
          const straight = from >= 0 && row[from] === r - 1;
          return [above.get(`${from} ${straight ? 0 : 1}`), straight ? 1 : 0.05];
        }).filter(([x]) => x !== undefined);
        const weight = near.reduce((sum, [, w]) => sum + w, 0);
        return weight ? near.reduce((sum, [x, w]) => sum + x * w, 0) / weight : 0;
      });
      const found = spread(wanted, widths[r], slots.map(([, lane]) => lane));
      above = new Map(slots.map(([box, lane], i) => [`${box} ${lane}`, found[i]]));
      if (found.length) {
        left = Math.min(left, found[0] - widths[r][0] / 2);
        right = Math.max(right, found[found.length - 1] + widths[r][widths[r].length - 1] / 2);
      }
      return found;
    });
    const places = [], lanes = new Map(), rows = [];
    let top = 0;
    drawing.r.forEach((slots, r) => {
      const height = Math.max(0, ...slots.filter(([, lane]) => !lane).map(([box]) => sizes[box][1]));
      slots.forEach(([box, lane], i) => {
        const x = middles[r][i] - left;
        if (lane) lanes.set(`${r} ${box}`, x);
        else places[box] = {x: x - sizes[box][0] / 2, y: top + (height - sizes[box][1]) / 2, w: sizes[box][0], h: sizes[box][1]};
      });
      rows.push([top, top + height]);
      top += height + ROW;
    });
    return {drawing, inside, places, lanes, rows, row, width: right - left, height: Math.max(0, top - ROW)};
  }
  /** Places in order without overlap, as near to those wanted as can be. */
  function spread(wanted, widths, lanes) {
    const blocks = [], offsets = [];
    let offset = 0;
    widths.forEach((width, i) => {
      if (i) offset += (widths[i - 1] + width) / 2 + GAP;
      offsets.push(offset);
      let block = [wanted[i] - offset, lanes[i] ? 0.02 : 1, 1];
      while (blocks.length && blocks[blocks.length - 1][0] > block[0]) {
        const [origin, weight, many] = blocks.pop();
        block = [(origin * weight + block[0] * block[1]) / (weight + block[1]), weight + block[1], many + block[2]];
      }
      blocks.push(block);
    });
    return blocks.flatMap(([origin, , many]) => Array(many).fill(origin)).map((origin, i) => origin + offsets[i]);
  }
  function indexes(box) {
    const found = [];
    for (let i = 0; i < box[4].length; i += 2) for (let k = 0; k < box[4][i + 1]; k++) found.push(box[4][i] + k);
    return found;
  }
  const FAMILIES = [["conv", "#cfe5f5"], ["linear", "#f7d9c4"], ["pool", "#cdeee2"], ["norm", "#f6efc2"],
    ["add", "#f0d5e4"], ["concat", "#f0d5e4"], ["multiply", "#f0d5e4"], ["input", "#e4e4e4"]];
  /** The amount of a cost in a box: a sum; of receptive fields the last. */
  function amount(box, field) {
    const all = indexes(box).map((i) => net.layers[i]);
    if (field === F.field) return order(all[all.length - 1][field]?.[0]);
    return all.reduce((sum, layer) => sum + Math.max(0, order(layer[field])), 0);
  }
  function tint(box, most) {
    if (cost === "kind") {
      const kinds = new Set(indexes(box).map((i) => net.layers[i][F.kind]));
      for (const [mark, tone] of FAMILIES) for (const kind of kinds) if (kind.includes(mark)) return tone;
      return "#f4f4f4";
    }
    const part = most ? Math.sqrt(Math.max(0, amount(box, F[cost])) / most) : 0;
    const mix = (a, b) => Math.round(a + (b - a) * part);
    return `rgb(${mix(255, 230)},${mix(253, 130)},${mix(245, 40)})`;
  }
  /** Draw the graph anew. */
  function draw() {
    const found = layout(net.drawing);
    let most = 0;
    if (cost !== "kind") {
      const visit = (each) => each.drawing.b.forEach((box, i) => (each.inside[i] ? visit(each.inside[i]) : (most = Math.max(most, amount(box, F[cost])))));
      visit(found);
    }
    const width = found.width + 2 * PAD, height = found.height + 2 * PAD;
    const svg = sv("svg", {width: width * zoom, height: height * zoom, viewBox: `0 0 ${width} ${height}`,
      role: "group", "aria-label": `The graph of ${net.title}`});
    paint(svg, found, PAD, PAD, most);
    view.replaceChildren(svg);
    mark();
  }
  function paint(parent, found, x, y, most) {
    for (const [from, to, shape] of found.drawing.e) parent.append(edge(found, from, to, shape, x, y));
    found.drawing.b.forEach((box, i) => {
      const place = found.places[i], inner = found.inside[i];
      const group = Boolean(box[5]);
      const act = (event) => {
        event.stopPropagation();
        if (group) toggle(box[0]); else { select(box[4][0]); hash(); }
      };
      const g = sv("g", {class: inner ? "group" : "tile", tabindex: "0", role: "button", "data-name": box[0],
        "aria-label": `${box[0]}, ${box[2]}, ${box[3]}`, "aria-expanded": group ? String(Boolean(inner)) : null, click: act,
        keydown: (event) => { if (event.target === g && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); act(event); } }},
        sv("title", {}, `${box[0]}: ${box[2]}, ${box[3]}`),
        sv("rect", {x: x + place.x, y: y + place.y, width: place.w, height: place.h, rx: 4,
          fill: inner ? null : tint(box, most), "stroke-dasharray": group && !inner ? "4 2" : null}));
      const middle = x + place.x + place.w / 2;
      (inner ? [lines(box)[0]] : lines(box)).forEach((line, k) => g.append(sv("text",
        {x: middle, y: y + place.y + LINE * (k + 0.9), "font-weight": k ? null : "bold"}, line)));
      parent.append(g);
      if (inner) paint(parent, inner, middle - inner.width / 2, y + place.y + LINE + ROW, most);
    });
  }
  function edge(found, from, to, shape, x, y) {
    const {places, rows, lanes} = found, entry = found.width / 2;
    const first = from === -1 ? -1 : found.row[from], last = to === -2 ? rows.length : found.row[to];
    const start = from === -1 ? [entry, -ROW] : [places[from].x + places[from].w / 2, places[from].y + places[from].h];
    const end = to === -2 ? [entry, found.height + ROW] : [places[to].x + places[to].w / 2, places[to].y];
    const points = [start];
    if (from !== -1 && first < last) points.push([start[0], rows[first][1]]);
    for (let r = first + 1; r < last; r++) {
      const lane = lanes.get(`${r} ${from}`);
      if (lane !== undefined) points.push([lane, rows[r][0]], [lane, rows[r][1]]);
    }
    if (to !== -2 && first < last) points.push([end[0], rows[last][0]]);
    points.push(end);
    let path = `M${x + start[0]} ${y + start[1]}`;
    for (let i = 1; i < points.length; i++) {
      const [ax, ay] = points[i - 1], [bx, by] = points[i], bend = (by - ay) / 2;
      path += Math.abs(ax - bx) < 0.05 ? `V${y + by}`
        : `C${x + ax} ${y + ay + bend} ${x + bx} ${y + by - bend} ${x + bx} ${y + by}`;
    }
    if (to !== -2) path += `m-3 -5l3 5l3 -5`;
    const size = shape.split("x").reduce((a, b) => a * Number(b), 1);
    return sv("path", {class: "edge", d: path, "stroke-width": (0.8 + Math.max(0, Math.log10(size) - 3) * 0.45).toFixed(2)}, sv("title", {}, shape));
  }
  function toggle(name) {
    if (open.has(name)) open.delete(name); else open.add(name);
    draw();
    const again = [...view.querySelectorAll("[data-name]")].find((node) => node.dataset.name === name);
    if (again) again.focus({preventScroll: true});
    live.textContent = `${name} is ${open.has(name) ? "open" : "closed"}`;
  }
  function scale(to) {
    zoom = Math.max(0.002, Math.min(8, to));
    draw();
  }
  function fit() {
    const found = layout(net.drawing);
    scale(Math.min(2, (view.clientWidth - 20) / (found.width + 2 * PAD), (view.clientHeight - 20) / (found.height + 2 * PAD)));
  }
  /** Mark the selected layer in the graph. */
  function mark() {
    view.querySelectorAll(".on").forEach((node) => node.classList.remove("on"));
    if (selected < 0) return;
    const name = net.layers[selected][F.name];
    const tile = [...view.querySelectorAll(".tile")].find((node) => node.dataset.name === name);
    if (tile) tile.classList.add("on");
  }

  // ---- finding and selecting ----
  /** Select the layer of a name, or the first whose name holds the text. @param {string} wanted */
  function find(wanted) {
    if (!wanted) return;
    const text = wanted.toLowerCase();
    let at = net.layers.findIndex((layer) => layer[F.name] === wanted);
    if (at < 0) at = net.layers.findIndex((layer) => layer[F.name].toLowerCase().includes(text));
    if (at < 0) { live.textContent = `No layer is called ${wanted}`; search.setAttribute("aria-invalid", "true"); return; }
    search.removeAttribute("aria-invalid");
    reveal(at); hash();
  }
  /** Open the groups around a layer, select it, and bring it into view. @param {number} at */
  function reveal(at) {
    const into = (drawing) => {
      for (const box of drawing.b) if (indexes(box).includes(at)) { if (box[5]) { open.add(box[0]); into(box[5]); } return; }
    };
    into(net.drawing); draw(); select(at);
    const tile = view.querySelector(".on");
    if (tile) tile.scrollIntoView({block: "center", inline: "center"});
  }
  /** @param {number} at */
  function select(at) {
    selected = at; mark(); details();
    tableBox.querySelectorAll("tr").forEach((tr) => tr.classList.toggle("on", Number(tr.dataset.at) === at));
    live.textContent = net.layers[at][F.name];
  }
  function hash() {
    const layer = selected < 0 ? "" : net.layers[selected][F.name];
    history.replaceState(null, "", `#${DATA.networks.length > 1 ? `${number + 1}!` : ""}${encodeURIComponent(layer)}`);
  }
  function fromHash() {
    let wanted;
    try { wanted = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const found = /^(\d+)!(.*)$/s.exec(wanted);
    if (DATA.networks.length > 1 && found && DATA.networks[Number(found[1]) - 1]) {
      if (Number(found[1]) - 1 !== number) choose(Number(found[1]) - 1);
      wanted = found[2];
    }
    const at = net.layers.findIndex((layer) => layer[F.name] === wanted);
    if (at >= 0) reveal(at);
  }

  // ---- the layer ----
  function details() {
    if (selected < 0) {
      panel.replaceChildren(el("p", {class: "dim"}, "Pick a layer in the graph, in a chart or in the table. A dashed box is a group: it opens."));
      return;
    }
    const layer = net.layers[selected];
    const list = el("dl", {}, el("dt", {}, "Kind"), el("dd", {}, layer[F.what]),
      el("dt", {}, "Reads"), el("dd", {}, layer[F.inputs].flatMap((i, k) => [k ? ", " : "", link(i), ` ${net.layers[i][F.output].join("x")}`])),
      COLUMNS.slice(2).filter(([, f]) => layer.length > f).flatMap(([label, f]) => [el("dt", {}, label), el("dd", {}, text(layer[f], f))]));
    const lines = net.lines[selected - skipped(selected)] || [];
    const formulas = [];
    if (layer.length > F.params) for (let i = 0; i < lines.length; i += 4) {
      const [quantity, formula, calculation, meaning] = lines.slice(i, i + 4).map((k) => net.texts[k]);
      formulas.push(el("div", {class: "formula"}, el("b", {}, quantity), meaning ? el("span", {class: "dim"}, ` ${meaning}`) : null,
        formula ? el("code", {class: "dim"}, formula) : null, el("code", {}, calculation)));
    }
    if (!net.lines.length) formulas.push(el("p", {class: "dim"}, "This network is too large for its formulas to be on the page: ", el("code", {}, "cnncalc explain NETWORK LAYER")));
    const said = (net.warnings || []).filter((found) => found.layers.includes(selected));
    panel.replaceChildren(el("h3", {id: "chosen"}, layer[F.name]),
      said.length ? el("ul", {class: "warnings"}, said.map((found) => el("li", {}, el("b", {}, `${found.severity}[${found.code}]`), ` ${found.message}`))) : "",
      list, sees(layer) || "", el("h3", {}, "Where the numbers come from"), ...formulas);
  }
  /** How many inputs stand before a node: they have no formulas. */
  function skipped(at) {
    let found = 0;
    for (let i = 0; i < at; i++) if (net.layers[i].length <= F.params) found++;
    return found;
  }
  /** A unit's receptive field over the input: pick the unit with the mouse or the arrow keys. */
  function sees(layer) {
    const sizes = net.input.slice(1), units = layer[F.output].slice(1);
    if (layer.length <= F.params || sizes.length !== 2) return null;
    if (layer[F.sees] === 1) return el("p", {}, "Every unit sees the whole image.");
    if (layer[F.sees] !== 2 || units.length !== 2) return el("p", {class: "dim"}, "The units of this layer do not all see alike: ", el("code", {}, "cnncalc rf NETWORK LAYER --unit I,J"));
    const told = el("p", {id: "seen", "aria-live": "polite"});
    const [H, W] = sizes, [h, w] = units;
    const dot = sv("rect", {width: 1, height: 1, fill: "var(--orange)"});
    const window_ = sv("rect", {fill: "var(--blue)", "fill-opacity": 0.35, stroke: "var(--blue)", "stroke-width": Math.max(H, W) / 150});
    let unit = [h >> 1, w >> 1];
    const show = () => {
      const ends = unit.map((u, d) => {
        const from = u * layer[F.stride][d] - layer[F.padding][d];
        return [Math.max(0, from), Math.min(sizes[d] - 1, from + layer[F.field][d] - 1)];
      });
      const empty = ends.some(([from, to]) => from > to);
      fill(dot, {x: unit[1], y: unit[0]}, []);
      fill(window_, empty ? {width: 0, height: 0} : {x: ends[1][0], y: ends[0][0], width: ends[1][1] - ends[1][0] + 1, height: ends[0][1] - ends[0][0] + 1}, []);
      told.textContent = `Unit ${unit.join(",")} sees ` + (empty ? "nothing of the image." : `rows ${ends[0].join(" to ")} and columns ${ends[1].join(" to ")}.`);
    };
    const side = Math.max(h, w), image = Math.max(H, W);
    const grid = (n, m) => {
      const step = Math.max(1, Math.ceil(Math.max(n, m) / 32)), marks = [];
      for (let i = 0; i <= m; i += step) marks.push(sv("line", {class: "grid", x1: i, x2: i, y1: 0, y2: n, "stroke-width": Math.max(n, m) / 400}));
      for (let i = 0; i <= n; i += step) marks.push(sv("line", {class: "grid", y1: i, y2: i, x1: 0, x2: m, "stroke-width": Math.max(n, m) / 400}));
      return marks;
    };
    const clamp = (value, n) => Math.max(0, Math.min(n - 1, value));
    const pick = (event) => {
      const box = map.getBoundingClientRect();
      unit = [clamp(Math.floor((event.clientY - box.top) / box.height * side), h), clamp(Math.floor((event.clientX - box.left) / box.width * side), w)];
      show();
    };
    const map = sv("svg", {id: "units", viewBox: `0 0 ${side} ${side}`, tabindex: "0", role: "application", "aria-label": "Units of the layer: arrow keys pick one",
      pointermove: (event) => { if (event.buttons || event.pointerType === "mouse") pick(event); }, pointerdown: pick,
      keydown: (event) => {
        const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
        if (!step) return;
        event.preventDefault();
        unit = [clamp(unit[0] + step[0], h), clamp(unit[1] + step[1], w)]; show();
      }}, ...grid(h, w), dot);
    const picture = sv("svg", {viewBox: `0 0 ${image} ${image}`, role: "img", "aria-label": "What the unit sees of the input"}, ...grid(H, W), window_);
    show();
    return el("div", {}, el("h3", {}, "Receptive field"), el("div", {class: "grid2"},
      el("div", {}, el("div", {class: "dim"}, `Units, ${units.join("x")}`), map),
      el("div", {}, el("div", {class: "dim"}, `Input, ${sizes.join("x")}`), picture)), told);
  }

  // ---- charts: the marks of cnncalc's own Vega-Lite specs ----
  const TONES = {"#0072b2": "var(--blue)", "#d55e00": "var(--orange)", "#009e73": "var(--green)", "#cc79a7": "var(--purple)", "#555555": "var(--dim)"};
  function charts() {
    chartBox.replaceChildren(...net.charts.map(figure));
    if (!net.charts.length) chartBox.append(el("p", {class: "dim"}, "This network is too large for charts on a page: cnncalc plot draws them."));
  }
  function figure(chart) {
    return el("figure", {class: "chart", "data-kind": chart.kind}, el("figcaption", {}, chart.title), chart.panels.map(plot));
  }
  /** One panel: axes, and the marks of its layers. @param {any} panel */
  function plot(panel) {
    const layers = (panel.layer || [panel]).map((layer) => ({...layer, mark: typeof layer.mark === "string" ? {type: layer.mark} : layer.mark}));
    const W = 460, across = layers[0].encoding.y.type === "nominal";
    const left = across ? 130 : 44, right = 12, top = across ? 10 : 22, rows = layers[0].data.values;
    const tall = across ? 20 * rows.length : panel.height || 110, bottom = 34, H = top + tall + bottom;
    const width = W - left - right;
    const svg = sv("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${layers[0].encoding.y.title || layers[0].encoding.x.title}: the table has the numbers`});
    const axis = (name, from, to) => {
      const own = layers.map((layer) => layer.encoding[name]).filter(Boolean);
      const values = layers.flatMap((layer) => (layer.encoding[name] ? layer.data.values.map((row) => row[layer.encoding[name].field]) : []));
      const {type, scale = {}, title} = own[0];
      if (type === "nominal") {
        const order_ = [...new Map(layers[0].data.values.map((row, i) => [i, row[own[0].field]])).values()];
        const step = (to - from) / Math.max(1, order_.length);
        return {at: (_, i) => from + step * (i + 0.5), step, ticks: [], title};
      }
      const known = values.filter((value) => typeof value === "number" && Number.isFinite(value));
      let low = Math.min(...known, Infinity), high = Math.max(...known, -Infinity);
      if (!known.length) { low = 0; high = 1; }
      if (scale.type === "log") {
        low = 10 ** Math.floor(Math.log10(low)); high = 10 ** Math.ceil(Math.log10(high * 1.0001));
        const ticks = [];
        const every = Math.max(1, Math.ceil(Math.log10(high / low) / 8));
        for (let p = Math.log10(low); p <= Math.log10(high) + 1e-9; p += every) ticks.push(10 ** Math.round(p));
        return {at: (v) => from + (to - from) * Math.log(v / low) / Math.log(high / low), ticks, title};
      }
      if (scale.zero !== false && name === "y" || across) low = Math.min(0, low);
      if (scale.zero === false) { const room = (high - low) * 0.15 || 1; low -= room; high += room; }
      if (high === low) high = low + 1;
      const raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
      const step = [1, 2, 5, 10].map((k) => k * unit).find((k) => k >= raw);
      const ticks = [];
      for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-6; t += step) ticks.push(Number(t.toPrecision(12)));
      return {at: (v) => from + (to - from) * (v - low) / (high - low), ticks, title, low};
    };
    const x = axis("x", left, left + width), y = across ? axis("y", top, top + tall) : axis("y", top + tall, top);
    for (const t of x.ticks) svg.append(sv("line", {class: "grid", x1: x.at(t), x2: x.at(t), y1: top, y2: top + tall}),
      sv("text", {x: x.at(t), y: top + tall + 13, "text-anchor": "middle"}, readable(t)));
    for (const t of y.ticks) svg.append(sv("line", {class: "grid", x1: left, x2: left + width, y1: y.at(t), y2: y.at(t)}),
      sv("text", {x: left - 5, y: y.at(t) + 3.5, "text-anchor": "end"}, readable(t)));
    if (across) rows.forEach((row, i) => svg.append(sv("text", {x: left - 5, y: y.at(null, i) + 3.5, "text-anchor": "end"}, short(row[layers[0].encoding.y.field], 20))));
    svg.append(sv("line", {class: "axis", x1: left, x2: left + width, y1: top + tall, y2: top + tall}));
    const label = x.title || (across ? "" : "Layers, in order");
    svg.append(sv("text", {x: left + width / 2, y: H - 6, "text-anchor": "middle"}, label),
      across ? "" : sv("text", {x: 4, y: 12, "font-weight": "bold"}, y.title || ""));
    for (const layer of layers) marks(svg, layer, x, y, {left, width, top, tall, across});
    const tones = layers.map((layer) => layer.encoding.color).find((found) => found && found.scale);
    if (!tones) return svg;
    return el("div", {}, svg, el("p", {class: "dim"}, tones.title ? `${tones.title}: ` : "",
      tones.scale.domain.flatMap((name, i) => [el("span", {}, sw(tones.scale.range[i]), ` ${name}  `)])));
  }
  const sw = (tone) => sv("svg", {class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true"}, sv("rect", {width: 10, height: 10, fill: TONES[tone] || tone}));
  const short = (name, most) => (name.length > most ? `\u2026${name.slice(1 - most)}` : name);
  function marks(svg, layer, x, y, box) {
    const {mark, encoding} = layer, values = layer.data.values, tone = TONES[mark.color] || mark.color || "var(--blue)";
    const colourOf = (row) => {
      if (!encoding.color) return tone;
      const {domain, range} = encoding.color.scale;
      const found = range[domain.indexOf(row[encoding.color.field])];
      return TONES[found] || found || tone;
    };
    const at = (row, i) => [x.at(encoding.x ? row[encoding.x.field] : 0, i), y.at(encoding.y ? row[encoding.y.field] : 0, i)];
    const tip = (row) => Object.entries(row).filter(([key]) => key !== "index").map(([key, value]) => `${key}: ${typeof value === "number" ? text(value, -1) : value}`).join("\n");
    const click = (row) => () => { const i = net.layers.findIndex((each) => each[F.name] === row.layer); if (i >= 0) { reveal(i); hash(); } };
    if (mark.type === "bar") values.forEach((row, i) => {
      const [px, py] = at(row, i);
      const value = row[(box.across ? encoding.x : encoding.y).field];
      if (typeof value !== "number") return;
      const size = box.across ? {x: box.left, y: py - y.step * 0.4, width: Math.max(0, px - box.left), height: y.step * 0.8}
        : {x: px - x.step * 0.45, y: py, width: x.step * 0.9, height: Math.max(0, box.top + box.tall - py)};
      svg.append(sv("rect", {class: "mark", ...size, fill: colourOf(row), click: click(row)}, sv("title", {}, tip(row))));
    });
    else if (mark.type === "line" || mark.type === "area") {
      const series = new Map();
      values.forEach((row) => { const key = encoding.color ? row[encoding.color.field] : ""; series.set(key, [...(series.get(key) || []), row]); });
      for (const rows of series.values()) {
        let path = "";
        rows.forEach((row, i) => {
          const [px, py] = at(row, i);
          path += i ? (mark.type === "area" ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
        });
        if (mark.type === "area" && rows.length) {
          const [first] = at(rows[0], 0), [last] = at(rows[rows.length - 1], 0);
          svg.append(sv("path", {d: `${path}L${last} ${box.top + box.tall}L${first} ${box.top + box.tall}Z`, fill: tone, "fill-opacity": 0.3}));
        }
        svg.append(sv("path", {d: path, fill: "none", stroke: colourOf(rows[0]), "stroke-width": 1.8}));
        if (encoding.tooltip) rows.forEach((row, i) => {
          const [px] = at(row, i), next = rows[i + 1] ? at(rows[i + 1], 0)[0] : px + 3;
          svg.append(sv("rect", {class: "mark", x: px, y: box.top, width: Math.max(1, next - px), height: box.tall, fill: "transparent", click: click(row)}, sv("title", {}, tip(row))));
        });
      }
    } else if (mark.type === "point") {
      const most = encoding.size ? Math.max(...values.map((row) => row[encoding.size.field])) : 0;
      values.forEach((row, i) => {
        const [px, py] = at(row, i);
        const r = most ? 2.5 + 11 * Math.sqrt(row[encoding.size.field] / most) : 4;
        svg.append(sv("circle", {class: "mark", cx: px, cy: py, r, fill: colourOf(row), "fill-opacity": 0.6, click: click(row)}, sv("title", {}, tip(row))));
      });
    } else if (mark.type === "rule") values.forEach((row) => svg.append(sv("line", {x1: box.left, x2: box.left + box.width, y1: y.at(row[encoding.y.field]), y2: y.at(row[encoding.y.field]), stroke: "var(--dim)", "stroke-dasharray": "4 3"})));
    else if (mark.type === "text") values.forEach((row, i) => {
      const [px, py] = at(row, i);
      svg.append(sv("text", {x: Math.max(box.left + 40, Math.min(px, box.left + box.width - 40)), y: py - 9, "text-anchor": "middle"}, short(String(row[encoding.text.field]), 28)));
    });
  }

  // ---- what check says ----
  /** A link to a layer. @param {number} i */
  function link(i) {
    return el("a", {href: "#", click: (event) => { event.preventDefault(); reveal(i); hash(); }}, net.layers[i][F.name]);
  }
  function warnings() {
    warned.replaceChildren(...(net.warnings ? [el("h2", {}, "Warnings"), ...(net.warnings.length ? [el("ul", {class: "warnings"}, net.warnings.map(warning))]
      : [el("p", {class: "dim"}, "None.")])] : []));
  }
  /** A warning with its place, its mend and its layers. */
  function warning(found) {
    const named = found.layers.slice(0, 12), more = found.layers.length - named.length + found.more;
    return el("li", {}, el("b", {}, `${found.severity}[${found.code}]`), ` ${found.message}`,
      el("div", {class: "dim"}, [found.place, found.cause, found.mend].filter(Boolean).join("; ")),
      el("div", {}, named.flatMap((i, k) => [k ? ", " : "", link(i)]), more ? ` and ${more.toLocaleString("en-US")} more` : ""));
  }

  // ---- the table ----
  function rows() {
    let found = net.layers.map((layer, at) => ({layer, at})).filter(({layer}) => layer.length > F.params);
    if (filter) found = found.filter(({layer}) => `${layer[F.name]} ${layer[F.what]}`.toLowerCase().includes(filter));
    if (sort.field >= 0) {
      const key = ({layer}) => order(layer[sort.field]);
      found.sort((a, b) => { const p = key(a), q = key(b); return (p < q ? -1 : p > q ? 1 : a.at - b.at) * (sort.down ? -1 : 1); });
    }
    return found;
  }
  function table() {
    shown = rows();
    const head = el("tr", {}, COLUMNS.map(([label, field]) => {
      const mine = sort.field === field;
      return el("th", {class: field > F.output ? "n" : "", scope: "col", "aria-sort": mine ? (sort.down ? "descending" : "ascending") : "none"},
        el("button", {click: () => { sort = {field, down: mine ? !sort.down : field > F.output}; table(); }}, label, mine ? (sort.down ? " \u2193" : " \u2191") : ""));
    }));
    const body = shown.slice(0, limit).map(({layer, at}) => el("tr", {"data-at": at, class: at === selected ? "on" : ""},
      COLUMNS.map(([, field]) => el("td", {class: field > F.output ? "n" : ""}, field === F.name
        ? el("a", {href: "#", click: (event) => { event.preventDefault(); reveal(at); hash(); }}, layer[field]) : text(layer[field], field)))));
    const more = shown.length > limit ? el("button", {id: "more", click: () => { limit *= 4; table(); }}, "Show more rows") : null;
    tableBox.replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, body)), ...(more ? [more] : []));
    const all = net.layers.filter((layer) => layer.length > F.params).length;
    tableCount.textContent = shown.length === all ? `${all.toLocaleString("en-US")} layers` : `${shown.length.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} layers`;
  }
  /** The rows shown as CSV: exact numbers, and no cell that a spreadsheet would take for a formula. @returns {string} */
  function csv() {
    const cell = (value) => {
      let plain = value === null || value === undefined ? "" : Array.isArray(value) ? value.join("x") : String(value);
      if (/^(at least )?\d{1,3}(,\d{3})+$/.test(plain)) plain = plain.replace(/,/g, "");
      if (/^[=+\-@\t\r]/.test(plain)) plain = `'${plain}`;
      return /[",\n\r]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain;
    };
    return [COLUMNS.map(([label]) => cell(label)), ...shown.map(({layer}) => COLUMNS.map(([, field]) => cell(layer[field])))].map((row) => row.join(",")).join("\n") + "\n";
  }
  async function copy() {
    const all = csv();
    let done = false;
    try { await navigator.clipboard.writeText(all); done = true; } catch { /* a file's page may not: the old way */ }
    if (!done) {
      const area = el("textarea", {"aria-hidden": "true"});
      area.value = all; document.body.append(area); area.select();
      done = document.execCommand("copy"); area.remove();
    }
    live.textContent = done ? "Copied." : "The browser does not let the page copy.";
    document.getElementById("copy").textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { document.getElementById("copy").textContent = "Copy as CSV"; }, 2000);
  }

  // ---- several networks ----
  function compared() {
    return el("section", {}, el("h2", {}, "Side by side"), el("div", {class: "charts"}, DATA.scatter.map(figure)),
      DATA.compared.map((found) => el("div", {}, el("h3", {}, found.title),
        el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": found.title}, el("table", {class: "compared"},
          el("thead", {}, el("tr", {}, found.columns.map((name, i) => el("th", {class: found.right[i] ? "n" : "", scope: "col"}, name)))),
          el("tbody", {}, found.rows.map((row) => el("tr", {}, row.map((cell, i) => el("td", {class: found.right[i] ? "n" : ""}, cell))))))),
        found.notes.map((note) => el("p", {class: "dim"}, note)))));
  }

  // A served page is given new data by the script that watches: see watch.js.
  document.addEventListener("cnncalc", (event) => replace(/** @type {any} */ (event).detail));
  const first = JSON.parse(document.getElementById("data").textContent);
  if (first.networks.length) {
    take(first);
    frame();
    choose(0);
    fromHash();
  }
})();
